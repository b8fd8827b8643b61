"""The endpoint with the fewest tries outstanding from this proxy; of equals, any.

Idea: to join the shortest queue (Winston, "Optimality of the shortest line discipline", Journal of Applied Probability
14, 1977), as IPVS `lc` and Linkerd do by what they see: their own connections. Complexity: O(endpoints) numpy, and a
call, for each request. Caveat: no proxy sees what others send; with many proxies of little traffic it is `random`.
"""

import numpy as np

from simulator.policy import BalancerView, RequestView, Routing


class LeastLoaded(Routing):
    """The fewest outstanding."""

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        """One of those with the fewest."""
        least = np.flatnonzero(endpoints.outstanding == endpoints.outstanding.min())
        return int(least[int(request.uniform("tie") * len(least))])
