"""Pulling ahead: agents are told to pull images that no pod of theirs has asked for yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import index
from typing import Any, Protocol

import numpy as np

from simulator.control.api.objects import DaemonSet, Deployment, Job, Pod
from simulator.control.api.server import ApiServer
from simulator.control.loops.loop import Loop
from simulator.control.scheduling.columns import read_only
from simulator.control.scheduling.scheduler import Scheduler
from simulator.engine.clock import Clock
from simulator.policy import Caching, ClusterView, ImagesView, Pull
from simulator.policy.caching import CachingFunction
from simulator.record.buffer import Recorder
from simulator.units import duration
from simulator.world.image import Image
from simulator.world.pod import PodTemplate

_NAME = "caching"


class Tell(Protocol):
    """Sends a node the name of an image to pull; nothing comes of it where the node is out of reach."""

    def __call__(self, node: str, image: str) -> None: ...


class Prepuller:
    """Sees what the scheduler believes of nodes, and the images of what has been applied; `find` is the registry's."""

    __slots__ = ("_asker", "_clock", "_find", "_pulls", "_recorder", "_scheduler", "_server", "_tell")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, *, scheduler: Scheduler,
        policy: Caching | CachingFunction, find: Callable[[str], Image | None], tell: Tell,
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._scheduler = clock, recorder, server, scheduler
        self._find, self._tell, self._asker = find, tell, scheduler.asker()
        self._pulls = policy.pulls if isinstance(policy, Caching) else policy
        Loop(clock, duration(float(getattr(policy, "every_s", Caching.every_s))), self._look)

    def _look(self, number: int) -> None:
        seen = self._scheduler.look(f"{_NAME}/{number}")
        if seen is None or not self._server.up:
            return
        cluster, images = seen[0], self._images(seen[0])

        def fault(answer: Any) -> str:
            return _fault_of(answer, images, cluster.names)

        for pull in self._asker.ask(_NAME, fault, self._pulls, cluster, images) or ():
            node = cluster.names[pull.node]
            self._recorder.decisions.add(self._clock.now, pull.image, "Pull", node, 0, 0, 0)
            self._tell(node, pull.image)

    def _images(self, cluster: ClusterView) -> ImagesView:
        pods = Counter(name for pod in self._server.list(Pod) if pod.active for name in _named(pod.template))
        listed = self._server.list
        applied = [obj.template for obj in listed(Deployment)]
        applied += [obj.template for obj in listed(DaemonSet)]
        applied += [obj.template for obj in listed(Job)]
        names = dict.fromkeys(name for template in applied for name in _named(template)) | dict.fromkeys(pods)
        known = {name: image for name in names if (image := self._find(name)) is not None}
        nodes = self._scheduler.info.nodes
        return ImagesView(
            tuple(known),
            read_only(np.array([image.unpacked for image in known.values()], np.int64)),
            read_only(np.array([pods[name] for name in known], np.int64)),
            *(
                read_only(np.array(cells, np.bool_).reshape(len(known), len(nodes)))
                for cells in (
                    [[name in node.images for node in nodes] for name in known],
                    [
                        [not image.platforms or node.platform in image.platforms for node in nodes]
                        for image in known.values()
                    ],
                )
            ),
        )


def _named(template: PodTemplate) -> dict[str, None]:
    return dict.fromkeys(container.image for container in (*template.init_containers, *template.containers))


def _fault_of(answer: Any, images: ImagesView, nodes: tuple[str, ...]) -> str:
    """What is wrong with the answer of a round; empty if nothing is."""
    seen = set[tuple[str, int]]()
    if not isinstance(answer, list | tuple):  # an iterator would be at its end when it is carried out
        return f"answered a {type(answer).__name__}: caching answers a list of Pull"
    for pull in answer:
        if not isinstance(pull, Pull):
            return f"answered {pull!r}, a {type(pull).__name__}: caching answers a list of Pull"
        row = -1 if isinstance(pull.node, bool | np.bool_) else index(pull.node)
        if not 0 <= row < len(nodes):
            return f"pulls {pull.image} to row {pull.node!r} of {len(nodes)}"
        if pull.image not in images.names:
            return f"pulls {pull.image}, which no workload names"
        of = images.names.index(pull.image)
        if not images.fits[of, row]:
            return f"pulls {pull.image} to {nodes[row]}, for whose platform it is not there"
        if images.present[of, row]:
            return f"pulls {pull.image} to {nodes[row]}, which has it"
        if (pull.image, row) in seen:
            return f"pulls {pull.image} to {nodes[row]} twice"
        seen.add((pull.image, row))
    return ""
