"""What a node's agent is told of a pod."""

from __future__ import annotations

from simulator.control.api.objects import Pod
from simulator.runtime.status import DesiredPod


def desired(pod: Pod) -> DesiredPod:
    """The pod as its agent is to run it. Pods of one template share it; only what is told has a run of its own."""
    template = pod.template if pod.run_ns is None else pod.template.running(pod.run_ns)
    return DesiredPod(pod.uid, pod.name, template, devices=pod.devices)
