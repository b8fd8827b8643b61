"""Requests to come, a batch at a time, with the columns of draws that they and their calls will need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.physics.distributions import Distribution
from simulator.streams import Rng
from simulator.traffic.calls import Site, Visit
from simulator.traffic.schedules import Schedule
from simulator.traffic.tries import ISSUE, K_BITS, NEVER, SERIAL_BITS, Origin, Request

_BATCH: Final = 2048  # requests of an open flow looked ahead
_USER_BATCH: Final = 64  # requests of one user


class Batch:
    """A batch's requests as (identity of the origin, k), and its draws by name, each column made when first needed."""

    __slots__ = ("_identities", "_ks", "_rng", "columns")

    def __init__(self, rng: Rng, identities: NDArray[np.uint64], ks: NDArray[np.int64]) -> None:
        self._rng, self._identities, self._ks = rng, identities, ks
        self.columns: dict[str | Visit, Any] = {}

    def uniforms(self, name: str, batched: bool) -> Sequence[float]:
        """Uniforms in [0, 1), one a request; made one by one where few will be asked for."""
        if batched:
            column: Any = self._rng.draws(name, self._identities, self._ks).tolist()
        else:
            column = _Single(self._rng, name, self._identities, self._ks)
        self.columns[name] = column
        return column  # type: ignore[no-any-return]  # a list, or what answers like one

    def works(self, visit: Visit) -> Sequence[float]:
        """The work of each request at a visit, in ns on the reference core."""
        if visit.batched:
            column: Any = visit.work.sample(self._rng.draws(visit.name, self._identities, self._ks)).tolist()
        else:
            column = _Single(self._rng, visit.name, self._identities, self._ks, visit.work)
        self.columns[visit] = column
        return column  # type: ignore[no-any-return]

    def thinks(self, name: str, think: Distribution) -> list[int]:
        """How long the user thinks before each request, in ns, at least 1."""
        times: list[int] = np.maximum(think.ticks(self._rng.draws(name, self._identities, self._ks)), 1).tolist()
        return times


class _Single:
    """A column whose values are drawn when they are asked for."""

    __slots__ = ("_identities", "_ks", "_law", "_name", "_rng")

    def __init__(
        self,
        rng: Rng,
        name: str,
        identities: NDArray[np.uint64],
        ks: NDArray[np.int64],
        law: Distribution | None = None,
    ) -> None:
        self._rng, self._name, self._identities, self._ks, self._law = rng, name, identities, ks, law

    def __getitem__(self, i: int) -> float:
        u = self._rng.draw(self._name, int(self._identities[i]), int(self._ks[i]))
        return u if self._law is None else float(self._law.sample(u))


class Cursor:
    """Who issues the next request: an entry of the heap, due at `time`."""

    __slots__ = ("_batch", "_i", "_rng", "key", "kind", "site", "time")

    def __init__(self, rng: Rng, site: Site) -> None:
        self._rng = rng
        self.kind = ISSUE
        self.site = site
        self.time = NEVER
        self.key = 0
        self._i = 0
        self._batch: Batch | None = None

    def take(self, now: int) -> Request:
        """The request that is due now. Moves on to the next one."""
        raise NotImplementedError

    def _request(self, now: int, origin: Origin, identity: int, user: User | None) -> Request:
        assert self._batch is not None
        request: Request = object.__new__(Request)
        request.id, request.key, request.serial = identity, identity << SERIAL_BITS, 0
        request.origin, request.issued, request.user = origin, now, user
        request.batch, request.columns, request.i = self._batch, self._batch.columns, self._i
        return request


class Arrivals(Cursor):
    """An open flow: the requests of all its sources in order of (time, source, k)."""

    __slots__ = ("_identities", "_ids", "_ks", "_origins", "_sources", "_times", "first", "flow", "schedule")

    def __init__(
        self, rng: Rng, site: Site, schedule: Schedule, origins: list[Origin], identities: NDArray[np.uint64]
    ) -> None:
        super().__init__(rng, site)
        self.flow, self.first = origins[0].flow, origins[0].index
        self.schedule, self._origins, self._identities = schedule, origins, identities
        self._times: list[int] = []
        self._sources: list[int] = []
        self._ks: list[int] = []
        self._ids: list[int] = []

    def take(self, now: int) -> Request:
        """The request that is due now. Moves on to the next one."""
        i = self._i
        request = self._request(now, self._origins[self._sources[i]], self._ids[i], None)
        self._i = i + 1
        if i + 1 < len(self._times):
            self.time, self.key = self._times[i + 1], self._ids[i + 1] << SERIAL_BITS
        else:
            self.look_ahead(now)
        return request

    def look_ahead(self, now: int) -> None:
        """Take the next batch from the schedule."""
        times, sources, ks = self.schedule.ahead(now, _BATCH)
        self._i, self.time = 0, NEVER
        ids = (sources + self.first << K_BITS) + ks
        order = np.lexsort((ids, times))
        times, sources, ks, ids = times[order], sources[order], ks[order], ids[order]
        self._batch = Batch(self._rng, self._identities[sources], ks)
        self._times, self._sources, self._ks, self._ids = times.tolist(), sources.tolist(), ks.tolist(), ids.tolist()
        if self._times:
            self.time, self.key = self._times[0], self._ids[0] << SERIAL_BITS

    def put_back(self) -> None:
        """Return what is left of the batch to the schedule: the stream evaluator takes over."""
        rest = slice(self._i, None)
        self.schedule.give_back(
            np.array(self._times[rest], np.int64), np.array(self._sources[rest], np.int64),
            np.array(self._ks[rest], np.int64),
        )  # fmt: skip
        self._times, self._sources, self._ks, self._ids = [], [], [], []
        self._i, self.time = 0, NEVER


class User(Cursor):
    """One user of a closed flow: thinks, asks, waits for the outcome."""

    __slots__ = ("_first", "_identity", "_name", "_origin", "_think", "_thinks")

    def __init__(self, rng: Rng, site: Site, think: Distribution, origin: Origin, identity: np.uint64) -> None:
        super().__init__(rng, site)
        self._name, self._think, self._origin = f"think/{site.name}", think, origin
        self._identity = identity
        self._first = -_USER_BATCH  # k of the batch's first request
        self._i = _USER_BATCH - 1
        self._thinks: list[int] = []

    def take(self, now: int) -> Request:
        """The request that is due now."""
        self.time = NEVER
        return self._request(now, self._origin, (self._origin.index << K_BITS) + self._first + self._i, self)

    def think(self, now: int) -> None:
        """Start to think: sets when the next request is due."""
        self._i += 1
        if self._i == _USER_BATCH:
            self._i = 0
            self._first += _USER_BATCH
            ks = np.arange(self._first, self._first + _USER_BATCH)
            self._batch = Batch(self._rng, np.full(_USER_BATCH, self._identity), ks)
            self._thinks = self._batch.thinks(self._name, self._think)
        self.time = now + self._thinks[self._i]
        self.key = ((self._origin.index << K_BITS) + self._first + self._i) << SERIAL_BITS
