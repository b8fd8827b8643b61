"""The rows of the review's groups: each shows its facts with sources, and a shipped experiment uses it.

What only a row, or its kind, shows is tested by group: tests/oracles/test_rows_*.py.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from commands import littoral
from simulator.facts import Catalogue
from simulator.simulation.runtimes import RuntimeTable
from simulator.spec import Scenario, experiment_names
from simulator.spec.load import data_elsewhere
from simulator.spec.look import Look
from simulator.spec.problems import UNKNOWN
from simulator.study import backend
from simulator.study.execute import plan_of

GROUPS = {
    "low-level": ("runc", "crun", "youki", "lxc"),
    "engines": ("containerd", "cri-o", "docker", "podman", "rkt", "balena-engine"),
    "single-binary": ("pantavisor",),
    "hosts": ("eve-os", "balena-os", "k3os"),
    "vms": ("kata", "firecracker", "cloud-hypervisor", "rund"),
    "unikernels": ("unikraft", "runu", "mirageos", "nabla", "lupine", "osv"),
    "wasm": (
        "wasmer", "wasmtime", "wasm3", "wasmedge", "wamr", "wazero", "wavm", "wasmi", "wasmachine", "twine",
    ),
    "wasm in the container world": ("crun-wasm", "docker-wasm", "krustlet", "runtime-class"),
}  # fmt: skip
ROWS = [name for names in GROUPS.values() for name in names]


@pytest.mark.parametrize("name", ROWS)
def test_show_prints_the_facts_of_a_row_with_their_sources(name: str) -> None:
    said = littoral("show", name)
    assert said.status == 0, said.err
    document = littoral("show", name, "--json").document
    assert document["facts"]
    printed = said.out.split()
    for fact in document["facts"]:
        for each in (fact, *fact["alternatives"]):
            assert each["source"] in printed
            assert each["kind"] in printed


def used() -> Iterator[tuple[str, str]]:
    """(model, experiment) of every runtime, host system and RuntimeClass in every point of the shipped experiments."""
    table = RuntimeTable(Catalogue())
    for name in (name for name in experiment_names() if not data_elsewhere(name)):
        loaded = backend.load(name, metrics=False)
        for point in plan_of(loaded).points:
            scenario = Scenario.parse(point.data["scenario"]).placed(loaded.scenario.folder, {})
            for node in scenario.world.nodes:
                for stack in table.stacks(node.runtimes).values() if node.role in ("worker", "control-plane") else ():
                    yield from ((page.name, name) for page in stack.pages)
                if node.system is not None:
                    yield node.system, name
            yield from (
                ("runtime-class", name) for obj in Look(scenario, UNKNOWN).objects if obj.kind == "RuntimeClass"
            )


@pytest.fixture(scope="module")
def uses() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for model, experiment in used():
        found.setdefault(model, set()).add(experiment)
    return found


def test_an_experiment_uses_every_row(uses: dict[str, set[str]]) -> None:
    assert [name for name in ROWS if name not in uses] == []
