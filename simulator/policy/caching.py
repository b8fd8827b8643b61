"""Which images nodes pull before a pod asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.policy.view import Bools, ClusterView, Ints


@dataclass(frozen=True, slots=True)
class Pull:
    """Let the node with this row number pull an image, by its name."""

    image: str
    node: int


@dataclass(frozen=True, slots=True)
class ImagesView:
    """A row for each image that a workload names: of Deployments, DaemonSets, Jobs and then single pods, each in the
    order of their creation. `size_bytes` is what it takes unpacked, `pods` how many pods name it now. `present` and
    `fits` have a column for each node of the `ClusterView` beside it: whether the node said in its last report that it
    has the image, and whether the image is there for its platform.
    """

    names: tuple[str, ...]
    size_bytes: Ints
    pods: Ints
    present: Bools
    fits: Bools


class Caching:
    """Pulls ahead. The constructor only stores its parameters.

    Asked every `every_s` simulated seconds, while the scheduler runs; a minute is assumed. The
    `ClusterView` answers about no pod.
    """

    every_s: float = 60.0

    def pulls(self, cluster: ClusterView, images: ImagesView) -> Sequence[Pull]:
        """The pulls of this round, in their order; empty: none. Each is of an image that fits the node, and that the
        node is not known to have; one that is under way may be named again. Anything else is a policy error, and
        nothing is pulled in this round. A node that cannot be reached, or has no agent that runs, never hears of it."""
        raise NotImplementedError


CachingFunction = Callable[[ClusterView, ImagesView], Sequence[Pull]]
