"""Scenarios to practise on: pods to place, a service to scale, requests to offload."""

from __future__ import annotations

from typing import Any

from simulator.spec.scenario import Scenario


def practice(nodes: int = 12, *, load: float = 1.0, duration: str = "10min", fidelity: str = "scheduling") -> Scenario:
    """Small pods that fit everywhere, and large ones that fit only on what small ones left.

    A hub, and `nodes` machines of two sizes. `load` scales how many pods arrive; at 1 the large ones have to wait
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


def practice_service(load: float = 1.0, *, duration: str = "20min") -> Scenario:
    """A service of one replica at first, on machines that fail now and then. `load` scales its requests; at 1 they are
    the work of two to three pods."""
    machines: list[dict[str, Any]] = [
        {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
        {"name": "box", "model": "x86-edge", "zone": "edge", "count": 5},
        {"name": "user", "model": "till", "zone": "edge", "role": "device", "count": 4},
    ]
    links = [
        {"name": "lan", "between": ["box-*", "hub"], "model": "ethernet"},
        {"name": "desk", "between": ["user-*", "hub"], "model": "ethernet"},
    ]
    return Scenario.parse(
        {
            "duration": duration,
            "topology": {"nodes": machines, "links": links},
            "orchestrator": "kubernetes",
            "images": {"api:1": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64"]}},
            "workloads": [
                {
                    "kind": "service", "name": "api", "image": "api:1", "replicas": 1, "cpu": "1", "ram": "256Mi",
                    "work": {"exponential": "100ms"}, "start": "5s",
                },
                {
                    "kind": "requests", "name": "ask", "source": "user-*", "target": "api", "timeout": "2s",
                    "arrivals": {"poisson": f"{7.5 * load}/s"}, "request": "1kB", "response": "4kB",
                },
            ],
            "faults": [
                {
                    "kind": "failures", "name": "power", "node": "box-*", "up": {"exponential": "1h"},
                    "down": {"exponential": "1min"},
                },
            ],
            "policies": {"autoscaling": {"use": "target-utilisation", "params": {"target": 6.0, "most": 10}}},
        }
    )  # fmt: skip


def offloading(devices: int = 3, *, rate: float = 25.0, duration: str = "1min") -> Scenario:
    """Devices, an edge server 2 ms away and a cloud some 20 ms behind it; the same service runs on each of them, one
    request after another. `rate` is of each device, requests a second; a device alone manages some 18: no one
    tier is enough."""
    cloud = {"model": "cloud-vm", "zone": "site"}  # one zone: who asks for a service on each node asks in its zone
    machines: list[dict[str, Any]] = [
        {"name": "cloud-hub", "role": "control-plane", **cloud},
        {"name": "cloud", **cloud},
        {"name": "gateway", "model": "gateway", "zone": "site", "role": "router"},
        {"name": "edge", "model": "edge-server", "zone": "site"},
        {"name": "device", "model": "raspberry-pi-4b", "zone": "site", "count": devices},
    ]
    links = [
        {"name": "core", "between": ["cloud-hub", "cloud"], "model": "ethernet"},
        {"name": "wan", "between": ["cloud-hub", "gateway"], "latency": "20ms", "rate": "100Mbps"},
        {"name": "lan", "between": ["gateway", "edge"], "model": "ethernet"},
        {"name": "air", "between": ["gateway", "device-*"], "latency": "2ms", "rate": "50Mbps"},
    ]
    image = {"compressed": "20MB", "unpacked": "50MB", "layers": 3, "platforms": ["linux/amd64", "linux/arm64"]}
    return Scenario.parse(
        {
            "duration": duration,
            "start": "placed",
            "topology": {"nodes": machines, "links": links},
            "orchestrator": "k3s",
            "images": {"task:1": image},
            "workloads": [
                {
                    "kind": "service", "name": "task", "image": "task:1", "per": "node", "cpu": "500m", "ram": "64Mi",
                    "work": {"exponential": "30ms"}, "workers": 1, "memory": {"idle": "64Mi"},
                },
                {
                    "kind": "requests", "name": "frames", "source": "device-*", "target": "task",
                    "arrivals": {"poisson": f"{rate}/s"}, "request": "20kB", "response": "1kB", "timeout": "1s",
                },
            ],
        }
    )  # fmt: skip
