"""Any endpoint, each with the same probability.

Idea: what kube-proxy does with iptables, and what happens without a policy: bytes are the same. Complexity: O(1) for
each request, in arrays. Caveat: at n endpoints each is an M/M/1 of its own, so that requests wait at one while another
has nothing to do.
"""

import numpy as np

from simulator.policy import EndpointsView, ProxyView, Split
from simulator.policy.view import Floats


class Random(Split):
    """Uniform."""

    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        """The same for all."""
        return np.ones(len(endpoints))
