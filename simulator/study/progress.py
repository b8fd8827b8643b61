"""How far a study is: finished runs, simulated time, events; told across processes through a small file."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Self

from simulator.units import SECOND

_ROW = struct.Struct("<qq")  # of one run: simulated ns so far, events so far


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a study under way. `simulated_s` counts what every run has simulated so far; `what` says which study
    this is, where there are several in turn."""

    done: int
    total: int
    simulated_s: float
    simulated_total_s: float
    events: int
    wall_s: float
    what: str = ""

    @property
    def events_per_s(self) -> float:
        """Events per second of wall clock, all workers together."""
        return self.events / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def share(self) -> float:
        """What part of the simulated time is behind us, 0 to 1."""
        return min(1.0, self.simulated_s / self.simulated_total_s) if self.simulated_total_s > 0 else 1.0

    @property
    def eta_s(self) -> float | None:
        """Seconds of wall clock still to come, if it goes on like this; None while nothing can be said."""
        return self.wall_s * (1 - self.share) / self.share if self.share > 0 else None


Watch = Callable[[Progress], None]


class Board:
    """A file with a row per run, which workers write and the parent reads. Where a worker cannot see the file
    (another machine), its run counts when it is done."""

    def __init__(self, durations: Sequence[int], watch: Watch | None) -> None:
        self._durations = durations
        self._watch = watch
        self._done = 0
        self._begun = self._shown = perf_counter()
        self.file: str | None = None

    def __enter__(self) -> Self:
        if self._watch is not None:
            with tempfile.NamedTemporaryFile(prefix="littoral-", suffix=".progress", delete=False) as file:
                file.write(bytes(_ROW.size * len(self._durations)))
            self.file = file.name
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.file is not None:
            Path(self.file).unlink(missing_ok=True)

    def finished(self, index: int) -> None:
        """A run is done, or need not be done."""
        self._done += 1
        if self.file is not None:
            events = self._rows()[index][1]
            post(self.file, index, self._durations[index], events)
        self.show(at_most_every_s=0.0)

    def show(self, at_most_every_s: float = 0.25) -> None:
        """Tell the watcher, unless it was told just now."""
        now = perf_counter()
        if self._watch is None or now - self._shown < at_most_every_s:
            return
        self._shown = now
        rows = self._rows()
        simulated = sum(row[0] for row in rows) / SECOND
        total = sum(self._durations) / SECOND
        events = sum(row[1] for row in rows)
        self._watch(Progress(self._done, len(rows), simulated, total, events, now - self._begun))

    def _rows(self) -> list[tuple[int, int]]:
        return [(a, b) for a, b in _ROW.iter_unpack(Path(self.file).read_bytes())] if self.file is not None else []


def post(file: str, index: int, now_ns: int, events: int) -> None:
    """Write how far a run is. A file that is not there is nobody's fault: the parent is elsewhere, or has gone."""
    try:
        with open(file, "r+b") as board:
            board.seek(index * _ROW.size)
            board.write(_ROW.pack(now_ns, events))
    except OSError:
        return
