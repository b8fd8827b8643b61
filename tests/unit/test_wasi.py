"""What a Wasm module imports of WASI decides which runtimes run it, and a runtime that lacks some says which."""

from __future__ import annotations

from typing import Any

import pytest

from onebox import refusals, started, world
from scenarios import scenario, simulation
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.facts.stack import WASI
from simulator.runtime.stack import compose, costs
from simulator.world.image import Image

CATALOGUE = Catalogue()


def module(*wasi: str) -> dict[str, Any]:
    return {"format": "wasm", "platforms": ["wasi/wasm"], "wasi": list(wasi)}


@pytest.mark.parametrize(
    "name", ["wasmtime", "wasmedge", "wamr", "wasm3", "wasmer", "docker-wasm", "containerd/crun-wasm"]
)
@pytest.mark.parametrize("feature", WASI)
def test_a_feature_that_the_page_names_runs_and_another_is_refused_by_name(name: str, feature: str) -> None:
    stack = compose(CATALOGUE, name)
    image = Image("app", (), frozenset({"wasi/wasm"}), next(iter(stack.formats)), frozenset({feature}))
    has = feature in CATALOGUE.model("runtimes", name.rpartition("/")[2]).list("wasi")
    refused = f"unknown import: the runtime has no WASI {feature}"
    assert costs(stack).refuses(image, "linux/amd64") == ("" if has else refused)


def test_it_is_told_before_anything_is_bound_with_the_runtimes_that_would_do() -> None:
    data = world({"runtimes": ["wasm3"]}, module("sockets", "nn"))
    with pytest.raises(
        UserError, match="no node of app has the WASI that image app imports: wasm3 has no nn, sockets"
    ) as caught:
        simulation(data)
    (problem,) = caught.value.problems
    assert (problem.path, problem.hint) == ("images.app.wasi", "runtimes with it are wasmedge, wasmedge-aot")
    data["unfit"] = "leave-out"  # where that is an outcome, the node says it
    assert refusals(data) == ["unknown import: the runtime has no WASI nn, sockets"]
    assert started(data) == set()


def test_a_fact_of_the_page_is_what_gates() -> None:
    data = world({"runtimes": ["wasm3"]}, module("sockets"))
    with pytest.raises(UserError, match="wasm3 has no sockets"):
        simulation(data)
    assert started(data, {"facts.runtimes.wasm3.wasi": ["preview1", "sockets"]}) == {"app"}


def test_of_a_stack_what_all_of_its_pages_have() -> None:
    """Krustlet is of a time before preview 2, whatever Wasmtime it drives here has."""
    assert compose(CATALOGUE, "krustlet").wasi == {"preview1"}
    assert "preview2" in compose(CATALOGUE, "containerd/runwasi/wasmtime").wasi
    assert compose(CATALOGUE, "containerd/runc").wasi == frozenset()


def test_a_node_that_lacks_it_refuses_beside_one_that_has_it() -> None:
    data = world({"runtimes": ["wasmedge"]}, module("sockets"), per="node")
    nodes = data["topology"]["nodes"]
    nodes.append({"name": "other", "model": "edge-server", "runtimes": ["wasm3"]})
    data["topology"]["links"].append({"name": "o", "between": ["hub", "other"], "latency": "1ms", "rate": "1Gbps"})
    assert refusals(data) == ["unknown import: the runtime has no WASI sockets"]
    assert started(data) == {"app"}


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ({"wasi": ["preview3"], "format": "wasm"}, "WASI has no 'preview3'"),
        ({"wasi": ["preview1"]}, "only a Wasm module imports WASI"),
    ],
)
def test_what_makes_no_sense_is_refused(image: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        scenario(world({}, image))
