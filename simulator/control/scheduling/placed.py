"""The pods that a scheduler counts on nodes, as a policy sees them; and what can be asked about them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from simulator.control.api.objects import Pod
from simulator.control.scheduling.admission import could_take
from simulator.control.scheduling.columns import read_only
from simulator.control.scheduling.cycle import Cycle
from simulator.control.scheduling.info import NodeInfo, Placed
from simulator.control.scheduling.supposing import supposing
from simulator.policy import PlacedView
from simulator.policy.decision import How
from simulator.policy.view import Bools
from simulator.units import SECOND

Refuses = Callable[[Pod, str, str], str]


class PlacedPods:
    """Those of one moment that are not being deleted, and are not in `doomed` (uids): they stay, if nobody acts.

    `asking` is the cycle of the pod that found no node, if one did; `cycle_of` makes one for a pod. Pods of the
    workloads `fixed` can go nowhere; `refuses(pod, node, how)` says why one cannot move to a node while it runs, if
    anything keeps it.
    """

    __slots__ = ("_asking", "_by_name", "_cycle_of", "_doomed", "_fixed", "_info", "_refuses", "pods", "view")

    def __init__(
        self,
        info: NodeInfo,
        now: int,
        *,
        doomed: Collection[int] = (),
        asking: Cycle | None = None,
        cycle_of: Callable[[Pod], Cycle] | None = None,
        fixed: Collection[str] = (),
        refuses: Refuses | None = None,
    ) -> None:
        self._fixed, self._refuses = fixed, refuses
        self._info, self._doomed, self._asking, self._cycle_of = info, doomed, asking, cycle_of
        staying = [
            (pod, each) for uid, pod in info.placed.items()
            if (each := pod.pod) is not None and uid not in doomed and not pod.leaving and pod.node in info.index
        ]  # fmt: skip
        self.pods: list[Placed] = [pod for pod, _ in staying]
        self._by_name = {each.name: pod for pod, each in staying}

        def column(values: list[Any], dtype: type = np.int64) -> Any:
            return read_only(np.array(values, dtype))

        self.view = PlacedView(
            names=tuple(each.name for _, each in staying),
            workloads=tuple(each.template.workload for _, each in staying),
            node=column([info.index[pod.node] for pod, _ in staying]),
            cpu_m=column([pod.profile.cpu_m for pod, _ in staying]),
            ram_bytes=column([pod.profile.ram_bytes for pod, _ in staying]),
            priority=column([each.template.priority for _, each in staying]),
            started_s=column([_bound(each, now) / SECOND for _, each in staying], np.float64),
            _knows=self,
        )

    def find(self, name: str) -> Placed | None:
        """The pod of this name, if it is one of them."""
        return self._by_name.get(name)

    def fits(self, node: int, gone: Collection[str] = ()) -> bool:
        """`PlacedView.fits`."""
        info, cycle = self._info, self._asking
        if cycle is None:
            raise ValueError("no pod waits for room: ask which nodes are feasible for one that has a node")
        where, away = info.names[node], list[Placed]()
        for name in dict.fromkeys(gone):
            pod = self._by_name.get(name)
            if pod is None or pod.node != where:
                raise ValueError(f"{name} is not on {where}")
            away.append(pod)
        away += self._leaving(where)
        with supposing(info, node, gone=away):
            return could_take(info, where, cycle.template) and bool(cycle.again().passing()[node])

    def feasible(self, row: int, how: How = "cold") -> Bools:
        """`PlacedView.feasible`."""
        pod = self.pods[row]
        if self._cycle_of is None or pod.pod is None:
            raise ValueError("where other pods could go is not asked here")
        if pod.pod.template.workload in self._fixed:
            return np.zeros(len(self._info.names), np.bool_)
        with supposing(self._info, self._info.index[pod.node], gone=[pod]):
            passing = self._cycle_of(pod.pod).passing()
        if how == "cold" or self._refuses is None:
            return passing
        names, of, refuses = self._info.names, pod.pod, self._refuses
        return np.array([ok and not refuses(of, name, how) for ok, name in zip(passing, names, strict=True)], np.bool_)

    def _leaving(self, node: str) -> list[Placed]:
        """Those that are being deleted on a node."""
        placed = self._info.placed.items()
        return [pod for uid, pod in placed if pod.node == node and (pod.leaving or uid in self._doomed)]


def _bound(pod: Pod, now: int) -> int:
    return now if pod.scheduled_ns is None else min(now, pod.scheduled_ns)
