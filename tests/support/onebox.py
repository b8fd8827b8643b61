"""A hub and one machine, and pods of one image on it: what starts there, and what is refused on the machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from scenarios import cluster_of, run, simulation
from simulator.runtime.agent import NodeAgent

_TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def world(box: Mapping[str, Any], image: Mapping[str, Any] | None = None, **service: Any) -> dict[str, Any]:
    """The scenario; what is given stands over the machine's, the image's and the service's own."""
    described = {"compressed": "1MB", "unpacked": "2MB", "platforms": ["linux/amd64", "linux/arm64", "linux/arm/v7"]}
    return {
        "duration": "20s",
        "topology": {
            "nodes": [
                {"name": "hub", "model": "cloud-vm", "role": "control-plane", "taints": [_TAINT]},
                {"name": "box", "model": "edge-server", **box},
            ],
            "links": [{"name": "lan", "between": ["hub", "box"], "latency": "1ms", "rate": "1Gbps"}],
        },
        "orchestrator": "k3s",
        "images": {"app": described | dict(image or {})},
        "workloads": [{"kind": "service", "name": "app", "image": "app", "ram": "16MB", **service}],
    }


def started(data: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> set[str]:
    """The workloads of which a pod started."""
    pods = run(data, settings).tables["pods"]
    return set(pods.filter((pl.col("truth") == "running") & (pl.col("state") == "started"))["owner"].unique())


def refusals(data: Mapping[str, Any]) -> list[str]:
    """Why pods failed on the machine, each reason once."""
    events = run(data).tables["events"]
    return sorted(set(events.filter(pl.col("kind") == "Failed")["detail"].to_list()))


def agent_of(data: Mapping[str, Any]) -> NodeAgent:
    """The machine's agent at t = 0."""
    cluster = cluster_of(simulation(data))
    (agent,) = (agent for i, agent in cluster.agents.items() if cluster.node_objects[i].name == "box")
    return agent
