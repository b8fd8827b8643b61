"""CONTRIBUTING's k0s page works as it stands there: no line of Python, and V02's protocol comes out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from commands import littoral
from simulator.facts import Catalogue
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario
from simulator.spec.mechanism import MECHANISMS, Kubelet, Lease, NodeAgent, Server, kind_of
from simulator.spec.orchestrator import load_orchestrator
from simulator.units import SECOND

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two blocks as a user's own files."""
    monkeypatch.chdir(tmp_path)
    for file, language in (("k0s.yaml", "yaml"), ("sources.bib", "bibtex")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
        Path(file).write_text(block, "utf-8")
    return tmp_path / "k0s.yaml"


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
