"""Which members a workload may go to by the nodes that it asks for.

A hub knows sums over its members, and no node. So whoever gives it a workload that asks for certain nodes has to name
the clusters that have them, in the propagation policy (Karmada's clusterAffinity). That list is written here for the
user, from the members' nodes as they are registered: it is what somebody knows who knows the place, not a belief of the
hub, and a cut of the way to a member does not change it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.control.api.objects import ApiObject, Node
from simulator.control.clusters.site import Site
from simulator.control.scheduling.filters.affinity import matches
from simulator.policy.view import Bools
from simulator.world.pod import PodTemplate


def has_nodes_for(workload: ApiObject, sites: Sequence[Site]) -> Bools:
    """A column: which members have a node whose labels meet the node selector and the required node affinity of the
    workload; all of them where it asks for none. O(nodes) of the workloads that do."""
    template: PodTemplate | None = getattr(workload, "template", None)  # a Service has none
    if template is None or not (template.node_selector or template.node_affinity):
        return np.ones(len(sites), np.bool_)
    found = (any(matches(template, node.labels) for node in site.server.list(Node)) for site in sites)
    return np.fromiter(found, np.bool_, len(sites))
