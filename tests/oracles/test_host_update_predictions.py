"""E-P23: a new operating system without its hub goes back by itself, in the time that its own configuration says."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from scenarios import run

BOXES = 40


def boxes(system: str, silence: float, facts: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Machines with this system get a new image at moments of their own, and the hub falls silent for some time, at
    100 s in each trial or at 5 s in a short one. From then until each has gone back; from its boot until it is kept."""
    drawn = np.random.default_rng(23).uniform(60, 600, BOXES)
    orchestrator, boot, early = ("k3s", 60, 100) if system == "eve-os" else ("open-horizon", 10, 5)
    update = {"kind": "host-update", "compressed": "1MB", "unpacked": "1MB"}
    up = [float(at) + 8 * 1e6 / 1e9 + 1 / 240 + boot + (60 if system == "eve-os" else 0) for at in drawn]
    faults = [{**update, "node": f"box-{i}", "at": f"{at}s"} for i, at in enumerate(drawn)]
    faults += [
        {"kind": "cut", "link": f"line-{i}", "at": f"{at + early}s", "duration": f"{silence}s"}
        for i, at in enumerate(up)
    ]
    data = {
        "duration": "40min",
        "orchestrator": orchestrator,
        "topology": {
            "nodes": [
                {"name": "hub", "model": "cloud-vm", "role": "control-plane"},
                {"name": "box", "model": "edge-server", "zone": "site", "count": BOXES, "system": system},
            ],
            "links": [{"name": "line", "between": ["hub", "box-*"], "latency": "10ms", "rate": "1Gbps"}],
        },
        "faults": faults,
    }
    events = run(data, facts).table("events")

    def when(kind: str) -> list[float]:
        rows = events.filter(pl.col("kind") == kind)
        ends = dict(zip(rows["node"].to_list(), rows["time_s"].to_list(), strict=True))
        return [ends[f"box-{i}"] - at for i, at in enumerate(up) if f"box-{i}" in ends]

    return [took - early for took in when("HostRolledBack")], when("HostUpdateCommitted")


# The system, its path, the time in its configuration; then the reboot into the old image.
BACK = [("eve-os", 300, 60 + 60, 280), ("pantavisor-linux", 120, 10, 100)]


@pytest.mark.parametrize(("system", "limit", "reboot", "short"), BACK)
def test_p23_a_machine_without_its_hub_goes_back_by_itself(system: str, limit: int, reboot: int, short: int) -> None:
    def misses(facts: dict[str, Any]) -> bool:
        back, kept = boxes(system, 1000, facts)
        return len(back) != BOXES or kept != [] or not np.allclose(back, limit + reboot, atol=0.01)

    assert not misses({})
    assert misses({f"facts.systems.{system}.update.gives_up_after": f"{1.25 * limit}s"})
    back, kept = boxes(system, short, {})
    assert (len(back), len(kept)) == (0, BOXES), "a shorter silence is borne"


def test_p23_ten_minutes_of_good_connectivity_commit_an_image_of_eve() -> None:
    def misses(facts: dict[str, Any]) -> bool:
        back, kept = boxes("eve-os", 100, facts)
        # The silence of 100 s began 100 s after the boot: good connectivity counts from its end.
        return back != [] or len(kept) != BOXES or not np.allclose(kept, 100 + 100 + 600, atol=0.01)

    assert not misses({})
    assert misses({"facts.systems.eve-os.update.commits_after": "750s"})
