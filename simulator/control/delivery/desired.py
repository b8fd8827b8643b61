"""What a node's agent is told of a pod."""

from __future__ import annotations

from simulator.control.api.objects import Pod
from simulator.runtime.status import DesiredPod, Origin


def desired(pod: Pod) -> DesiredPod:
    """The pod as its agent is to run it. Pods of one template share it; only what is told has a run of its own."""
    template = pod.template if pod.run_ns is None else pod.template.running(pod.run_ns)
    move = pod.move
    origin = None if move is None else Origin(move.source.node, move.source.uid, move.how)
    return DesiredPod(pod.uid, pod.name, template, devices=pod.devices, origin=origin)
