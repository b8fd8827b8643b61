"""CONTRIBUTING's pages work as they stand there: no line of Python. With k0s V02's protocol comes out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from commands import littoral
from scenarios import cluster_of
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario
from simulator.spec.mechanism import MECHANISMS, Kubelet, Lease, NodeAgent, Server, kind_of
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import SECOND

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def written(name: str, folder: Path) -> Path:
    """The page of that name, and the sources after it, as a user's own files."""
    page, sources = re.search(rf"```yaml\n(# {name}\n.*?)```.*?```bibtex\n(.*?)```", TEXT, re.DOTALL).groups()  # type: ignore[union-attr]
    (folder / name).write_text(page, "utf-8")
    (folder / "sources.bib").write_text(sources, "utf-8")
    return folder / name


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two blocks of k0s as a user's own files."""
    monkeypatch.chdir(tmp_path)
    return written("k0s.yaml", tmp_path)


def test_the_page_says_its_differences_and_inherits_the_rest(page: Path) -> None:
    catalogue = Catalogue()
    k0s, kubernetes = load_orchestrator(catalogue, str(page)), load_orchestrator(catalogue, "kubernetes@1.31")
    assert (k0s.get(Lease), k0s.get(Kubelet)) == (kubernetes.get(Lease), kubernetes.get(Kubelet))
    assert k0s.get(Server).minimum.ram == 10**9
    containerd = catalogue.model("runtimes", "containerd").quantity("memory.daemon")
    assert k0s.get(NodeAgent).ram + containerd == 392_000_000  # V01: what was measured idle, worker and master
    assert k0s.get(Server).ram + k0s.get(NodeAgent).ram + containerd == 851_000_000


def test_show_prints_just_the_differences(page: Path) -> None:
    said = littoral("show", "./k0s.yaml", "--diff", "kubernetes@1.31", "--json")
    paths = {row["path"] for row in said.document["differences"]}
    assert paths
    assert {path.partition(".")[0] for path in paths} == {"architectures", "components"}


def reconnections(page: Path, lasts: int) -> np.ndarray:
    """V02: one of three Raspberry Pis has no interface for so long; seconds from link-up to Ready, by seed."""
    scenario = Scenario.parse(
        {
            "duration": f"{250 + lasts + 60}s",
            "orchestrator": str(page),
            "topology": {
                "nodes": [
                    {"name": "nuc", "model": "x86-edge", "role": "control-plane", "cores": 12, "ram": "64GiB"},
                    {"name": "pi", "model": "raspberry-pi-4b", "count": 3},
                ],
                "links": [{"name": "lan", "between": ["pi-*", "nuc"], "model": "ethernet"}],
            },
            # The node's own sends fail at once, as its interface is down.
            "faults": [{"kind": "cut", "link": "lan-0", "at": "250s", "duration": f"{lasts}s", "mode": "refused"}],
        }
    )
    found = []
    for seed in range(10):
        nodes = Simulation(scenario, seed=seed).finish().table("nodes")
        pi = nodes.filter(pl.col("node") == "pi-0", pl.col("truth") == "believed")
        unknown = pi.filter(pl.col("state") == "Unknown")["time_s"].to_list()
        ready = pi.filter(pl.col("state") == "Ready", pl.col("time_s") > 250)["time_s"].to_list()
        assert 250 + 29.6 <= unknown[0] <= 250 + 48  # K-P1
        found.append(ready[0] - 250 - lasts)
    return np.array(found)


