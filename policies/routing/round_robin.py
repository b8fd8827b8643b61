"""Endpoints in turn.

Idea: what IPVS does as `rr`, and KubeEdge's EdgeMesh as ROUND_ROBIN: at each proxy the next request of a service goes
to the next endpoint. Of n, each then sees arrivals that are the sum of n gaps: Erlang's distribution where they come at
random, less bursty than what `random` leaves. Complexity: O(1) for each request, in arrays. Caveats: it looks neither
at how long requests are nor at how fast endpoints are; many proxies with little traffic each are as good as random. The
first is drawn for each proxy, as Envoy does, so that not all begin at the same one.
"""

import numpy as np

from simulator.policy import EndpointsView, ProxyView, Split
from simulator.policy.view import Floats


class RoundRobin(Split):
    """All take turns."""

    turns = True

    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        """The same for all."""
        return np.ones(len(endpoints))
