"""How readings pass the links of a session: when each leaves each hop, and which hop loses it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Rng
from simulator.traffic.sent import Sent
from simulator.traffic.sources import CREATED, END, LOSER, START, Flying, Session, Source
from simulator.traffic.tries import NEVER
from simulator.traffic.ways import Ways, round_trip

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Legs:
    """The links as readings meet them now."""

    __slots__ = ("_rng", "_ways", "sent")

    def __init__(self, ways: Ways, rng: Rng) -> None:
        self._ways, self._rng = ways, rng
        self.sent: Sent | None = None  # where somebody wants to know

    def set_out(self, source: Source, session: Session, created: Ints, start: Ints, until: int) -> Ints:
        """Readings (n,) that set out at `start` over the steps of a session, as rows under way (4, n). Those that come
        to a radio that may sleep only after `until` end NEVER, as far as is known."""
        if self.sent is not None:
            self.sent.some(session.steps or (), start)
        if not session.odd:
            return np.stack([created, start, start + session.delay_ns, np.full(len(created), -1)])
        return self._rows(source, session, np.stack([created, start]), until)

    def under_way(self, source: Source, until: int) -> Ints:
        """What is pending of a source, as rows (4, n), with the fates that are known by then."""
        rows = source.pending
        unknown = rows[END] == NEVER
        if not unknown.any():
            return rows
        again = self._rows(source, source.session, rows[:END, unknown], until)
        return np.concatenate([rows[:, ~unknown], again], axis=1)

    def _rows(self, source: Source, session: Session, rows: Ints, until: int) -> Ints:
        leaves, lost, known = self._leaves(source, session, rows, until)
        return np.concatenate([rows, np.stack([np.where(known, leaves[-1], NEVER), lost])])

    def arrivals(self, source: Source, until: int) -> tuple[Ints, Ints, Ints]:
        """Of the readings that end their present session by then: when those that arrive were made, and when they
        arrive, in no order; and when the others are lost."""
        session, every = source.session, source.every
        first = source.base + source.done * every
        number = max(0, (until - first - (0 if session.odd else session.delay_ns)) // every + 1)
        source.done += number
        created = first + np.arange(number) * every
        if not session.odd:
            self.run(session, first + session.delay_ns, every, number)
            return created, created + session.delay_ns, source.nothing[0]
        new = self.set_out(source, session, created, created, until)
        rows = np.concatenate([self.under_way(source, until), new], axis=1)
        over, lost = rows[END] <= until, rows[LOSER] >= 0
        source.pending = rows[:, ~over]
        came = rows[:, over & ~lost]
        return came[CREATED], came[END], rows[END, over & lost]

    def run(self, session: Session, first: int, every: int, number: int) -> None:
        """So many readings pass a session of which each takes the same: the first at `first`, one each `every`."""
        if self.sent is not None and number:
            self.sent.run(session.steps or (), first, every, number)

    def left_behind(self, source: Source, session: Session, rows: Ints, now: int) -> list[Flying]:
        """Those readings (4, n) that are under way now, each by itself, as their session ends."""
        if not session.steps:
            return []
        leaves, lost, _ = self._leaves(source, session, rows, now)
        each = zip(rows[CREATED].tolist(), leaves.T.tolist(), lost.tolist(), strict=True)
        return [Flying(source, session, made, way, lost=hop, now=now) for made, way, hop in each]

    def _leaves(self, source: Source, session: Session, rows: Ints, until: int) -> tuple[Ints, Ints, Flags]:
        """When each reading leaves each hop (hops, n), and the hop that loses it (-1: none). A reading is lost where it
        enters a link; it leaves no hop after that. And whether that is known: it comes to no radio after `until`."""
        assert session.steps is not None
        number, time = rows.shape[1], rows[START]
        lost, leaves, known = np.full(number, -1), [], np.ones(number, np.bool_)
        ks = (rows[CREATED] - source.base) // source.every
        trip = np.full(number, round_trip(session.steps))
        odd = session.odd or ((0, 0.0),) * len(session.steps)
        for i, (step, (spread, chance)) in enumerate(zip(session.steps, odd, strict=True)):
            travels = np.full(number, step[2])
            if spread or chance:
                draws = {
                    "jitter": self._rng.draws(step[4], source.identity, ks) if spread else np.zeros(number),
                    "loss": self._rng.draws(f"loss/{step[4]}", source.identity, ks) if chance else np.ones(number),
                }
                spreads, chances = np.full(number, spread), np.full(number, chance)
                travels = self._ways.travel_all(travels, spreads, chances, trip, **draws, repeats=source.repeats)
            radio = session.radios[i] if session.radios else None
            if radio is not None:
                known &= (lost >= 0) | (time <= until)
                time = np.where(lost < 0, time + radio.waits(time, until), time)
            lost = np.where((travels < 0) & (lost < 0), i, lost)
            line, sent = self._ways.lines[step[0]], time + step[1]
            if line is not None:
                sent = np.array([line.capacity.after(t, step[5]) for t in time.tolist()], np.int64)
            time = np.where(lost < 0, sent + travels, time)
            leaves.append(time)
        return np.array(leaves, np.int64), lost, known