def test_the_page_is_found_beside_the_experiment_and_from_python_in_the_current_folder(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    text = WALL.partition("cases:")[0].replace(", ./hyperlight-wasm.yaml", "").replace("hyperlight-wasm", "firecracker")
    text = text.replace("[wasi/wasm], format: wasm", "[linux/amd64], format: rootfs")
    (tmp_path / "wall.yaml").write_text(text.replace("  topology", "  orchestrator: ./k0s.yaml\n  topology"), "utf-8")
    Scenario.load("wall.yaml")  # from its own folder
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert littoral("check", str(tmp_path / "wall.yaml")).status == 0
    assert cluster_of(Simulation(Scenario.load(tmp_path / "wall.yaml"))).page.name == "k0s"
    nodes = [{"name": "a", "model": "x86-edge"}]
    inline = {"duration": "1s", "orchestrator": "./k0s.yaml", "topology": {"nodes": nodes}}
    with pytest.raises(UserError, match=r"there is no file ./k0s.yaml"):
        Simulation(Scenario.parse(inline))
    monkeypatch.chdir(page.parent)
    assert cluster_of(Simulation(Scenario.parse(inline))).page.name == "k0s"


def test_v02_with_load_is_met(page: Path) -> None:
    """T = 100 s: totals of 958 to 968 s, 962 s on average, are 0 to 10 s and 4.5 s after the overhead; ± 2 s."""
    found = reconnections(page, 100)
    assert found.min() >= 0
    assert found.max() <= 10
    assert found.mean() == pytest.approx(4.5, abs=2)
    cap = load_orchestrator(Catalogue(), str(page)).get(Lease).retry_cap / SECOND
    assert found.max() <= cap + 0.1  # what governs it


def test_v02_without_load_is_missed_by_a_little(page: Path) -> None:
    """REFUTED by tenths of a second: T = 500 s gave 959.2 s on average, so 1.7 s, ± 2 s; the retries' half is 3.5 s."""
    found = reconnections(page, 500)
    assert found.max() <= 10
    assert 3.7 - 1 < found.mean() < 3.7 + 1


IMAGE = "{compressed: 1kB, unpacked: 150kB, prepulled: [box], "
WALL = f"""\
question: How soon does something run behind a virtual machine's wall?
scenario:
  duration: 10s
  topology:
    nodes:
      - {{name: hub, model: cloud-vm, role: control-plane}}
      - {{name: box, model: edge-server, runtimes: [firecracker, ./hyperlight-wasm.yaml]}}
    links:
      - {{name: lan, between: [hub, box], latency: 100us, rate: 1Gbps}}
  images:
    app: {IMAGE} platforms: [wasi/wasm], format: wasm}}
  workloads:
    - {{kind: service, name: app, image: app, runtime: hyperlight-wasm}}
cases:
  - {{name: hyperlight, set: {{}}}}
  - {{name: slower, set: {{facts.runtimes.hyperlight-wasm.start.container: 201.5ms}}}}
  - name: firecracker
    set:
      scenario.workloads.app.runtime: firecracker
      scenario.images.app: {IMAGE} platforms: [linux/amd64], format: rootfs}}
replications: 10
metrics: [start_p50_s]
"""


@pytest.fixture
def wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment with the page of Hyperlight Wasm beside it; the current folder is another."""
    for name in ("mine", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    written("hyperlight-wasm.yaml", tmp_path / "mine")
    (tmp_path / "mine" / "wall.yaml").write_text(WALL, "utf-8")
    return tmp_path / "mine" / "wall.yaml"


def test_a_runtime_is_one_yaml_file(wall: Path, tmp_path: Path) -> None:
    """Its makers: conventional VMs take over 120 ms, theirs 1 to 2. Firecracker's page has its time from elsewhere."""
    out = str(tmp_path / "out")
    said = littoral("run", str(wall), "--json", "--out", out, "--no-report", "--executor", "serial")
    assert said.status == 0, said.err
    took = {row["case"]: row["mean"] for row in said.document["summary"] if row["metric"] == "start_p50_s"}
    assert took["firecracker"] - took["hyperlight"] > 0.120 - 0.002
    catalogue = Catalogue(folder=wall.parent)
    measured_on = catalogue.model("runtimes", "./hyperlight-wasm.yaml").quantity("start.speed")
    scale = measured_on / catalogue.model("nodes", "edge-server").quantity("speed")
    assert took["slower"] - took["hyperlight"] == pytest.approx(0.2 * scale, abs=0.001)  # what governs it
    # The study has the page and its sources in it, and needs neither the folder nor the current one.
    assert littoral("replay", out).out.startswith("identical: 30 runs")
    cited = littoral("cite", out).out
    assert "Menon, Lucy" in cited
    assert "Chiarlone" not in cited  # an alternative that no run read


@pytest.mark.parametrize(
    ("model", "said"),
    [("raspberry-pi-5", "it is linux/arm64"), ("azure-stack-edge-pro", "it has no KVM")],
)
def test_a_page_of_one_s_own_admits_and_refuses_machines(wall: Path, model: str, said: str) -> None:
    text = WALL.replace("[firecracker, ./hyper", "[./hyper").replace("model: edge-server", f"model: {model}")
    wall.write_text(text.partition("cases:")[0], "utf-8")
    (problem,) = littoral("check", str(wall), "--json").document["problems"]
    assert problem["message"] == f"node box ({model}) cannot run hyperlight-wasm: {said}"
    assert (problem["file"], problem["line"]) == (str(wall), 7)


def test_what_is_wrong_in_a_page_of_one_s_own_is_told_at_its_line(wall: Path) -> None:
    page = wall.with_name("hyperlight-wasm.yaml")
    page.write_text(page.read_text("utf-8").replace("linux/amd64", "linux/amd46"), "utf-8")
    (problem,) = littoral("check", str(wall), "--json").document["problems"]
    assert (problem["file"], problem["line"]) == (str(page), 7)
    assert problem["hint"] == "did you mean linux/amd64?"
    page.unlink()
    (problem,) = littoral("check", str(wall), "--json").document["problems"]
    assert problem["message"] == "there is no file ./hyperlight-wasm.yaml"
    assert (problem["file"], problem["line"]) == (str(wall), 7)


def test_a_page_in_a_setting_is_found_from_the_current_folder(wall: Path, tmp_path: Path) -> None:
    written("hyperlight-wasm.yaml", tmp_path / "elsewhere")
    wall.with_name("hyperlight-wasm.yaml").unlink()
    where = "scenario.topology.nodes.box.runtimes"
    for runtimes in ("[firecracker, ./hyperlight-wasm.yaml]", "[firecracker, crun/./hyperlight-wasm.yaml]"):
        said = littoral("check", str(wall), "--set", f"{where}={runtimes}", "--json")
        # crun drives no such engine: its own page says so, and that the file was found.
        assert said.status == (2 if "crun" in runtimes else 0), said.err
        assert "crun" not in runtimes or "crun does not drive hyperlight-wasm" in said.err


def test_every_mechanism_has_its_row_and_every_row_its_files() -> None:
    """The table "Where a mechanism lives": by list and kind, with paths that exist."""
    rows, group = {}, ""
    section = TEXT.partition("## Where a mechanism lives")[2].partition("\n## ")[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 3 and "`" in cells[1]:
            group = cells[0].strip("`") or group
            for kind in re.findall(r"`([^`]+)`", cells[1]):
                rows[group, kind] = re.findall(r"`([^`]+)`", cells[2])
    assert set(rows) == {(group, kind_of(each)) for group, classes in MECHANISMS.items() for each in classes}
    missing = [path for paths in rows.values() for path in paths if not (ROOT / "simulator" / path).exists()]
    assert missing == []
