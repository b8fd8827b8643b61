"""Kubernetes' scores, one file each: 0 to 100 for every feasible node, summed by weight."""

from simulator.control.scheduling.scores.affinity import NodeAffinity
from simulator.control.scheduling.scores.allocation import NodeResourcesBalancedAllocation, NodeResourcesFit
from simulator.control.scheduling.scores.base import Score
from simulator.control.scheduling.scores.images import ImageLocality
from simulator.control.scheduling.scores.neighbours import InterPodAffinity
from simulator.control.scheduling.scores.plugin import PluginScore
from simulator.control.scheduling.scores.spread import PodTopologySpread
from simulator.control.scheduling.scores.taints import TaintToleration

SCORES: dict[str, type[Score]] = {
    kind.__name__: kind
    for kind in (
        TaintToleration,
        NodeAffinity,
        PodTopologySpread,
        InterPodAffinity,
        NodeResourcesFit,
        NodeResourcesBalancedAllocation,
        ImageLocality,
    )
}

__all__ = ["SCORES", "PluginScore", "Score"]
