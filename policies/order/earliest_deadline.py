"""The pod that is to be placed soonest is tried first.

Idea: earliest deadline first, which meets all deadlines of one machine if any order does (Liu and Layland 1973,
doi 10.1145/321738.321743). A pod says in a label how many seconds after its creation it is due. Complexity: O(1) for
each pod. Caveats: under overload one late pod makes the next late; pods without the label come last.
"""

from simulator.policy import Order, PodView

_NEVER = 1e18  # s


class EarliestDeadline(Order):
    """By the instant in `label`: seconds from the pod's creation."""

    def __init__(self, label: str = "deadline-s") -> None:
        self.label = label

    def rank(self, pod: PodView) -> float:
        """When it is due, in simulated seconds."""
        within = pod.labels.get(self.label)
        return _NEVER if within is None else pod.created_s + float(within)
