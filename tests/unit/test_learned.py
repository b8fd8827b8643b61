"""The policy `learned`: what its file must say, and that it beats others on seeds that it has not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator as sim
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, VERSION
from simulator.policy.onnx import Network
from simulator.policy.reference import instantiate
from simulator.rl import PlacementEnv, practice
from simulator.shipped import shipped

pytest.importorskip("onnxruntime")
FILE = Path(str(shipped("policies"))) / "learned.onnx"
LAYOUT: dict[str, Any] = {
    "observation_version": VERSION, "node_columns": NODE_COLUMNS, "pod_columns": POD_COLUMNS
}  # fmt: skip


def made(name: str) -> Any:
    return instantiate(name, {}, Path(), given=2)


@pytest.mark.parametrize(("name", "value"), [("observation_version", 2), ("node_columns", ["free_cpu"])])
def test_a_network_of_another_layout_is_refused(name: str, value: Any) -> None:
    Network(FILE, LAYOUT)
    with pytest.raises(sim.UserError, match=f"the network's {name} is"):
        Network(FILE, {**LAYOUT, name: value})


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no")
    with pytest.raises(sim.UserError, match="no network can be read"):
        instantiate("learned", {"model": str(tmp_path / "no.onnx")}, Path(), given=2)


def test_it_says_what_it_was_trained_on() -> None:
    assert Network(FILE, LAYOUT).about["trained"]["by"] == "MaskablePPO"


def totals(name: str, episodes: int) -> np.ndarray:
    """Pod seconds spent pending, by replication of a seed that is neither the training's nor the comparison's."""
    env, policy, found = PlacementEnv(practice(12, load=1.1), reward={"pending_pod_s": 1}), made(name), []
    for replication in range(episodes):
        env.reset(seed=77, options={"replication": replication})
        total, over = 0.0, False
        while not over:
            assert env.ask is not None
            _, reward, over, _, _ = env.step(policy.place(env.ask.pod, env.ask.cluster).node)
            total += reward
        found.append(total)
    return np.array(found)


@pytest.mark.full
@pytest.mark.parametrize("other", ["random", "least-loaded"])
def test_it_beats_them_on_seeds_that_it_has_not_seen(other: str) -> None:
    less = totals(other, 30) - totals("learned", 30)
    assert less.mean() > 2.05 * less.std(ddof=1) / np.sqrt(len(less))
