"""A link is cut for a while."""

from __future__ import annotations

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.network import Network


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
    """Cut `link` at `at` (ns) for `duration` ns (None: for good), in a mode of `simulator.world.link.MODES`.

    `loss` and `direction` as in `Network.cut`. Cuts of one link may overlap: it is whole when all have ended, while
    each has its own CutStarted and CutEnded.
    """
    name = network.links[link].name

    def start() -> None:
        recorder.events.add(clock.now, "CutStarted", name, "", mode)
        token = network.cut(link, mode, loss, direction)
        if duration is not None:
            clock.after(duration, end, token)

    def end(token: int) -> None:
        recorder.events.add(clock.now, "CutEnded", name, "", mode)
        network.mend(link, token)

    clock.at(at, start)
