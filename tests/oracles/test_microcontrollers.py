"""Microcontrollers: no agent, no container; a Wasm interpreter where somebody speaks for the board (V34)."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from onebox import refusals, world
from scenarios import run, simulation
from simulator.errors import UserError
from simulator.facts.yaml import load_yaml
from simulator.spec.load import find_experiment
from simulator.study.study import Study

FOLDER = find_experiment("validation/wasm-on-boards").parent
PAGE = str(FOLDER / "virtual-kubelet.yaml")
MODULE = {"compressed": "4kB", "unpacked": "4kB", "format": "wasm", "platforms": ["wasi/wasm"]}
SMALL = {"ram": "74Ki", "memory": {"idle": "10Ki", "per_request": "0B"}}


def board(model: str = "stm32f767", *, runtimes: tuple[str, ...] = ("wasm3",), **more: Any) -> dict[str, Any]:
    return {"model": model, "runtimes": list(runtimes), **more}


@pytest.mark.parametrize("orchestrator", ["k3s", "kubeedge", "open-horizon"])
def test_no_agent_fits_on_a_microcontroller_and_what_works_is_told(orchestrator: str) -> None:
    with pytest.raises(UserError, match="freertos/xtensa, for which there is no") as caught:
        simulation(world(board("esp32"), MODULE) | {"orchestrator": orchestrator})
    hints, said = [p.hint for p in caught.value.problems], [p.message for p in caught.value.problems]
    assert any("no room for an agent: role device, or a page that speaks for it" in hint for hint in hints)
    assert any("RAM of 0.53 MB" in each for each in said)


def test_a_container_engine_and_a_container_image_are_refused() -> None:
    with pytest.raises(UserError, match=r"box \(stm32f767\) cannot run containerd/runc: it is zephyr/arm"):
        simulation(world(board(runtimes=()), MODULE, **SMALL) | {"orchestrator": PAGE})
    image = {"compressed": "4kB", "unpacked": "4kB"}
    assert refusals(world(board(), image, **SMALL) | {"orchestrator": PAGE}) == ["image format oci is none of wasm"]


@pytest.mark.parametrize("model", ["esp32", "stm32f767"])
@pytest.mark.parametrize("runtime", ["wasm3", "wamr", "wamr-aot"])
def test_a_module_runs_on_both_boards_by_each_interpreter_that_knows_them(model: str, runtime: str) -> None:
    tables = run(world(board(model, runtimes=(runtime,)), MODULE, **SMALL) | {"orchestrator": PAGE}).tables
    pods = tables["pods"].filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    assert pods.height == 1
    assert "OOMKilled" not in set(tables["events"]["kind"])
    with pytest.raises(UserError, match="cannot run wasmtime: it is"):
        simulation(world(board(model, runtimes=("wasmtime",)), MODULE, **SMALL) | {"orchestrator": PAGE})


def boards() -> dict[str, tuple[int, str]]:
    """RAM in KiB and the table of each board of the experiment."""
    file = FOLDER / "wasm-on-boards.yaml"
    nodes = load_yaml(file.read_bytes(), str(file)).data["scenario"]["topology"]["nodes"][1:]
    return {
        n["name"]: (int(n["ram"][:-2]) * (1024 if n["ram"].endswith("Mi") else 1), n["labels"]["table"]) for n in nodes
    }


def test_v34_the_two_tables_of_wasm3_s_boards_are_what_fits_a_page_and_what_does_not() -> None:
    """16 and 9; by 64 KiB of page and 10 of its own, whatever the system keeps up to 22 KiB, and no further."""
    every = boards()
    assert [sum(table == which for _, table in every.values()) for which in ("full", "limited")] == [16, 9]
    for share in (0, 10, 22):
        assert {name for name, (ram, _) in every.items() if ram - share >= 74} == {
            name for name, (_, table) in every.items() if table == "full"
        }
    assert [name for name, (ram, table) in every.items() if table == "full" and ram - 23 < 74] == ["due"]


@pytest.mark.parametrize(("share", "full"), [("0B", 16), ("22KiB", 16), ("23KiB", 15)])
def test_v34_the_run_admits_by_what_is_asked_and_what_the_system_keeps(share: str, full: int) -> None:
    import simulator

    path = "facts.orchestrators.virtual-kubelet.node_agent.kubelet.reserved_ram"
    study: Study = simulator.run(
        str(FOLDER / "wasm-on-boards.yaml"), set={"axes": {path: [share]}, "scenario.duration": "40s"}
    )
    started = {run.name.partition("case=")[2]: run.summary["pods_started"] for run in study}
    assert started["full-support"] == full
    assert started["limited-support"] == 0
