"""Column buffers: rows are entered into columns in blocks, and become a frame only at the end."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.record.schema import TABLES, Table

if TYPE_CHECKING:
    import polars as pl

_BLOCK = 256  # rows that wait at most: few enough to be entered while they are in the processor's cache
_TYPECODE = {"time": "q", "int": "q", "float": "d", "bool": "b", "code": "l"}


class Buffer:
    """The rows of one table so far."""

    __slots__ = ("_codes", "_columns", "_rows", "table")

    def __init__(self, table: Table) -> None:
        self.table = table
        self._columns = [array(_TYPECODE[c.kind]) for c in table.columns]
        # The number of each text, in the order in which they came: a new one gets the next.
        self._codes: list[dict[str, int] | None] = [
            defaultdict(count().__next__) if c.kind == "code" else None for c in table.columns
        ]
        self._rows: list[tuple[Any, ...]] = []  # the latest, not in the columns yet

    def __len__(self) -> int:
        return len(self._columns[0]) + len(self._rows)

    def add(self, *row: Any) -> None:
        """Add one row, in the order of the table's columns; times in ns, codes as strings."""
        self._rows.append(row)
        if len(self._rows) == _BLOCK:
            self._settle()

    def _settle(self) -> None:
        """Enter the latest rows into the columns: many at once cost a fraction of one by one."""
        if not self._rows:
            return
        latest, self._rows = zip(*self._rows, strict=True), []
        for column, codes, values in zip(self._columns, self._codes, latest, strict=True):
            column.extend(values if codes is None else map(codes.__getitem__, values))

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Add many rows."""
        for row in rows:
            self.add(*row)

    def frame(self) -> pl.DataFrame:
        """The table as a frame: times as float seconds, codes as strings."""
        import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

        self._settle()
        columns: dict[str, Any] = {}
        for spec, values, codes in zip(self.table.columns, self._columns, self._codes, strict=True):
            numbers = np.frombuffer(values, dtype=values.typecode) if len(values) else np.array([], values.typecode)
            if spec.kind == "time":
                columns[spec.name] = numbers / 1e9
            elif codes is not None:
                texts = pl.Series(spec.name, list(codes), dtype=pl.String)
                columns[spec.name] = texts.gather(numbers.astype(np.uint32))
            elif spec.kind == "bool":
                columns[spec.name] = numbers.astype(bool)
            else:
                columns[spec.name] = numbers.copy()
        return pl.DataFrame(columns)


class Recorder:
    """Every table of one run. Written to by all, read by none before the end."""

    __slots__ = tuple(TABLES)

    def __init__(self) -> None:
        for name, table in TABLES.items():
            setattr(self, name, Buffer(table))

    if TYPE_CHECKING:
        events: Buffer
        pods: Buffer
        nodes: Buffer
        memory: Buffer
        links: Buffer
        carried: Buffer
        requests: Buffer
        traffic: Buffer
        messages: Buffer
        spools: Buffer
        ages: Buffer
        commands: Buffer
        deliveries: Buffer
        clusters: Buffer
        decisions: Buffer
        migrations: Buffer
        functions: Buffer
        energy: Buffer
        batteries: Buffer
        costs: Buffer

    def frames(self) -> dict[str, pl.DataFrame]:
        """Every table as a frame."""
        return {name: getattr(self, name).frame() for name in TABLES}
