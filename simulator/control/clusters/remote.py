"""A client of an API server on another machine: its token bucket, the network there and back, and its patience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simpy.events import Event

from simulator.control.api.client import TokenBucket
from simulator.control.clusters.site import Site
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.world.network import Network


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """Rates of the client (1/s), its time-out, the server's time for a write (ns), and sizes in bytes."""

    qps: float
    burst: int
    timeout_ns: int
    write_ns: int
    object_bytes: int
    answer_bytes: int


class Remote:
    """Calls the API server of `site` from the machine `node`; the site's own machine is as good as any.

    A call is made once: whoever made it hears whether an answer came, and calls again. What was done at the server
    although its answer was lost is done twice, so a write must be one that may be. In the record each call is a message
    of its own, with one end.
    """

    __slots__ = ("_bucket", "_clock", "_network", "_node", "_recorder", "_settings", "_site")

    def __init__(
        self, clock: Clock, recorder: Recorder, network: Network, site: Site, *, node: int, settings: RemoteSettings
    ) -> None:
        self._clock, self._recorder, self._network = clock, recorder, network
        self._site = site
        self._node = node
        self._settings = settings
        self._bucket = TokenBucket(settings.qps, settings.burst)

    def call(self, about: str, again: bool, write: Callable[..., object], *args: Any) -> Event:
        """Make `write(*args)` at the server. The event's value says whether it was done and the answer has come.
        `about` and `again` (a repetition) are for the record."""
        call = _Call(self, about, "retry" if again else "change", write, args)
        self._clock.at(self._bucket.take(self._clock.now), call.send)
        return call.done


class _Call:
    """One call under way."""

    __slots__ = ("_about", "_args", "_cause", "_client", "_patience", "_write", "done")

    def __init__(
        self, client: Remote, about: str, cause: str, write: Callable[..., object], args: tuple[Any, ...]
    ) -> None:
        self._client = client
        self._about, self._cause = about, cause
        self._write, self._args = write, args
        self._patience: Timer | None = None
        self.done = client._clock.event()

    def send(self) -> None:
        c, s = self._client, self._client._settings
        self._note("sent")
        self._patience = c._clock.after(s.timeout_ns, self._finish, False)
        c._network.send(
            c._node, c._site.node, s.object_bytes, self._arrive, failed=self._refused, lost=lambda: self._note("lost")
        )

    def _refused(self) -> None:
        self._note("lost")
        self._finish(False)

    def _arrive(self) -> None:
        c = self._client
        self._note("delivered")
        if c._site.server.up:
            c._clock.after(c._settings.write_ns, self._do)
        else:
            self._answer(False)

    def _do(self) -> None:
        if up := self._client._site.server.up:
            self._write(*self._args)
        self._answer(up)

    def _answer(self, well: bool) -> None:
        c = self._client
        c._network.send(c._site.node, c._node, c._settings.answer_bytes, self._finish, well)

    def _finish(self, well: bool) -> None:
        if self._patience is not None:
            self._patience.cancel()
        if not self.done.triggered:
            self.done.succeed(well)

    def _note(self, event: str) -> None:
        c = self._client
        if c._node != c._site.node:
            c._recorder.deliveries.add(
                c._clock.now, c._site.machine, "down", "object", self._about, event, self._cause,
                c._settings.object_bytes,
            )  # fmt: skip
