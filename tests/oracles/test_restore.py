"""V28: restoring a microVM's snapshot, by five numbers of a host, against the rows that they were not taken from."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from simulator.facts import Catalogue
from simulator.runtime.settings import Prepared
from simulator.runtime.stack import compose, costs
from simulator.units import MS

ROOT = Path(__file__).parents[2]
SNAPSHOT = "facts.runtimes.firecracker-snapshot.snapshot"
WRITTEN = [row for row in yaml.safe_load((ROOT / "models/predictions.yaml").read_text("utf-8")) if row["case"] == "V28"]
KEPT_BACK = {
    "10 vCPUs": {"vcpus": 10},
    "4 network devices": {"nics": 4},
    "32 GiB": {"mib": 32 * 1024},
    "10 vCPUs, 4 network devices and 32 GiB": {"vcpus": 10, "nics": 4, "mib": 32 * 1024},
}
Host = dict[str, float]  # restore, per_vcpu, per_nic, per_disk, per_gib in ms


def restore_ms(host: Mapping[str, float], *, vcpus: int = 1, mib: int = 128, nics: int = 1, disks: int = 1) -> float:
    """What the simulator takes, where the VMM's process is there, on cores as fast as those of the measurement."""
    changes: dict[str, Any] = {f"{SNAPSHOT}.{name}": f"{value}ms" for name, value in host.items()}
    changes |= {f"{SNAPSHOT}.vmm": "0ms", f"{SNAPSHOT}.nics": nics, f"{SNAPSHOT}.disks": disks}
    kind = costs(compose(Catalogue(changes), "firecracker-snapshot")).warm
    assert isinstance(kind, Prepared)
    return sum(step.work(0.5, 1.2, size=0, ram=mib << 20) for step in kind.with_vcpus(vcpus)) / MS


def measured(data: Path) -> dict[str, dict[str, float]]:
    """Host and kernels -> configuration -> ms."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    with (data / "runtime-firecracker-snapshot" / "snapshot_restore_ms.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            host = f"{row['instance']} {row['cpu']} {row['host_kernel']} {row['guest_kernel']}"
            found[host][row["microvm"]] = float(row["p50_ms"])
    return found


def fitted(rows: Mapping[str, float]) -> Host:
    """From five rows. What costs less than nothing costs nothing."""
    base = rows["1vcpu_128mb"]
    slopes = {
        "per_vcpu": (rows["5vcpu_128mb"] - base) / 4,
        "per_nic": (rows["3net_dev"] - base) / 2,
        "per_disk": (rows["3block_dev"] - base) / 2,
        "per_gib": (rows["1vcpu_4096mb"] - base) / (4 - 1 / 8),
    }
    return {"restore": base, **{name: max(0.0, slope) for name, slope in slopes.items()}}


CHECKS: dict[str, dict[str, int]] = {
    **{f"{n}vcpu_128mb": {"vcpus": n} for n in (2, 3, 4)},
    "2net_dev": {"nics": 2},
    "2block_dev": {"disks": 2},
    **{f"1vcpu_{mib}mb": {"mib": mib} for mib in (256, 512, 1024, 2048)},
}


def misses(host: Host, rows: Mapping[str, float]) -> list[float]:
    """By what part the nine rows that were not used are missed."""
    return [restore_ms(host, **what) / rows[row] - 1 for row, what in CHECKS.items()]


def test_five_numbers_of_a_host_give_its_nine_other_rows(shared_data: Path) -> None:
    """Independence: calibrated. Six hosts, two kernels of the host and two of the guest. The worst are arm64 hosts on
    Linux 4.14, whose 256 MiB take as much more than 128 MiB as 4 GiB do. The two bounds were chosen after a look."""
    hosts = measured(shared_data)
    assert len(hosts) == 24
    off = np.abs([miss for rows in hosts.values() for miss in misses(fitted(rows), rows)])
    assert off.shape == (216,)
    assert off.max() < 0.15
    assert np.percentile(off, 95) < 0.065


def test_one_constant_for_all_hosts_does_not_pass(shared_data: Path) -> None:
    """Nor do the five numbers of one host on another, nor a host's own where one of them has moved by a quarter."""
    hosts = list(measured(shared_data).values())
    base = {"restore": float(np.median([rows["1vcpu_128mb"] for rows in hosts]))}
    none = dict.fromkeys(("per_vcpu", "per_nic", "per_disk", "per_gib"), 0.0)
    flat = np.abs([miss for rows in hosts for miss in misses({**base, **none}, rows)])
    assert np.median(flat) > 0.15
    moved = np.abs(
        [miss for rows in hosts[::4] for miss in misses({**fitted(rows), "restore": 1.25 * rows["1vcpu_128mb"]}, rows)]
    )
    assert np.percentile(moved, 95) > 0.2


def numbers() -> dict[str, Host]:
    """Host -> its five numbers, as the shipped experiment sets them."""
    text = (ROOT / "experiments/validation/restore.yaml").read_text("utf-8")
    found = {}
    for case in yaml.safe_load(text)["cases"]:
        host, _, row = case["name"].rpartition(", ")
        if row == "3 vCPUs":
            raw = {path.removeprefix(f"{SNAPSHOT}."): value for path, value in case["set"].items()}
            ms = {name: raw[name] for name in ("per_vcpu", "per_nic", "per_disk", "per_gib")}
            ms["restore"] = raw["restore"]["lognormal"]["median"]
            found[host] = {name: float(value.removesuffix("ms")) for name, value in ms.items()}
    return found


def test_the_experiment_has_the_numbers_of_the_data(shared_data: Path) -> None:
    data = measured(shared_data)
    for name, host in numbers().items():
        machine, kernel = name.split(", Linux ")
        found = [
            fitted(rows)
            for key, rows in data.items()
            if all(word in key for word in machine.split()) and key.endswith(f"{kernel} vmlinux-4.14.bin")
        ]
        assert found == [pytest.approx(host, abs=6e-4)], name


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: row["row"])
def test_what_was_predicted_is_what_the_model_says(row: dict[str, Any]) -> None:
    """Kept back: nobody has compared these with the measurement."""
    hosts = numbers()
    name, what = next((name, row["row"].removeprefix(f"{name}, ")) for name in hosts if row["row"].startswith(name))
    host = hosts[name]
    assert restore_ms(host, **KEPT_BACK[what]) == pytest.approx(row["predicted"], abs=0.006)
    assert 0 < row["low"] < row["predicted"] < row["high"]
    governing = {"10 vCPUs": "per_vcpu", "4 network devices": "per_nic"}.get(
        what, "per_gib" if host["per_gib"] > 0.1 else "restore"
    )
    moved = {**host, governing: 1.25 * host[governing]}
    assert restore_ms(moved, **KEPT_BACK[what]) != pytest.approx(row["predicted"], rel=0.02)
