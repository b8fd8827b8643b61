"""The variant of a function that a policy picks: a container, a microVM or a Wasm module."""

from __future__ import annotations

from math import exp, log
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import UserError
from simulator.policy import FunctionView, VariantView
from simulator.policy.reference import instantiate
from simulator.simulation.plan import read
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.spec.scenario import Scenario

RUNTIMES = ("containerd/runc", "containerd/kata", "containerd/runwasi/wasmtime")
VARIANTS = (
    VariantView("runc", "process", 0.40, 1.0, 0),
    VariantView("kata", "vm", 0.90, 1.0, 136_000_000),
    VariantView("wasmtime", "language", 0.15, 1.5, 64_000),
)


def chooser(**params: Any) -> Any:
    return instantiate("scaling/runtime-chooser", {"idle": "10s", **params}, Path())


def function(rate: float, work_s: float = 0.1, name: str = "f") -> FunctionView:
    return FunctionView(name, 1, 100, 1 << 26, rate, work_s, VARIANTS)


def test_what_is_asked_for_seldom_is_a_module_and_what_is_asked_for_often_a_container() -> None:
    """By hand: a Wasm module saves 0.25 s of a cold start, and its work of 0.1 s takes 0.05 s longer. They break even
    where one request in five is cold: e^(-λ 10 s) = 0.2, at λ = ln 5 / 10 s = 0.1609 a second."""
    even = log(5) / 10
    policy = chooser()
    assert [policy.keep(function(rate)).variant for rate in (even - 1e-6, even + 1e-6)] == [2, 0]
    assert policy.mean_s(function(even), VARIANTS[2]) == pytest.approx(0.2 * 0.15 + 0.15)
    assert policy.mean_s(function(even), VARIANTS[0]) == pytest.approx(0.2 * 0.40 + 0.10)
    # Kept longer, fewer requests are cold, and less often does a module pay.
    assert chooser(idle="20s").keep(function(even - 1e-6)).variant == 0
    # Twice the work, twice the slowdown: it pays only up to two cold ones in five.
    longer = function(even - 1e-6, work_s=0.2)
    assert policy.keep(longer).variant == 0
    assert exp(-even * 10) == pytest.approx(0.2)


def test_what_is_to_be_isolated_has_a_guest_of_its_own() -> None:
    policy = chooser(isolated=("tenant-*",))
    assert policy.keep(function(0.01, name="tenant-7")).variant == 1
    assert policy.keep(function(0.01, name="ours")).variant == 2


def scenario(folder: Path, rate: str, scaling: Any, **more: Any) -> Scenario:
    machine = {"model": "edge-server", "runtimes": list(RUNTIMES)}
    data: dict[str, Any] = {
        "duration": "40min",
        "topology": {
            "nodes": [
                {"name": "hub", "role": "control-plane", **machine},
                {"name": "edge", "count": 2, **machine},
            ],
            "links": [{"name": "lan", "between": ["edge-*", "hub"], "model": "ethernet"}],
        },
        "images": {
            "f": {"compressed": "5MB", "unpacked": "10MB", "platforms": ["linux/amd64"]},
            "f-wasm": {"compressed": "1MB", "unpacked": "1MB", "format": "wasm", "platforms": ["wasi/wasm"]},
        },
        "workloads": [
            {"kind": "function", "name": "f", "image": "f", "arrivals": {"poisson": rate}, "work": "40ms",
             "variants": [{"runtime": "runc"}, {"runtime": "kata"}, {"runtime": "wasmtime", "image": "f-wasm"}],
             "concurrency": 8, "scaling": scaling, **more},
        ],
    }  # fmt: skip
    return Scenario.parse(data).placed(folder, {})


_FIXED = """
from simulator.policy import Keep, Scaling
class Fixed(Scaling):
    def __init__(self, variant=0):
        self.variant = variant
    def keep(self, function):
        return Keep(20.0, variant=self.variant)
"""


def mean_s(run: Run) -> float:
    return float(run.summary["function_latency_s"])


