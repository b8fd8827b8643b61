"""What workload items of kinds requests and telemetry become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.errors import UserError
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario, load_experiment

_NODES = [
    {"name": "hub", "model": "cloud-vm", "role": "control-plane"},
    {"name": "edge", "model": "x86-edge"},
    {"name": "sensor", "model": "camera", "role": "device"},
]


def _age(**changes: Any) -> float:
    """The mean age of readings that arrive over a slow link: latency and the time to send their bytes."""
    item = {"kind": "telemetry", "source": "sensor", "target": "ingest", "every": "1s", "size": "100B"}
    scenario = Scenario.parse(
        {
            "duration": "60s",
            "start": "placed",
            "topology": {
                "nodes": _NODES,
                "links": [
                    {"name": "lan", "between": ["edge", "hub"], "latency": "1ms", "rate": "1Gbps"},
                    {"name": "air", "between": ["sensor", "edge"], "latency": "10ms", "rate": "8kbps"},
                ],
            },
            "workloads": [
                {"kind": "service", "name": "ingest", "image": "i", "replicas": 1, "cpu": "100m", "ram": "16Mi"},
                item | changes,
            ],
        }
    )
    return Simulation(scenario).finish().summary["mean_message_age_s"]


def test_a_message_weighs_its_properties_and_what_its_protocol_adds() -> None:
    # 8 kbit/s is a byte a millisecond.
    assert _age() == pytest.approx(0.010 + 0.100 + 0.064, abs=1e-4)
    assert _age(properties=3) == pytest.approx(0.010 + 0.300 + 0.064, abs=1e-4)
    assert _age(protocol="coap") == pytest.approx(0.010 + 0.100 + 0.056, abs=1e-4)
    assert _age(protocol="http") == pytest.approx(0.010 + 0.100 + 0.540, abs=1e-4)


def test_a_quality_of_service_that_needs_a_buffer_is_said_not_to_be_simulated(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "question: Is it said?\n"
        "scenario:\n"
        "  duration: 1min\n"
        "  topology: {nodes: [{name: a, model: cloud-vm}]}\n"
        "  workloads:\n"
        "    - {kind: service, name: ingest, image: i, replicas: 1}\n"
        "    - {kind: telemetry, name: cams, source: a, target: ingest, every: 1s, size: 9B, qos: 1}\n",
        "utf-8",
    )
    assert any("cams: qos 1 is not simulated yet" in note for note in load_experiment(file).notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t\n1\nsoon\n", "'soon' is no time"),
        ("t\n-1\n", "negative"),
        ("u\n1\n", "no column 't'"),
        ("t,t\n1,2\n", "two columns are named t"),
    ],
)
def test_a_trace_that_is_none_is_refused_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "load.csv").write_text(text, "utf-8")
    asks = {"kind": "requests", "source": "sensor", "target": "api", "arrivals": {"trace": "load.csv#t"},
            "request": "1kB", "response": "1kB"}  # fmt: skip
    scenario = Scenario.parse(
        {
            "duration": "1min",
            "topology": {"nodes": _NODES, "links": [{"name": "l", "between": ["hub", "*"], "model": "ethernet"}]},
            "workloads": [{"kind": "service", "name": "api", "image": "i", "replicas": 1}, asks],
        }
    ).placed(tmp_path, {})
    with pytest.raises(UserError, match=said) as refused:
        Simulation(scenario)
    assert str(refused.value.problems[0].file).endswith("load.csv")
