"""Every ready node pulls every image of the workloads that it could run.

Idea: a start elsewhere, after an outage or for more replicas, then waits for no registry; what image pullers of
clusters do (https://github.com/senthilrch/kube-fledged). Images that most pods name come first, `most` pulls are told
in a round. Complexity: O(images × nodes). Caveats: it fills disks and links with what may never run, and knows no
disk's room: an agent under disk pressure deletes again what nobody uses, and this pulls it again.
"""

import numpy as np

from simulator.policy import Caching, ClusterView, ImagesView, Pull


class PullEverywhere(Caching):
    """`most` pulls in a round; `every_s` in seconds."""

    def __init__(self, most: int = 10, every_s: float = 60.0) -> None:
        self.most, self.every_s = most, every_s

    def pulls(self, cluster: ClusterView, images: ImagesView) -> list[Pull]:
        """What is missing, by the pods that name it; of equals the first applied, and the first node."""
        missing = images.fits & ~images.present & cluster.ready
        rows, nodes = np.nonzero(missing[by := np.argsort(-images.pods, kind="stable")])
        return [Pull(images.names[by[i]], int(node)) for i, node in zip(rows, nodes, strict=True)][: self.most]