def test_the_choice_is_what_whole_runs_say_is_quicker(tmp_path: Path) -> None:
    """By the shipped pages a module saves 0.11 s of a cold start and adds 0.032 s to the work: they break even at
    λ = ln(0.11 / 0.032) / 20 s = 0.062 a second. Both are run well below that and well above."""
    (tmp_path / "mine.py").write_text(_FIXED, "utf-8")
    chosen = {"use": "runtime-chooser", "params": {"idle": "20s"}}
    picked = {}
    for rate in ("0.02/s", "1/s"):
        plan = read(scenario(tmp_path, rate, chosen), 1)
        picked[rate] = plan.functions[0].item.runtime
        fixed = [{"use": "./mine.py:Fixed", "params": {"variant": row}} for row in (0, 2)]
        container, module = (Simulation(scenario(tmp_path, rate, each), seed=1).finish() for each in fixed)
        quicker = "runc" if mean_s(container) < mean_s(module) else "wasmtime"
        assert picked[rate] == quicker
        same = Simulation(scenario(tmp_path, rate, chosen), seed=1).finish()
        assert mean_s(same) == pytest.approx(min(mean_s(container), mean_s(module)))
    assert picked == {"0.02/s": "wasmtime", "1/s": "runc"}


def test_an_instance_says_what_it_was_built_for(tmp_path: Path) -> None:
    chosen = {"use": "runtime-chooser", "params": {"idle": "20s", "isolated": ["f"]}}
    run = Simulation(scenario(tmp_path, "0.01/s", chosen), seed=1).finish()
    pods = run.table("pods")
    assert set(pods.filter(pods["pod"].str.starts_with("f-"))["owner"]) == {"f@kata"}
    assert set(run.table("functions")["function"]) == {"f"}


def test_without_a_word_the_first_variant_is_taken(tmp_path: Path) -> None:
    keep = {"use": "keep-alive", "params": {"idle": "20s"}}
    assert read(scenario(tmp_path, "0.01/s", keep), 1).functions[0].item.runtime == "runc"


@pytest.mark.parametrize(
    ("scaling", "more", "said"),
    [
        ({"use": "./mine.py:Fixed", "params": {"variant": 3}}, {}, "answers variant 3 for f, which has 3"),
        (
            {"use": "runtime-chooser", "params": {"idle": "20s", "isolated": ["f"]}},
            {"variants": [{"runtime": "runc"}, {"runtime": "wasmtime"}]},
            "f is to be isolated, and no variant of it is",
        ),
        ("keep-alive", {"variants": [{"runtime": "runc"}]}, "at least two"),
        ("keep-alive", {"variants": [{"runtime": "runc"}, {"runtime": "runc"}]}, "different runtimes"),
        ("keep-alive", {"runtime": "runc"}, "either a runtime or variants"),
    ],
)
def test_a_choice_that_cannot_be_made_is_an_error(
    tmp_path: Path, scaling: Any, more: dict[str, Any], said: str
) -> None:
    (tmp_path / "mine.py").write_text(_FIXED, "utf-8")
    with pytest.raises(UserError, match=said):
        read(scenario(tmp_path, "0.01/s", scaling, **more), 1)


def test_a_variant_that_no_node_runs_is_told_where_it_is_written(tmp_path: Path) -> None:
    keep = {"use": "keep-alive", "params": {"idle": "20s"}}
    made = scenario(tmp_path, "1/s", keep, variants=[{"runtime": "runc"}, {"runtime": "firecraker"}])
    problems = [p for p in check_scenario(Look(made)) if "firecraker" in p.message]
    assert [p.path for p in problems] == ["workloads.0.variants.1.runtime"]


def test_a_variant_that_starts_slowly_is_waited_for(tmp_path: Path) -> None:
    """`start` of a variant, column cold_start_wait_s: up; and what the policy sees of it."""
    (tmp_path / "mine.py").write_text(_FIXED, "utf-8")
    waits = []
    for start in ("0s", "2s"):
        module = {"runtime": "wasmtime", "image": "f-wasm", "start": start}
        fixed = {"use": "./mine.py:Fixed", "params": {"variant": 1}}
        made = scenario(tmp_path, "0.01/s", fixed, variants=[{"runtime": "runc"}, module])
        waits.append(float(Simulation(made, seed=1).finish().summary["cold_start_wait_s"]))
    # 2 s of a process start at a slowdown of 1.8 on cores of speed 1.1, part of which it was waited for anyway.
    assert 2 < waits[1] - waits[0] < 2 * 1.8 / 1.1
    chosen = {"use": "runtime-chooser", "params": {"idle": "20s"}}
    slow = scenario(tmp_path, "0.01/s", chosen, variants=[{"runtime": "runc"}, module])
    assert read(slow, 1).functions[0].item.runtime == "runc"
