"""A trained network's score of each node: the feasible node with the highest.

Idea: placement as reinforcement learning (Mao et al. 2016, doi 10.1145/3005745.3005750), by proximal policy
optimisation (Schulman et al. 2017, arXiv 1707.06347) over feasible actions alone (Huang and Ontañón 2022,
doi 10.32473/flairs.v35i.130584). The network sees what `simulator.policy.observation` says, scores every node by
itself, and so takes any number of nodes; `examples/train_placement.py` made the one that is shipped. Complexity: one
pass of a small network, O(nodes). Caveats: it knows the pods and machines that it practised on; others are a guess.
"""

from pathlib import Path

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, VERSION, Eye
from simulator.policy.onnx import Network

_SHIPPED = Path(__file__).with_name("learned.onnx")


class Learned(Placement):
    """`model`: an ONNX file with the inputs `nodes` and `pod` and the output `scores`, from the current folder."""

    def __init__(self, model: str | None = None) -> None:
        """Load the network. Raises UserError where onnxruntime is missing, or the file is no such network."""
        path = _SHIPPED if model is None else Path(model)
        expected = {"observation_version": VERSION, "node_columns": NODE_COLUMNS, "pod_columns": POD_COLUMNS}
        self._network = Network(path, expected)

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Highest score among the feasible."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        seen = Eye(len(cluster), still=False).see(cluster, pod)
        return Bind(cluster.argmax(np.asarray(self._network(seen)), where=fits))
