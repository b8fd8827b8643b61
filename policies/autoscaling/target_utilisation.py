"""As many replicas as bring the mean of a metric to its target.

Idea: the rule of Kubernetes' HorizontalPodAutoscaler, desired = ceil(current × metric / target), which does nothing
while the ratio is within 0.1 of 1 (https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale).
Complexity: O(1) for each Deployment. Caveats: the current number is that of the pods read; ready pods that cannot be
read are kept beside. Nothing waits before it scales down, so a noisy metric makes it swing; the HPA's windows and
policies are not here. It never leaves `least` to `most`.
"""

from math import ceil
from typing import Literal

from simulator.policy import Autoscaling, ServiceView


class TargetUtilisation(Autoscaling):
    """`metric` is a field of `ServiceView`, `target` its wanted mean over pods, `only` the Deployments that it is for
    (none named: all); `every_s` in seconds."""

    def __init__(
        self,
        target: float,
        most: int,
        *,
        metric: Literal["in_flight", "busy", "served_per_s"] = "served_per_s",
        least: int = 1,
        tolerance: float = 0.1,
        only: tuple[str, ...] = (),
        every_s: float = 15.0,
    ) -> None:
        if metric not in ("in_flight", "busy", "served_per_s"):
            raise ValueError(f"metric is in_flight, busy or served_per_s, not {metric!r}")
        if not target > 0 or not 0 <= least <= most:
            raise ValueError("target is above 0, and 0 <= least <= most")
        self.target, self.most, self.metric, self.least = target, most, metric, least
        self.tolerance, self.only, self.every_s = tolerance, only, every_s

    def replicas(self, workload: ServiceView) -> int:
        """The rule, within the bounds; without a pod that can be read, what there is."""
        if self.only and workload.name not in self.only:
            return workload.replicas
        wanted = workload.replicas
        ratio = float(getattr(workload, self.metric)) / self.target
        if workload.read and not 1 - self.tolerance <= ratio <= 1 + self.tolerance:
            # Less one rounding error: 3 × 0.2 / 0.1 is 6.
            wanted = ceil(round(workload.read * ratio, 9)) + workload.ready - workload.read
        return min(max(wanted, self.least), self.most)
