"""The hub's scheduler: for each binding, who gets how many copies. A policy decides over what the hub believes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.clusters.affinity import has_nodes_for
from simulator.control.clusters.objects import Binding, Member
from simulator.control.clusters.roster import Roster
from simulator.control.clusters.summary import CPU, PODS, RAM, USED_CPU, USED_PODS, USED_RAM
from simulator.control.controllers.base import Controller
from simulator.control.scheduling.settings import Draws
from simulator.control.scheduling.watchdog import LIMIT_S, Overtime, limited
from simulator.engine.clock import Clock
from simulator.errors import RunFailed
from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Reject, Wait, WorkloadView
from simulator.policy.clusters import ClusterPolicyFunction, fault_of
from simulator.policy.division import static_weight
from simulator.policy.view import Floats
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.units import SECOND, seconds

_WORKERS: Final = 1  # a scheduler decides one thing after the other


@dataclass(frozen=True, slots=True)
class DivisionSettings:
    """Times in ns: of one cycle, between the samples of the history that a policy may ask for, and, drawn, what the
    policy takes for an answer besides the cycle."""

    cycle_ns: int
    history_step_ns: int
    history_samples: int
    on_policy_error: Literal["fallback", "stop"] = "fallback"
    thinking: Draws | None = None
    answer_limit_s: float = LIMIT_S  # wall clock for one answer; it ends the run and never enters simulated time


class DivisionScheduler(Controller[Binding]):
    """Asks the policy about workloads that were never divided, want another number, or have lost a member.

    What is divided stays where it is whatever becomes of the members; what goes to every member (duplicated copies,
    and kinds without copies) also goes to members that become ready later.
    """

    __slots__ = ("_asked", "_divide", "_recorder", "_rng", "_roster", "_settings")

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        client: Client,
        *,
        roster: Roster,
        policy: ClusterPolicy | ClusterPolicyFunction,
        settings: DivisionSettings,
        retry: RetrySettings,
    ) -> None:
        super().__init__(clock, server, client, workers=_WORKERS, retry=retry)
        self._rng, self._recorder, self._roster, self._settings = rng, recorder, roster, settings
        self._divide = policy.divide if isinstance(policy, ClusterPolicy) else policy
        self._asked: Counter[int] = Counter()  # by the binding's uid
        server.watch(Binding, self._changed)
        server.watch(Member, self._member_changed)

    def everything(self) -> list[Binding]:
        """Every binding."""
        return list(self.server.list(Binding))

    def sync(self, key: Binding) -> Sync:
        """Divide it, where that is due. False: it does not fit now."""
        if key.deleted or not self._due(key):
            return True
        yield self.clock.sleep(self._settings.cycle_ns)
        members, wanted = self._view(key), key.wanted
        if not key.counted:
            targets = {name: 0 for name, ok in zip(members.names, members.feasible, strict=True) if ok}
            answer: Division = Divide(np.zeros(len(members), np.int64)) if targets else Wait()
        else:
            answer = self._answer(self._workload(key), members)
            targets = self._targets(answer, members)
            if (thinking := self._settings.thinking) is not None:
                u = self._rng.draw("cluster-policy-thinking", _identity(key), self._asked[key.uid])
                yield self.clock.sleep(round(float(thinking.sample(np.array([u]))[0])))
        if isinstance(answer, Divide):
            if targets != key.replicas or not key.scheduled or key.divided != wanted:
                yield self.call(self._write, key, targets, answer.duplicated, wanted)
            return True
        reason = "; ".join(f"{r.who}: {r.text}" for r in answer.reasons) or _short(members, key)
        if key.scheduled or key.reason != reason:
            yield self.call(self._fail, key, reason)
        return isinstance(answer, Reject)

    def _due(self, key: Binding) -> bool:
        return not key.scheduled or key.duplicated or not key.counted or key.divided != key.wanted

    @staticmethod
    def _targets(answer: Division, members: MembersView) -> dict[str, int]:
        if not isinstance(answer, Divide):
            return {}
        return {name: int(n) for name, n in zip(members.names, answer.replicas, strict=True) if n}

    # What is written.
    def _write(self, key: Binding, targets: dict[str, int], duplicated: bool, wanted: int) -> None:
        if key.deleted:
            return
        key.replicas, key.duplicated, key.divided = targets, duplicated, wanted
        key.scheduled, key.reason = True, ""
        said = " ".join(f"{name}={n}" if key.counted else name for name, n in targets.items())
        self._recorder.events.add(self.clock.now, "ScheduleBindingSucceed", key.workload.name, "", said)
        self.server.changed(key)

    def _fail(self, key: Binding, reason: str) -> None:
        key.scheduled, key.reason = False, reason
        self._recorder.events.add(self.clock.now, "ScheduleBindingFailed", key.workload.name, "", reason)

    # Who decides.
    def _answer(self, workload: WorkloadView, members: MembersView) -> Division:
        limit_s = self._settings.answer_limit_s
        try:
            answer: Any = limited(limit_s, self._divide, workload, members)
        except Overtime:
            raise RunFailed(f"the policy took over {limit_s:g} s of wall clock to divide {workload.name}") from None
        except (Exception, SystemExit) as error:
            return self._instead(workload, members, f"raises {type(error).__name__}: {error}")
        fault = fault_of(answer, workload, members)
        if fault:
            return self._instead(workload, members, fault)
        division: Division = answer
        return division

    def _instead(self, workload: WorkloadView, members: MembersView, fault: str) -> Division:
        """Record a policy error, and divide equally, or stop the run."""
        now, feasible = self.clock.now, members.feasible
        row = (now, workload.name, "policy_error", "", workload.attempt, len(members), int(feasible.sum()))
        self._recorder.decisions.add(*row)
        self._recorder.events.add(now, "PolicyError", workload.name, "", fault)
        if self._settings.on_policy_error == "stop":
            raise RunFailed(f"policy error at {seconds(now):g} s, workload {workload.name}: {fault}")
        return Divide(static_weight(workload.replicas, feasible.astype(np.int64))) if feasible.any() else Wait()

    # What it sees.
    def _workload(self, key: Binding) -> WorkloadView:
        template = key.workload.template  # type: ignore[attr-defined]  # every counted kind has one
        self._asked[key.uid] += 1
        return WorkloadView(
            key.workload.name,
            key.workload.kind,
            key.wanted,
            template.cpu_m,
            template.ram_bytes,
            template.platforms,
            attempt=self._asked[key.uid],
            waiting_s=(self.clock.now - key.created_ns) / SECOND,
            backwards=bool(_identity(key) & 1),
        )

    def _view(self, key: Binding) -> MembersView:
        roster, now, n = self._roster, self.clock.now, len(self._roster.sites)
        rows = np.stack([roster.summary(row) for row in range(n)]) if n else np.zeros((0, 6), np.int64)
        heard = np.array([roster.heard_ns(row) for row in range(n)], np.int64)
        holds = np.array([name in key.replicas for name in roster.row], np.bool_)
        leaving = np.array([name in key.leaving for name in roster.row], np.bool_)
        open_ = np.array([not member.taints for member in roster.members], np.bool_)
        identity, attempt = [_identity(member) for member in roster.members], self._asked[key.uid]
        return MembersView(
            now_s=now / SECOND,
            names=tuple(roster.row),
            ready=_fixed(np.array([member.ready == "True" for member in roster.members], np.bool_)),
            feasible=_fixed((open_ | holds) & ~leaving & has_nodes_for(key.workload, roster.sites)),
            allocatable_cpu_m=_fixed(rows[:, CPU]),
            allocatable_ram_bytes=_fixed(rows[:, RAM]),
            free_cpu_m=_fixed(rows[:, CPU] - rows[:, USED_CPU]),
            free_ram_bytes=_fixed(rows[:, RAM] - rows[:, USED_RAM]),
            free_pods=_fixed(rows[:, PODS] - rows[:, USED_PODS]),
            replicas=_fixed(np.array([key.replicas.get(name, 0) for name in roster.row], np.int64)),
            latency_s=_fixed(roster.latency_ns() / SECOND),
            age_s=_fixed((now - heard) / SECOND),
            history_step_s=self._settings.history_step_ns / SECOND,
            _history=self._history,
            _uniform=lambda name: self._rng.draws(f"policy/clusters/{name}", identity, _identity(key) + attempt),
        )

    def _history(self) -> Floats:
        s, roster, now = self._settings, self._roster, self.clock.now
        times = [now - s.history_step_ns * back for back in range(s.history_samples - 1, -1, -1)]
        return np.array(
            [
                [roster.summary_at(row, time)[USED_CPU] if time >= 0 else np.nan for time in times]
                for row in range(len(roster.sites))
            ]
        ).reshape(len(roster.sites), s.history_samples)

    # What wakes it.
    def _changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Binding)
        self.enqueue(obj)

    def _member_changed(self, _event: str, _obj: ApiObject) -> None:
        for each in self.server.list(Binding):
            if self._due(each):
                self.enqueue(each)


def _identity(obj: ApiObject) -> int:
    return key(obj.name) >> 1


def _fixed(column: Any) -> Any:
    column.flags.writeable = False
    return column


def _short(members: MembersView, binding: Binding) -> str:
    fit = int(members.feasible.sum())
    return f"{fit} of {len(members)} clusters are feasible; {binding.wanted} replicas do not fit into them"
