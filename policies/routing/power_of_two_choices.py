"""Of two endpoints drawn at random, the one with fewer tries outstanding.

Idea: Mitzenmacher, "The power of two choices in randomized load balancing", IEEE TPDS 12(10), 2001: with n servers at
load λ, the share with at least i requests falls as λ^(2^i - 1), not as λ^i; nobody has to know all queues, and no herd
runs to the one that is shortest. Envoy's LEAST_REQUEST and Linkerd do this. Complexity: O(endpoints) to show them, O(1)
to choose. Caveat: as with `least-loaded`, a proxy knows only what it has sent itself.
"""

from simulator.policy import BalancerView, RequestView, Routing


class PowerOfTwoChoices(Routing):
    """Two different ones are drawn; of equals, the first."""

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        """The one with fewer outstanding."""
        n = len(endpoints)
        first = int(request.uniform("first") * n)
        second = int(request.uniform("second") * (n - 1))
        second += second >= first
        return first if endpoints.outstanding[first] <= endpoints.outstanding[second] else second
