"""The catalogue of runtimes, machines and host systems: what its pages say is what the references recommend.

The references stand beside the checkout (`../shared/reference`): CI has them, elsewhere those tests skip and say so.
What a page states in another way, or not at all, is listed here with its reason; a reason that no longer holds fails.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.facts import Catalogue, Fact, Model
from simulator.facts.dist import DistSpec
from simulator.facts.platforms import PLATFORMS
from simulator.facts.stack import CLOCKS, STAGES
from simulator.physics.distributions import from_spec
from simulator.units import MS, SECOND, parse

CATALOGUE = Catalogue()
RUNTIMES = {name: CATALOGUE.model("runtimes", name) for name in CATALOGUE.names("runtimes")}
NODES = {name: CATALOGUE.model("nodes", name) for name in CATALOGUE.names("nodes")}
SYSTEMS = {name: CATALOGUE.model("systems", name) for name in CATALOGUE.names("systems")}

Defaults = list[tuple[str, str, dict[str, str]]]
# Where each machine of the table has its page.
BOARDS = {
    "Raspberry Pi 3B": "raspberry-pi-3b", "Raspberry Pi 4B": "raspberry-pi-4b", "Raspberry Pi 5": "raspberry-pi-5",
    "Raspberry Pi Zero 2 W": "raspberry-pi-zero-2w", "Jetson Nano": "jetson-nano",
    "Jetson Xavier NX": "jetson-xavier-nx", "Jetson Orin Nano": "jetson-orin-nano", "Intel NUC": "x86-edge",
    "Coral Dev Board": "coral-dev-board", "BeagleBone Black": "beaglebone-black",
    "StarFive VisionFive 2": "visionfive-2", "Talos II (POWER9)": "talos-ii", "AWS m5.xlarge": "cloud-vm",
    "Generic x86 edge server": "edge-server", "AWS Snowball Edge compute-optimized": "snowball-edge-compute",
    "Azure Stack Edge Pro GPU": "azure-stack-edge-pro", "Azure Stack Edge Pro R": "azure-stack-edge-pro-r",
    "Azure Stack Edge Mini R": "azure-stack-edge-mini-r", "ESP32": "esp32", "STM32F767": "stm32f767",
}  # fmt: skip
PATHS = {
    "start_parallel_extra_per_concurrent": "start.extra_per_concurrent", "memory_per_instance": "memory.per_instance",
    "daemon_memory": "memory.daemon", "binary_size": "binary", "cpu_slowdown": "slowdown", "architectures": "platforms",
    "needs_kvm": "kvm", "oci": "oci", "arch": "platforms", "cores": "cores", "relative_speed": "speed", "ram": "ram",
    "storage_kind": "disk_kind", "storage_write": "disk_write", "idle_power": "power.idle", "max_power": "power.max",
}  # fmt: skip

ENGINE = "the runtime has exited: the engine's page has these 4.55 MB"
TEXT = "the table has words where the page has yes or no, and its note says the rest"
ENGINE_OF_WASM = "the page lists what crun and the engine both know"
LEFT_OUT = {
    **{("runtimes", name, "memory_per_instance"): ENGINE for name in ("runc", "crun", "youki", "crun-wasm")},
    ("runtimes", "pantavisor", "memory_per_instance"): "what it drives, LXC's page, has these 4.55 MB",
    ("runtimes", "rund", "memory_per_instance"): "an alternative: 2,500 on 384 GB is what the model is to say",
    ("runtimes", "containerd", "memory_per_instance"): "an alternative: resident memory counts shared pages each time",
    (
        "runtimes",
        "containerd",
        "binary_size",
    ): "an alternative: it runs with its shim, 59.7 MB, and runC on its own page",
    ("runtimes", "docker", "binary_size"): "an alternative: it runs with client, containerd and shim, 180.5 MB",
    ("runtimes", "balena-engine", "binary_size"): "54.1 MB less the 8.752 MB of runC, which has a page",
    **{("runtimes", name, "oci"): TEXT for name in ("lxc", "rkt", "pantavisor", "nabla")},
    **{("runtimes", name, "needs_kvm"): TEXT for name in ("unikraft", "osv", "mirageos", "wasmachine")},
    ("runtimes", "crun-wasm", "architectures"): ENGINE_OF_WASM,
    ("runtimes", "wasm3", "architectures"): "the project's list of boards has RISC-V, ARC and AVR, too",
    ("nodes", "azure-stack-edge-pro-r", "max_power"): "the table takes the Pro's supply; the maker says 550 W",
    ("nodes", "azure-stack-edge-pro-r", "idle_power"): "a quarter of the supply, which is one of 550 W",
}

# The table's words for architectures, as platforms of the OCI or of a microcontroller.
ARCHITECTURES = {
    "arm": ["linux/arm/v7"], "riscv": ["linux/riscv64"], "mips": ["linux/mips"], "xtensa": ["freertos/xtensa"],
    "MCU": ["zephyr/arm"], "arm/thumb": ["linux/arm/v7", "zephyr/arm"], "riscv32": ["zephyr/riscv32"],
    "arc": ["zephyr/arc"], "others by Pulley": [], "interpreter elsewhere": [],
}  # fmt: skip
# And the review's.
REVIEWED = {
    "x86_64": "linux/amd64", "x86_32": "linux/386", "ARMv8": "linux/arm64", "ARMv7": "linux/arm/v7",
    "RISC-V": "linux/riscv64", "RISC-V64 interpreter": "linux/riscv64", "XTENSA": "freertos/xtensa",
    "MIPS": "linux/mips", "ARC": "zephyr/arc",
}  # fmt: skip


@pytest.fixture(scope="module")
def reference() -> Path:
    """The folder of the references beside the checkout."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "reference"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs with the references beside the checkout, and they are not there")
        pytest.skip("the references are not beside this checkout")
    return folder


