"""A scenario to practise on: small pods that fit everywhere, and large ones that fit only on what small ones left."""

from __future__ import annotations

from typing import Any

from simulator.spec.scenario import Scenario


def practice(nodes: int = 12, *, load: float = 1.0, duration: str = "10min", fidelity: str = "scheduling") -> Scenario:
    """A hub, and `nodes` machines of two sizes. `load` scales how many pods arrive; at 1 the large ones have to wait
    where the small ones are spread over all machines."""
    large = max(1, nodes // 3)
    rate = load * nodes / 12
    machines: list[dict[str, Any]] = [
        {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
        {"name": "big", "model": "edge-server", "zone": "edge", "count": large},
        {"name": "box", "model": "x86-edge", "zone": "edge", "count": max(1, nodes - large)},
    ]
    link = {"name": "lan", "between": ["[!h]*-*", "hub"], "model": "ethernet"}
    image = {"compressed": "20MB", "unpacked": "50MB", "layers": 3, "platforms": ["linux/amd64"]}
    return Scenario.parse(
        {
            "duration": duration,
            "fidelity": fidelity,
            "topology": {"nodes": machines, "links": [link]},
            "orchestrator": "kubernetes",
            "images": {"job:1": image},
            "workloads": [
                {
                    "kind": "pods", "name": "small", "image": "job:1", "cpu": "1", "ram": "256Mi",
                    "arrivals": {"poisson": f"{1.0 * rate}/s"}, "run": {"exponential": "40s"},
                },
                {
                    "kind": "pods", "name": "large", "image": "job:1", "cpu": "6", "ram": "1Gi",
                    "arrivals": {"poisson": f"{0.1 * rate}/s"}, "run": {"exponential": "60s"},
                },
            ],
        }
    )  # fmt: skip
