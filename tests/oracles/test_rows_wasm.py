"""What only a Wasm runtime shows, by itself and in the container world: the rows wasmer to twine, crun-wasm to
runtime-class."""

from __future__ import annotations

import pytest

from onebox import refusals, started, world
from scenarios import simulation
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.runtime.stack import compose, costs
from starting import at_once, steps

CATALOGUE = Catalogue()
ROWS = ("wasmer", "wasmtime", "wasm3", "wasmedge", "wamr", "wazero", "wavm", "wasmi", "wasmachine", "twine")
MODULE = {"format": "wasm", "platforms": ["wasi/wasm"]}
MACHINES = {
    "linux/amd64": "edge-server", "linux/arm64": "raspberry-pi-5", "linux/ppc64le": "talos-ii",
    "linux/s390x": "edge-server",
}  # fmt: skip


@pytest.mark.parametrize("platform", MACHINES)
@pytest.mark.parametrize("name", ROWS)
def test_one_module_runs_on_every_architecture_of_its_runtime_and_on_no_other(name: str, platform: str) -> None:
    box = {"model": MACHINES[platform], "platform": platform, "runtimes": [name]}
    data = world(box, MODULE, runtime=name) | {"orchestrator": "kubernetes", "duration": "20s"}
    if platform in CATALOGUE.model("runtimes", name).list("platforms"):
        assert started(data) == {"app"}
    else:
        with pytest.raises(UserError, match=f"cannot run {name}: it is {platform}"):
            simulation(data)


@pytest.mark.parametrize("name", ROWS)
def test_a_module_boots_a_hundred_times_sooner_than_a_container_unless_it_is_compiled_then(name: str) -> None:
    """The review: up to 100 times. A container by runC takes 224.6 ms after its engine's part."""
    took = at_once(steps(name), 1, threads=4)[0]
    mode = CATALOGUE.model("runtimes", name).text("mode")
    assert (224.6 / took > 30) == (mode != "jit")
    assert refusals(world({"runtimes": [name]})) == ["image format oci is none of wasm"]


def test_interpreters_start_first_compiled_code_runs_first() -> None:
    def of(*modes: str) -> tuple[list[float], list[float]]:
        models = [CATALOGUE.model("runtimes", n) for n in CATALOGUE.names("runtimes")]
        found = [m for m in models if m.text("role") == "wasm" and m.text("mode") in modes and m.name != "twine"]
        own = [m for m in found if m.name != "wasmtime-pulley"]  # which compiles to its own code first
        return [at_once(steps(m.name), 1, threads=4)[0] for m in own], [
            costs(compose(CATALOGUE, m.name)).slowdown for m in own
        ]

    (read, slow), (pass_, middle), (jit, fast), (aot, ahead) = (
        of("interpreter"),
        of("single-pass"),
        of("jit"),
        of("aot"),
    )
    assert max(read) < min(pass_) < max(pass_) < min(jit)  # start: the more is compiled, the later
    assert max(aot) < 1  # compiled elsewhere
    assert min(slow) > max(middle) > max(fast) > max(ahead) > 0  # speed: the other way round


def test_twine_s_module_runs_in_an_enclave_on_machines_with_sgx_only() -> None:
    assert compose(CATALOGUE, "twine").isolation == "enclave"
    assert compose(CATALOGUE, "wamr").isolation == "language"
    assert started(world({"model": "edge-server", "runtimes": ["twine"]}, MODULE)) == {"app"}
    with pytest.raises(UserError, match="it has no SGX"):
        simulation(world({"model": "x86-edge", "runtimes": ["twine"]}, MODULE))
    with pytest.raises(UserError, match="it is linux/arm64"):
        simulation(world({"model": "raspberry-pi-5", "runtimes": ["twine"]}, MODULE))


# In the container world.
@pytest.mark.parametrize("stack", ["containerd/crun-wasm", "docker-wasm", "krustlet"])
def test_a_module_in_a_container_starts_later_than_by_itself_and_under_krustlet_it_is_in_none(stack: str) -> None:
    alone = compose(CATALOGUE, stack).pages[-1].name
    took, by_itself = (at_once(steps(each), 1, threads=4)[0] for each in (stack, alone))
    assert (took > 5 * by_itself) == (stack != "krustlet")  # which puts no container around it


def test_docker_with_wasm_runs_containers_of_the_oci_and_krustlet_modules_alone() -> None:
    """An image of the OCI with a module in it is one, for crun and for Docker; Krustlet's modules are no images."""
    oci = {"format": "oci", "platforms": ["wasi/wasm"]}
    for stack in ("containerd/crun-wasm", "docker-wasm"):
        assert refusals(world({"runtimes": [stack]}, oci)) == []
    assert refusals(world({"runtimes": ["krustlet"]}, oci)) == ["image format oci is none of wasm"]
    assert refusals(world({"runtimes": ["krustlet"]}, MODULE)) == []
    assert CATALOGUE.model("runtimes", "krustlet").header.status == "historical"


def test_crun_with_wasm_needs_no_other_platform_than_crun_s_engine() -> None:
    """Its modules follow WAMR and crun, so they run on a board of ARMv7, where Docker's and Krustlet's do not."""
    board = {"model": "beaglebone-black", "platform": "linux/arm/v7", "ram": "1GB"}
    assert started(world(board | {"runtimes": ["containerd/crun-wasm"]}, {"platforms": ["wasi/wasm"]})) == {"app"}
    for name in ("docker-wasm", "krustlet"):
        with pytest.raises(UserError, match=f"cannot run {name}"):
            simulation(world(board | {"runtimes": [name]}, MODULE))


def test_a_runtime_class_chooses_among_a_node_s_runtimes_and_runs_nothing_itself() -> None:
    names = {"plain": "containerd/crun", "vm": "containerd/kata", "module": "containerd/runwasi/wasmtime"}
    data = world({"runtimes": list(names.values())}, {"platforms": ["linux/amd64", "wasi/wasm"]})
    (service,) = data["workloads"]
    asked = {"plain": "crun", "vm": "kata", "module": "wasmtime"}
    data["workloads"] = [service | {"name": name, "runtime": runtime} for name, runtime in asked.items()]
    assert started(data) == set(names)
    data["workloads"] = [service | {"runtime": "gvisor"}]
    assert started(data) == set()
    with pytest.raises(UserError, match="runtime-class runs nothing by itself"):
        compose(CATALOGUE, "runtime-class")