@pytest.fixture(scope="module")
def defaults(reference: Path) -> Defaults:
    """Kind of model, name of its page and row of the table, for each recommended default of these kinds."""
    with (reference / "defaults.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kinds = {"runtime": "runtimes", "board": "nodes"}
    known = [row for row in rows if row["kind_of_thing"] in kinds]
    return [(kinds[row["kind_of_thing"]], BOARDS.get(row["name"], row["name"]), row) for row in known]


def facts(model: Model, path: str) -> tuple[Fact, ...]:
    return model.tree.facts.get(path, ())


def starts(model: Model) -> list[DistSpec]:
    """The first fact of each clock: what the page composes with, and what it was measured as."""
    paths = ["start.container", *(f"start.spans.{clock}" for clock in CLOCKS)]
    return [model.distribution(path) for path in paths if facts(model, path)]


def says(model: Model, row: dict[str, str]) -> bool:
    """Whether the page's own choice, the first fact of its path, is what the row recommends."""
    quantity, value = row["quantity"], row["value"]
    if quantity.startswith("start_") and quantity in ("start_median", "start_p99", "start_sd"):
        return any(close(found, float(value)) for spec in starts(model) for found in statistics(spec, quantity))
    if not (found := facts(model, PATHS[quantity])):
        return False
    fact = found[0]
    if quantity in ("architectures", "arch"):
        return sorted(fact.value) == platforms(value, fact)
    if quantity in ("needs_kvm", "oci"):
        return fact.value is {"yes": True, "no": False, "via": False}.get(re.split(r"\W", value)[0])
    if quantity == "storage_kind":
        return value.split()[0] == ("flash" if fact.value == "flash" else fact.value)
    units = {"ram": "MiB"}  # the table writes MB for the MiB of a maker
    return close(float(fact.base), base(float(value), units.get(quantity, row["unit"])))


def statistics(spec: DistSpec, quantity: str) -> Iterator[float]:
    """What a distribution of a start says of this statistic, in ms."""
    drawn = from_spec(spec)
    if quantity == "start_median":
        yield from (drawn.mean / MS, spec.parameters.get("median", drawn.mean) / MS)
    elif quantity == "start_p99" and "sigma" in spec.parameters:
        yield spec.parameters["median"] * 2.718281828459045 ** (2.3263478740408408 * spec.parameters["sigma"]) / MS
    elif quantity == "start_sd" and "sd" in spec.parameters:
        yield spec.parameters["sd"] / MS


def close(found: float, wanted: float) -> bool:
    return found == pytest.approx(wanted, rel=0.006)


def base(value: float, unit: str) -> float:
    name = {"ms per instance": "ms", "vCPU": "", "vCPU usable": "", "cores": "", "x": "", "": ""}.get(unit, unit)
    dimension = {"ms": "duration", "MB": "size", "MiB": "size", "MB/s": "byterate", "W": "power"}.get(name)
    return float(parse(f"{value}{name}", dimension)) if dimension else value


def platforms(value: str, fact: Fact) -> list[str]:
    if value.startswith("none"):  # a microcontroller: its own word stands on its page alone
        return [name for name in fact.value if not name.startswith("linux/")]
    if value == "any Rust target":
        return sorted(name for name in PLATFORMS if name.startswith("linux/"))
    names: list[str] = []
    for word in (part.strip() for part in value.split(";")):
        plain = word.partition(" (")[0].removesuffix(" with SGX")
        names += ARCHITECTURES.get(plain, [f"linux/{plain}"])
    return sorted(set(names))


# What the pages say, against the references.
def test_every_default_is_on_its_page_or_left_out_with_a_reason(
    defaults: list[tuple[str, str, dict[str, str]]],
) -> None:
    models = {"runtimes": RUNTIMES, "nodes": NODES}
    assert len(defaults) == 330 + 160
    wrong = [
        f"{kind}/{name}: {row['quantity']} {row['value']} {row['unit']}"
        for kind, name, row in defaults
        if not says(models[kind][name], row) and (kind, name, row["quantity"]) not in LEFT_OUT
    ]
    assert wrong == []


def test_nothing_is_left_out_that_its_page_says(defaults: Defaults) -> None:
    models = {"runtimes": RUNTIMES, "nodes": NODES}
    known = {(kind, name, row["quantity"]): says(models[kind][name], row) for kind, name, row in defaults}
    assert [key for key in LEFT_OUT if known[key]] == []
    assert all(LEFT_OUT.values())


def test_an_assumption_of_the_table_is_one_of_its_page(defaults: Defaults) -> None:
    """Of numbers: what nobody measured may not be called measured. A start's spread may be assumed within a fact."""
    models = {"runtimes": RUNTIMES, "nodes": NODES}
    wrong = []
    for kind, name, row in defaults:
        path = PATHS.get(row["quantity"])
        if row["kind"] != "assumed" or path is None or (kind, name, row["quantity"]) in LEFT_OUT:
            continue
        if facts(models[kind][name], path)[0].kind not in ("assumed", "derived", "seed"):
            wrong.append(f"{kind}/{name}: {row['quantity']} is {facts(models[kind][name], path)[0].kind}")
    assert wrong == []


def table_2(text: str) -> dict[str, dict[str, str]]:
    """The review's table of Wasm runtimes: a row is a name on a line of its own with the columns under it."""
    body = text[text.index("Table 2. Comparison of Wasm runtimes.") :].split("\n\n\n\n")
    columns = ("language", "wasi", "embedding", "architectures", "deployments")
    found = {}
    for block in body:
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if lines and lines[0].lower() in RUNTIMES and len(lines) > len(columns):
            found[lines[0].lower()] = {
                **dict(zip(columns, lines[1:], strict=False)),
                "stars": next(line for line in lines if line.endswith("stars")),
            }
    return found


def test_table_2_of_the_review_is_on_the_pages(reference: Path) -> None:
    rows = table_2((reference / "review-2023.txt").read_text("utf-8"))
    assert set(rows) == {"wasmer", "wasmtime", "wasm3", "wasmedge", "wamr", "wazero", "wavm", "wasmi"}
    beyond = {}  # architectures of the review that the projects' own documents do not list
    for name, row in rows.items():
        model = RUNTIMES[name]
        assert model.text("language") == row["language"]
        assert model.list("embedding") == row["embedding"].split(", ")
        assert model.quantity("review.stars") == round(float(row["stars"].split("k")[0]) * 1000)
        assert row["wasi"].startswith("Yes")
        assert "preview1" in model.list("wasi")
        seed = [fact.value for fact in facts(model, "platforms") if fact.source == "sensors2023"]
        if row["architectures"] == "Not documented":
            assert seed == []
            continue
        reviewed = {REVIEWED[word] for word in row["architectures"].split(", ")}
        assert [set(value) for value in seed] == [reviewed]
        if more := reviewed - set(model.list("platforms")):
            beyond[name] = more
    # wazero's compiler knows no RISC-V, its interpreter does.
    assert beyond == {"wazero": {"linux/riscv64"}}
    assert "linux/riscv64" in RUNTIMES["wazero-interpreter"].list("platforms")


# What holds of every page.
@pytest.mark.parametrize("name", [name for name, model in RUNTIMES.items() if name != "runtime-class"])
def test_a_runtime_says_its_place_and_the_clock_of_its_start(name: str) -> None:
    model = RUNTIMES[name]
    role, clock = model.text("role"), model.text("start.clock")
    expected = {
        "engine": {"engine"}, "low-level": {"create", "vmm"}, "vmm": {"vmm"}, "unikernel": {"vmm"}, "wasm": {"module"},
    }  # fmt: skip
    closed = ("docker-wasm", "krustlet")  # an engine whose figures are of the whole
    assert name in closed or expected[role] & set(CLOCKS[clock])
    assert role == "engine" or model.has("isolation")
    assert facts(model, f"start.spans.{clock}") == ()  # no clock stands twice on a page
    if role in {"vmm", "unikernel"}:
        assert model.flag("kvm")


def test_a_clock_covers_neighbouring_stages() -> None:
    for clock, covered in CLOCKS.items():
        assert covered, clock
        assert list(covered) == sorted(covered, key=STAGES.index)


def test_what_a_runtime_drives_is_a_runtime() -> None:
    for name, model in RUNTIMES.items():
        only = model.list("drives.only") if model.has("drives.only") else None
        default = model.text("drives.default") if model.has("drives.default") else None
        for other in (*(only or ()), *([default] if default else ())):
            assert other in RUNTIMES, name
        assert only is None or default is None or default in only, name


def test_a_start_and_what_is_driven_are_plausible() -> None:
    """Within the range of everything that was measured; a slowdown below one is a paper's best case, and said so."""
    for name, model in RUNTIMES.items():
        assert from_spec(model.distribution("start.container")).mean < 4 * SECOND, name
        assert 0.8 <= model.quantity("slowdown") <= 200, name
        assert model.quantity("memory.per_instance") < 200e6, name
        assert 0.5 <= model.quantity("start.speed") <= 2, name


def test_the_parts_of_a_start_add_up_to_it() -> None:
    firecracker, unikraft = RUNTIMES["firecracker"], RUNTIMES["unikraft"]
    parts = [from_spec(firecracker.distribution(f"start.split.{part}")).mean / MS for part in ("vmm", "guest")]
    assert sum(parts) == pytest.approx(161.7, rel=0.01)  # the mean of the 500 boots
    for vmm, total in (("firecracker", 2.73), ("qemu", 37.83), ("qemu-microvm", 9.04), ("solo5", 2.99)):
        here = f"start.under.{vmm}"
        made = from_spec(unikraft.distribution(f"{here}.vmm")).sample(0.5) / MS + unikraft.number(f"{here}.guest")
        assert unikraft.distribution(f"{here}.total").parameters["median"] == pytest.approx(total * MS)
        assert made == pytest.approx(total, rel=0.01)  # medians of parts, not the median of sums


def test_one_contention_parameter_serves_every_vmm_and_predicts_a_smaller_host() -> None:
    """c is fitted on Firecracker's 50 at once on 96 threads; 50 at once on 4 threads were never shown to it."""
    having = {name: model for name, model in RUNTIMES.items() if model.has("start.contention")}
    shared = {model.number("start.contention") for name, model in having.items() if name != "rund"}  # it has its own
    (c,) = shared
    assert 161.7 * (1 + c * 49 / 96) == pytest.approx(204.7, rel=0.001)
    measured = {124.8: 765.6, 65.2: 525.0, 190.8: 1454.0}  # Firecracker, Cloud Hypervisor, QEMU on an E3-1226 v3
    off = [serial * (1 + c * 49 / 4) / fifty - 1 for serial, fifty in measured.items()]
    assert max(map(abs, off)) < 0.21
    worse = [serial * (1 + 1.25 * c * 49 / 4) / fifty - 1 for serial, fifty in measured.items()]
    assert max(map(abs, worse)) > 0.4


def test_a_start_grows_with_the_module_and_the_default_is_a_module_of_150_kb() -> None:
    sized = {name for name, model in RUNTIMES.items() if model.has("start.by_size.150kB")}
    assert {"wasmtime", "wasmtime-winch", "wasmer", "wasmer-singlepass", "wasmedge", "wamr", "wasm3", "wasmi"} <= sized
    for name in sized:
        model = RUNTIMES[name]
        by_size = {
            parse(path.rpartition(".")[2], "size"): found[0].base
            for path, found in model.tree.facts.items()
            if path.startswith("start.by_size.")
        }
        sizes = sorted(by_size)
        assert [by_size[size] for size in sizes] == sorted(by_size.values())
        assert from_spec(model.distribution("start.container")).mean == pytest.approx(by_size[150_000], rel=0.001)


def test_a_wasm_runtime_is_for_wasm_modules_and_only_interpreters_know_microcontrollers() -> None:
    for name, model in RUNTIMES.items():
        small = [p for p in model.list("platforms") if p.partition("/")[0] in ("zephyr", "freertos")]
        assert not small or model.text("role") == "wasm", name
        if model.text("role") == "wasm":
            assert model.list("formats") == ["wasm"], name
    for board in ("esp32", "stm32f767"):
        (platform,) = NODES[board].list("platforms")
        able = {name for name, model in RUNTIMES.items() if platform in model.list("platforms")}
        assert able == {"wasm3", "wamr", "wamr-aot"}


@pytest.mark.parametrize("name", NODES)
def test_a_machine_draws_more_at_full_load_and_is_slower_than_twice_the_reference(name: str) -> None:
    node = NODES[name]
    assert node.quantity("power.idle") < node.quantity("power.max")
    assert 0.01 < node.quantity("speed") < 2
    assert node.quantity("disk_write") < node.quantity("disk")


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_host_system_names_its_engine_and_fits_what_it_says_it_needs(name: str) -> None:
    system = SYSTEMS[name]
    assert system.text("engine") in RUNTIMES
    assert system.text("role") == "host"
    if system.has("footprint.ram") and name != "eve-os":  # whose practical minimum is 1 GB, an alternative
        assert system.quantity("footprint.ram") < system.quantity("minimum.ram")
    assert set(system.list("platforms")) <= set(RUNTIMES[system.text("engine")].list("platforms"))


def test_what_is_no_longer_developed_says_so() -> None:
    dead = {name for name, model in {**RUNTIMES, **SYSTEMS}.items() if model.header.status == "historical"}
    assert dead == {"rkt", "nabla", "krustlet", "k3os", "docker-pi"}


# What a user's own page is refused for.
PAGE = """\
name: mine
kind: runtimes
title: Mine
extends: wasmtime
facts:
  start:
    clock: {value: load-to-instance, kind: assumed, source: lucet}
    by_size:
      1MB: {value: 3, unit: ms, kind: assumed, source: lucet}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("value: load-to-instance", "value: load-to-instans", 7, "did you mean load-to-instance?"),
        ("1MB", "large", 9, "runtimes have no fact start.by_size.large"),
        ("by_size", "by_sise", 9, "did you mean start.by_size"),
        ("  start:", "  wasi: {value: [preview3], kind: assumed, source: lucet}\n  start:", 6, "did you mean preview"),
        ("unit: ms", "unit: MB", 9, "is a duration, not a size"),
    ],
)
def test_a_page_of_one_s_own_is_refused_at_its_line(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(PAGE)
    assert Catalogue().model("runtimes", str(file)).number("start.by_size.1MB") == 3
    file.write_text(PAGE.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        Catalogue().model("runtimes", str(file))
    assert [(problem.line, said in str(problem)) for problem in caught.value.problems] == [(line, True)]
