"""What can happen in a cluster that may make a pod schedulable again."""

from __future__ import annotations

from enum import IntFlag, auto


class Event(IntFlag):
    """Each filter declares which of these can undo its no (Kubernetes' EventsToRegister), so nobody polls."""

    NODE_ADDED = auto()
    NODE_REMOVED = auto()
    NODE_ALLOCATABLE = auto()
    NODE_LABELS = auto()
    NODE_TAINTS = auto()  # taints, and being cordoned
    POD_PLACED = auto()  # some pod was bound, or seen bound
    POD_REMOVED = auto()  # a bound pod has gone, or finished


NOTHING = Event(0)
ANYTHING = ~NOTHING
NODE_EVENTS = Event.NODE_ADDED | Event.NODE_ALLOCATABLE | Event.NODE_LABELS | Event.NODE_TAINTS
