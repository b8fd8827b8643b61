"""Tables 1 and 2 of the review, printed from the models; their architectures are those that admit and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onebox import started, world
from scenarios import simulation
from simulator.cli.list import list_, rows
from simulator.errors import UserError
from simulator.facts import Catalogue

REVIEWED = {"x86_64": "linux/amd64", "ARMv8": "linux/arm64", "ARMv7": "linux/arm/v7", "ppc64le": "linux/ppc64le"}
# What an agent runs on today beyond the review's column. It is a fact of the page; this shows where they differ.
BEYOND = {"kubeedge": set[str](), "open-horizon": {"linux/s390x", "linux/riscv64"}}
MODULE = {"format": "wasm", "platforms": ["wasi/wasm"]}


@pytest.fixture(scope="module")
def table_1() -> dict[str, list[str]]:
    """Name in the models -> the first four columns of its row."""
    file = Path(__file__).resolve().parents[3] / "shared" / "reference" / "review-2023.txt"
    if not file.is_file():
        pytest.skip("the references are not beside this checkout")
    text = file.read_text("utf-8")
    body = text[text.index(" Table 1. Comparison") : text.index(" Table 2. Comparison")]
    found = {}
    for block in body.split("\n\n\n\n"):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        name = lines[0].lower().replace(" ", "-") if lines else ""
        found[name] = lines[1:5]
    return found


def test_table_1_is_on_the_pages_that_there_are(table_1: dict[str, list[str]]) -> None:
    reviewed = {row["name"]: row for row in rows("orchestrators") if row["reviewed"]}
    assert set(reviewed) == set(BEYOND) <= set(table_1)
    for name, row in reviewed.items():
        based, mesh, autonomy, architectures = table_1[name]
        assert (row["mesh"], row["autonomy"]) == (mesh, autonomy)
        seed = {REVIEWED[word] for word in architectures.split(", ")}
        assert set(row["architectures_said"]) == seed
        assert set(row["architectures"]) - seed == BEYOND[name]
        assert not seed - set(row["architectures"])
        said = Catalogue().model("orchestrators", name).tree.facts["kubernetes_based"]
        assert [fact.value for fact in said if fact.kind == "seed"] == [based == "Yes"]


def test_both_tables_are_printed() -> None:
    one, two = list_("orchestrators").text, list_("runtimes").text
    assert "by the columns of the review's table 1" in one
    assert "Yes, completely decentralized with EdgeMesh" in one
    assert "by the columns of the review's table 2" in two


def test_table_2_s_architectures_are_the_ones_that_admit_a_pod() -> None:
    """Take one away: the same machine is refused; give one: another is taken."""
    box = {"model": "raspberry-pi-5", "runtimes": ["wasm3"]}
    path = "facts.runtimes.wasm3.platforms"
    assert "linux/arm64" in _row("runtimes", "wasm3")["architectures"]
    assert started(world(box, MODULE)) == {"app"}
    with pytest.raises(UserError, match="cannot run wasm3: it is linux/arm64"):
        simulation(world(box, MODULE), {path: ["linux/amd64"]})
    power = {"model": "talos-ii", "runtimes": ["wasm3"]}
    assert "linux/ppc64le" not in _row("runtimes", "wasm3")["architectures"]
    with pytest.raises(UserError, match="cannot run wasm3: it is linux/ppc64le"):
        simulation(world(power, MODULE) | {"orchestrator": "kubernetes"})
    more = {path: ["linux/amd64", "linux/ppc64le"]}
    assert started(world(power, MODULE) | {"orchestrator": "kubernetes"}, more) == {"app"}


def test_table_1_s_architectures_are_the_ones_that_admit_a_machine() -> None:
    box = {"model": "raspberry-pi-4b", "platform": "linux/arm/v7"}
    image = {"platforms": ["linux/arm/v7"]}
    assert "linux/arm/v7" in _row("orchestrators", "k3s")["architectures"]
    assert started(world(box, image)) == {"app"}
    path = "facts.orchestrators.k3s.components.node-agent.architectures"
    with pytest.raises(UserError, match="box: platform linux/arm/v7, for which there is no node-agent of k3s"):
        simulation(world(box, image), {path: ["linux/amd64"]})


def _row(kind: Any, name: str) -> dict[str, Any]:
    return next(row for row in rows(kind) if row["name"] == name)
