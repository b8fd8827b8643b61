"""The node that a trained network scores highest.

Idea: a small network scores every node by itself, from its free resources and the pod's requests (as in DeepSets,
Zaheer et al. 2017, arXiv 1703.06114); it was taught best-fit, and went on with MaskablePPO (Huang and Ontañón 2020,
arXiv 2006.14171). On what, and how it fares on a seed that it never met, is in the file's metadata. Complexity:
O(nodes) in onnxruntime. Caveats: it knows what it was trained on, pods of 1 and 6 CPUs on machines of 4 and 16; looks
at requests, not at use. Needs the extra `learned`.
"""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait
from simulator.policy.observation import Eye
from simulator.policy.trained import Trained


class Learned(Placement):
    """`model`: an ONNX file of your own; without one, the one that ships."""

    def __init__(self, model: Path | None = None) -> None:
        self.model = model
        self._read()

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The first of equals, to a thousandth: processors round differently."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        seen = Eye(len(cluster), still=False).see(cluster, pod)
        return Bind(cluster.argmax(np.round(self._net().scores(seen), 3), where=fits))

    def __reduce__(self) -> tuple[type["Learned"], tuple[Path | None]]:
        return type(self), (self.model,)

    def _net(self) -> Trained:
        if not hasattr(self, "_known"):
            self._known = self._read()
        return self._known

    def _read(self) -> Trained:
        if self.model is not None:
            return Trained(self.model)
        with as_file(files("simulator.shipped.policies") / "learned.onnx") as file:
            return Trained(file)
