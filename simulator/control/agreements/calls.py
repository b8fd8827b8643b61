"""An agent's calls of the Exchange: in order, one at a time, each repeated until it is answered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import Any

from simulator.control.agreements.attempts import Attempts
from simulator.control.agreements.exchange import Exchange
from simulator.control.agreements.settings import AgentSettings
from simulator.control.delivery.reach import OK, SILENT, Reach
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.streams import key as identity
from simulator.world.network import Network


@dataclass(slots=True, eq=False)
class _Call:
    """What is to be done at the hub. Of two with one key that were not sent yet the later replaces the earlier."""

    kind: str
    about: str
    size_bytes: int
    at_hub: Callable[..., object]
    args: tuple[Any, ...]
    key: Hashable
    cause: str
    tries: int = 0
    arrived: bool = False
    lost: bool = False  # with its node's power; what was under way may still arrive


class Calls:
    """The calls of one node. A transport error is no end: a call is made again until an answer comes."""

    __slots__ = ("_attempts", "_clock", "_exchange", "_key", "_name", "_network", "_queue", "_reach", "_recorder",
                 "_row", "_sent", "_settings", "_took", "_trial", "_wait")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        network: Network,
        reach: Reach,
        *,
        row: int,
        name: str,
        exchange: Exchange,
        settings: AgentSettings,
    ) -> None:
        self._clock, self._recorder, self._network, self._reach = clock, recorder, network, reach
        self._row, self._name, self._exchange, self._settings = row, name, exchange, settings
        self._key = identity(name)  # at the Exchange's intake
        self._queue: deque[_Call] = deque()
        self._attempts = Attempts(0, 0, settings.retry_ns, settings.polls.syn_ns)
        self._sent = False  # the first of the queue is under way
        self._trial = 0  # which try that is: late answers to earlier ones count for nothing
        self._took = 0  # how long a request takes to fail on the way as it is
        self._wait: Timer | None = None

    def make(
        self,
        kind: str,
        about: str,
        size_bytes: int,
        at_hub: Callable[..., object],
        *args: Any,
        key: Hashable = None,
        cause: str = "change",
    ) -> None:
        """Do `at_hub(*args)` there as soon as the way allows."""
        call = _Call(kind, about, size_bytes, at_hub, args, key, cause)
        self._note(call, "sent", cause)
        for number, other in enumerate(self._queue):
            if key is not None and other.key == key and not other.tries:
                self._note(other, "superseded", other.cause)
                self._queue[number] = call
                return
        self._queue.append(call)
        if len(self._queue) == 1:
            self._attempts.begin(self._clock.now)
            self._begin()

    def forget(self) -> None:
        """The node has lost power."""
        for call in self._queue:
            if not call.arrived:
                call.lost = True
                self._note(call, "lost", call.cause)
        self._queue.clear()
        self._stop()

    def path_changed(self) -> None:
        """The way to the Exchange is another: what waits for it goes on, or goes on waiting."""
        if not self._queue or self._sent:
            return  # what is under way finds out by itself
        self._attempts.pass_until(self._clock.now, self._took)
        self._begin()

    def _begin(self) -> None:
        """Make the next try when it can succeed; while the way is broken none can."""
        self._stop()
        self._took = self._settings.polls.timeout_ns if self._reach.state[self._row] == SILENT else 0
        if self._reach.state[self._row] == OK:
            at = self._attempts.succeeds(self._clock.now, self._settings.polls.timeout_ns)
            self._wait = self._clock.at(at, self._send)

    def _send(self) -> None:
        call = self._queue[0]
        if call.tries:
            self._note(call, "resent", "retry")
        call.tries += 1
        self._sent = True
        self._trial += 1
        self._wait = self._clock.after(self._settings.polls.timeout_ns, self._failed, self._trial)
        there, here = self._reach.api_node, self._reach.rows[self._row]
        self._network.send(
            here, there, call.size_bytes, self._arrive, call, self._trial,
            failed=partial(self._failed, self._trial),
        )  # fmt: skip

    def _arrive(self, call: _Call, trial: int) -> None:
        self._exchange.take_in(self._key, self._taken, call, trial, lost=self._dropped)

    def _dropped(self, _call: _Call, trial: int) -> None:
        """The hub has stopped, and hangs up."""
        self._failed(trial)

    def _taken(self, call: _Call, trial: int) -> None:
        """At the hub. Its answer goes back the same way."""
        if not call.lost:
            self._note(call, "duplicate" if call.arrived else "delivered", call.cause)
        call.arrived = True
        call.at_hub(*call.args)
        there, here = self._reach.api_node, self._reach.rows[self._row]
        self._network.send(there, here, self._settings.polls.bytes, self._answered, trial)

    def _answered(self, trial: int) -> None:
        if self._sent and trial == self._trial:
            self._stop()
            self._queue.popleft()
            if self._queue:
                self._attempts.begin(self._clock.now)
                self._begin()

    def _failed(self, trial: int) -> None:
        if self._sent and trial == self._trial:
            self._stop()
            self._attempts.ended(self._clock.now)
            self._begin()

    def _stop(self) -> None:
        self._sent = False
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None

    def _note(self, call: _Call, event: str, cause: str) -> None:
        self._recorder.deliveries.add(
            self._clock.now, self._name, "up", call.kind, call.about, event, cause, call.size_bytes
        )
