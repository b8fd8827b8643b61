"""Whether one node would take a pod at all: what kube-scheduler looks at before a node's change wakes a waiting pod."""

from __future__ import annotations

from simulator.control.scheduling.filters.affinity import matches
from simulator.control.scheduling.filters.cordon import tolerated
from simulator.control.scheduling.filters.fit import fits
from simulator.control.scheduling.filters.ports import takers
from simulator.control.scheduling.filters.taints import untolerated
from simulator.control.scheduling.info import NodeInfo
from simulator.world.pod import PodTemplate


def could_take(info: NodeInfo, name: str, template: PodTemplate) -> bool:
    """The filters that look at one node alone, in O(1). Spread and the affinity of pods are not asked."""
    info.refresh()
    row = info.index.get(name)
    if row is None:
        return False
    node, profile = info.nodes[row], info.profile(template)
    return (
        (not node.unschedulable or tolerated(template))
        and template.node_name in ("", name)
        and untolerated(node.taints, template.tolerations) is None
        and matches(template, node.labels)
        and not any(takers(info, port).values[row] for port in profile.ports)
        and fits(info, profile, row)
    )
