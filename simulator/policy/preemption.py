"""Who has to go so that a more important pod finds room."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.policy.placed import PlacedView
from simulator.policy.view import ClusterView, PodView


@dataclass(frozen=True, slots=True)
class Evict:
    """Delete these pods (by name), all on the node with this row number, and keep the room for the pod that needs it.
    Without pods: wait there for those that are being deleted anyway."""

    node: int
    pods: tuple[str, ...] = ()


class Preemption:
    """Chooses the victims. The constructor only stores its parameters.

    Asked by the scheduler in the cycle in which no node passed the filters for a pod and the answer was `Wait`, if the
    pod may preempt and pods of lower priority are placed; not again while such pods are being deleted for it.
    """

    def victims(self, pod: PodView, cluster: ClusterView, placed: PlacedView) -> Evict | None:
        """`Evict`, or None: nobody goes. Victims have a lower priority than the pod, are on that node, and the pod
        fits there (`placed.fits`) once they are gone; anything else is a policy error, and nobody goes."""
        raise NotImplementedError


PreemptionFunction = Callable[[PodView, ClusterView, PlacedView], Evict | None]
