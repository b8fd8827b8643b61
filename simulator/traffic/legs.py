"""How readings pass the links of a session: when each leaves each hop, and which hop loses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Rng
from simulator.traffic.sources import CREATED, START, Flying, Session, Source
from simulator.traffic.ways import Ways, round_trip

Ints = NDArray[np.int64]


class Legs:
    """The links as readings meet them now."""

    __slots__ = ("_rng", "_ways")

    def __init__(self, ways: Ways, rng: Rng) -> None:
        self._ways, self._rng = ways, rng

    def set_out(self, source: Source, session: Session, created: Ints, start: Ints) -> Ints:
        """Readings (n,) that set out at `start` over the steps of a session, as rows under way (4, n)."""
        if not session.odd:
            return np.stack([created, start, start + session.delay_ns, np.full(len(created), -1)])
        leaves, lost = self._leaves(source, session, np.stack([created, start]))
        return np.stack([created, start, leaves[-1], lost])

    def left_behind(self, source: Source, session: Session, rows: Ints, now: int) -> list[Flying]:
        """Those readings (4, n) that are under way now, each by itself, as their session ends."""
        if not session.steps:
            return []
        leaves, lost = self._leaves(source, session, rows)
        each = zip(rows[CREATED].tolist(), leaves.T.tolist(), lost.tolist(), strict=True)
        return [Flying(source, session, made, way, lost=hop, now=now) for made, way, hop in each]

    def _leaves(self, source: Source, session: Session, rows: Ints) -> tuple[Ints, Ints]:
        """When each reading leaves each hop (hops, n), and the hop that loses it (-1: none). A reading is lost where it
        enters a link; it leaves no hop after that."""
        assert session.steps is not None
        number, time = rows.shape[1], rows[START]
        lost, leaves = np.full(number, -1), []
        ks = (rows[CREATED] - source.base) // source.every
        trip = np.full(number, round_trip(session.steps))
        odd = session.odd or ((0, 0.0),) * len(session.steps)
        for i, (step, (spread, chance)) in enumerate(zip(session.steps, odd, strict=True)):
            travels = np.full(number, step[2])
            if spread or chance:
                draws = {
                    "jitter": self._rng.draws(step[4], source.identity, ks),
                    "loss": self._rng.draws(f"loss/{step[4]}", source.identity, ks),
                }
                spreads, chances = np.full(number, spread), np.full(number, chance)
                travels = self._ways.travel_all(travels, spreads, chances, trip, **draws)
            lost = np.where((travels < 0) & (lost < 0), i, lost)
            time = np.where(lost < 0, time + step[1] + travels, time)
            leaves.append(time)
        return np.array(leaves, np.int64), lost
