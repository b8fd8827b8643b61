"""The device itself while its queue is short, then the edge, then the cloud.

Idea: a threshold for each tier, the form that optimal offloading has for one queue before an unlimited one (Naor, "The
regulation of queue size by levying tolls", Econometrica 37, 1969: whoever comes joins while the queue is below a
threshold): the nearest endpoint with fewer than `most` tries outstanding serves; where all are at it, the farthest
does. Nearest first is the device's own endpoint (round trip 0), then those at its edge, then those in the cloud.
Complexity: O(endpoints) numpy, and a call, for each request. Caveats: `most` is to be tuned for the
work and the network; a tier that others fill looks as empty as before.
"""

import numpy as np

from simulator.policy import BalancerView, RequestView, Routing


class Offloading(Routing):
    """`most` tries outstanding at one endpoint but for the farthest, at least 1."""

    def __init__(self, most: int = 4) -> None:
        if most < 1:
            raise ValueError("most is at least 1")
        self.most = most

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        """The nearest with room, or the farthest; of equals the one with the fewest."""
        rtt, there = endpoints.rtt_s, endpoints.outstanding
        room = there < self.most
        tier = room & (rtt == rtt[room].min()) if room.any() else rtt == rtt.max()
        rows = np.flatnonzero(tier)
        return int(rows[np.argmin(there[rows])])
