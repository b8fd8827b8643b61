"""Kubernetes' filters, one file each: which nodes may take a pod, why not, and what could change that."""

from simulator.control.scheduling.filters.affinity import NodeAffinity
from simulator.control.scheduling.filters.base import Filter
from simulator.control.scheduling.filters.cordon import NodeUnschedulable
from simulator.control.scheduling.filters.fit import NodeResourcesFit
from simulator.control.scheduling.filters.name import NodeName
from simulator.control.scheduling.filters.neighbours import InterPodAffinity
from simulator.control.scheduling.filters.plugin import PluginFilter
from simulator.control.scheduling.filters.ports import NodePorts
from simulator.control.scheduling.filters.spread import PodTopologySpread
from simulator.control.scheduling.filters.taints import TaintToleration

# By Kubernetes' name. There is none for the architecture: Kubernetes knows it only as a label.
FILTERS: dict[str, type[Filter]] = {
    kind.__name__: kind
    for kind in (
        NodeUnschedulable,
        NodeName,
        TaintToleration,
        NodeAffinity,
        NodePorts,
        NodeResourcesFit,
        PodTopologySpread,
        InterPodAffinity,
    )
}

__all__ = ["FILTERS", "Filter", "PluginFilter"]
