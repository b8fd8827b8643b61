"""Links are cut for a while."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.network import Network


class LinkCut:
    """A cut of links that go down together, in a mode of `simulator.world.link.MODES`, as often as it is begun.

    `loss` and `direction` as in `Network.cut`. Cuts of one link may overlap: it is whole when all have ended, while
    each has its own CutStarted and CutEnded.
    """

    __slots__ = ("_clock", "_how", "_links", "_network", "_recorder", "_tokens")

    def __init__(
        self,
        clock: Clock,
        network: Network,
        recorder: Recorder,
        links: Sequence[int],
        mode: str,
        *,
        loss: float = 0.0,
        direction: int = 0,
    ) -> None:
        self._clock, self._network, self._recorder, self._links = clock, network, recorder, links
        self._how = mode, loss, direction
        self._tokens: list[int] = []

    def begin(self) -> None:
        """Cut them, at this instant."""
        for link in self._links:
            self._note("CutStarted", link)
            self._tokens.append(self._network.cut(link, *self._how))

    def end(self) -> None:
        """End the cut, at this instant."""
        for link, token in zip(self._links, self._tokens, strict=True):
            self._note("CutEnded", link)
            self._network.mend(link, token)
        self._tokens.clear()

    def _note(self, kind: str, link: int) -> None:
        self._recorder.events.add(self._clock.now, kind, self._network.links[link].name, "", self._how[0])


def apply_cut(
    clock: Clock,
    network: Network,
    recorder: Recorder,
    link: int,
    *,
    at: int,
    duration: int | None,
    mode: str,
    loss: float = 0.0,
    direction: int = 0,
) -> None:
    """Cut `link` at `at` (ns) for `duration` ns (None: for good); the rest as for `LinkCut`."""
    cut = LinkCut(clock, network, recorder, [link], mode, loss=loss, direction=direction)

    def begin() -> None:
        cut.begin()
        if duration is not None:
            clock.after(duration, cut.end)

    clock.at(at, begin)
