"""What happens to the copies of a member that is believed lost: nothing, or an eviction that takes its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.control.api.client import Client, TokenBucket
from simulator.control.api.objects import ApiObject, Job
from simulator.control.api.server import ApiServer
from simulator.control.clusters.objects import Binding, Member, Work
from simulator.control.clusters.roster import Roster, taint
from simulator.control.clusters.works import WorkController
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder


@dataclass(frozen=True, slots=True)
class FailoverSettings:
    """Times in ns. A member that is not ready gets a NoExecute taint `after-timeout`, at once where somebody has
    written a policy (`by-policy`), or `never`. With the gate open (`evicts`), bindings leave a member that has had the
    taint for `toleration_ns`, `rate` of them a second (None: all at once). `gracefully` their copies stay until the new
    ones are healthy, at most `graceful_ns`; `directly` they are deleted at once."""

    no_execute: Literal["after-timeout", "by-policy", "never"]
    evicts: bool
    timeout_ns: int
    toleration_ns: int
    rate: float | None
    purge: Literal["gracefully", "directly"]
    graceful_ns: int


class Failover:
    """It works between `start` and `stop`; timers are in memory, and begin anew with its process."""

    __slots__ = ("_bucket", "_client", "_clock", "_patience", "_recorder", "_roster", "_running", "_server",
                 "_settings", "_timers", "_works")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        server: ApiServer,
        client: Client,
        *,
        roster: Roster,
        works: WorkController,
        settings: FailoverSettings,
    ) -> None:
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._roster, self._works, self._settings = roster, works, settings
        self._bucket = TokenBucket(settings.rate, 1) if settings.rate is not None else None
        self._timers: dict[str, list[Timer]] = {}  # by member
        self._patience: dict[tuple[int, str], Timer] = {}  # (binding, member): the end of a graceful eviction
        self._running = False
        server.watch(Member, self._member_changed)
        server.watch(Binding, self._binding_changed)
        server.watch(Work, self._work_changed)

    def start(self) -> None:
        """Look at every member and binding."""
        self._running = True
        for member in self._roster.members:
            self._member_changed("MODIFIED", member)
        for binding in self._server.list(Binding):
            self._settle(binding)

    def stop(self) -> None:
        """Forget all timers."""
        self._running = False
        for timers in (*self._timers.values(), list(self._patience.values())):
            for timer in timers:
                timer.cancel()
        self._timers.clear()
        self._patience.clear()

    # From a condition to a taint.
    def _member_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Member)
        for timer in self._timers.pop(obj.name, ()):
            timer.cancel()
        wanted, s = taint(obj, "NoExecute"), self._settings
        if not self._running or wanted is None or s.no_execute == "never":
            return
        if wanted in obj.taints:
            self._tainted(obj)
        elif s.no_execute == "by-policy":
            self._taint(obj)
        else:
            due = max(self._roster.passes.at_or_after(obj.since_ns + s.timeout_ns), self._clock.now)
            self._timers[obj.name] = [self._clock.at(due, self._taint, obj)]

    def _taint(self, member: Member) -> None:
        self._client.call(self._write_taint, member)

    def _write_taint(self, member: Member) -> None:
        new = taint(member, "NoExecute")
        if new is not None and new not in member.taints:
            self._roster.add_taint(member, new)
            self._server.changed(member)

    # From a taint to evictions.
    def _tainted(self, member: Member) -> None:
        if self._settings.evicts:
            wait = self._settings.toleration_ns
            self._timers[member.name] = [self._clock.after(wait, self._evict_all, member)]

    def _evict_all(self, member: Member) -> None:
        now = self._clock.now
        timers = self._timers.setdefault(member.name, [])
        for binding in self._server.list(Binding):
            if member.name in binding.replicas:
                turn = now if self._bucket is None else self._bucket.take(now)
                timers.append(self._clock.at(turn, self._client.call, self._evict, binding, member.name))

    def _evict(self, binding: Binding, member: str) -> None:
        if member not in binding.replicas or binding.deleted:
            return
        del binding.replicas[member]
        if self._settings.purge == "gracefully":
            binding.leaving[member] = self._clock.now
        binding.divided = -1
        self._recorder.events.add(
            self._clock.now, "EvictWorkloadFromClusterSucceed", binding.workload.name, "", f"from {member}"
        )
        self._server.changed(binding)

    # Graceful evictions.
    def _binding_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Binding)
        self._settle(obj)

    def _work_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Work)
        self._settle(obj.binding)

    def _settle(self, binding: Binding) -> None:
        """Let old copies go whose time is over, or which the new ones replace."""
        if not self._running or not binding.leaving:
            return
        now, healthy = self._clock.now, self._healthy(binding)
        for member, since in tuple(binding.leaving.items()):
            key = (binding.uid, member)
            if healthy or now >= since + self._settings.graceful_ns:
                self._client.call(self._let_go, binding, member)
                if (timer := self._patience.pop(key, None)) is not None:
                    timer.cancel()
            elif key not in self._patience:
                due = since + self._settings.graceful_ns
                self._patience[key] = self._clock.at(due, self._settle, binding)

    def _healthy(self, binding: Binding) -> bool:
        """Whether every member that it goes to now has its copies ready, by the last report."""
        if not binding.scheduled or (binding.counted and binding.divided != binding.wanted):
            return False
        works = self._works.of(binding)
        return all(member in works and _ready(works[member], wanted) for member, wanted in binding.replicas.items())

    def _let_go(self, binding: Binding, member: str) -> None:
        if binding.leaving.pop(member, None) is not None:
            self._server.changed(binding)


def _ready(work: Work, wanted: int) -> bool:
    if work.applied_ns is None:
        return False
    done = isinstance(work.binding.workload, Job) and work.report.complete
    return done or work.report.ready >= wanted
