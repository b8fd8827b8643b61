"""The trained policy: what its file says of itself, that nothing else is run, and that it earns what it says."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator as sim
from simulator.errors import UserError
from simulator.policy import Placement
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, Eye
from simulator.policy.reference import instantiate
from simulator.policy.samples import PODS, sample_cluster
from simulator.policy.trained import LAYOUT, Trained, digest, faults
from simulator.rl import PlacementEnv, practice, returns

_FILE = Path(__file__).parents[2] / "policies" / "learned.onnx"


@pytest.fixture(scope="module")
def trained() -> Trained:
    pytest.importorskip("onnxruntime", reason="the extra `learned` is not installed")
    return Trained(_FILE)


def learned(model: str = "") -> Placement:
    pytest.importorskip("onnxruntime", reason="the extra `learned` is not installed")
    made: Placement = instantiate("learned", {"model": model} if model else {}, Path(), given=2)
    return made


def test_it_is_small_and_names_no_file_of_where_it_was_made() -> None:
    content = _FILE.read_bytes()
    assert len(content) < 200_000
    assert b".py" not in content


def test_it_was_trained_on_the_practice_scenario_of_today(trained: Trained) -> None:
    """Whoever changes `practice` trains anew, or says in the file what it was trained on."""
    assert trained.metadata["scenario_sha256"] == digest(practice().dump())


def test_it_earns_more_than_random_and_least_loaded_on_its_held_back_seed(trained: Trained) -> None:
    result = trained.metadata["result"]
    assert result["replications"] >= 100
    for other in ("random", "least-loaded"):
        mean, low, high, n = result["more"][other]
        assert n == result["replications"]
        assert 0 < low < mean < high
        assert mean == pytest.approx(result["mean"]["learned"] - result["mean"][other])


def test_the_page_says_the_same(trained: Trained) -> None:
    result, page = trained.metadata["result"], (_FILE.parents[1] / "README.md").read_text("utf-8")
    words = " ".join(page.split())
    assert f"pods waited {-result['mean']['learned']:.0f} pod seconds a run" in words
    for other, (mean, low, _high, _n) in result["more"].items():
        assert f"{mean:.0f} ± {mean - low:.0f} less than with `{other}`" in words


def test_it_earns_what_it_says(trained: Trained) -> None:
    """The first replications of the seed held back, on this machine."""
    (seed,), said = trained.metadata["seeds"]["held_back"], trained.metadata["result"]["first"]
    found = returns(PlacementEnv(), learned(), seed, 3)
    assert found.sum() == pytest.approx(sum(said["learned"][:3]), rel=0.1)
    random = instantiate("random", {}, Path(), given=2)
    assert returns(PlacementEnv(), random, seed, 2) == pytest.approx(said["random"][:2])


@pytest.mark.full
def test_all_of_what_it_earns(trained: Trained) -> None:
    (seed,), result = trained.metadata["seeds"]["held_back"], trained.metadata["result"]
    for name, mean in result["mean"].items():
        policy = instantiate(name, {}, Path(), given=2)
        assert returns(PlacementEnv(), policy, seed, result["replications"]).mean() == pytest.approx(mean, rel=0.02)


def test_no_node_is_known_by_its_place_and_their_number_is_free(trained: Trained) -> None:
    rng = np.random.default_rng(1)
    for n in (1, 5, 40):
        nodes = rng.random((n, len(NODE_COLUMNS)), np.float32)
        pod = rng.random(len(POD_COLUMNS), np.float32)
        scores, order = trained.scores({"nodes": nodes, "pod": pod}), rng.permutation(n)
        assert scores.shape == (n,)
        assert trained.scores({"nodes": nodes[order], "pod": pod}) == pytest.approx(scores[order], abs=1e-4)
        assert len(np.unique(scores)) == n


def test_what_it_must_not_know_moves_nothing(trained: Trained) -> None:
    """Ages, waiting times and attempts differ between fidelities, and it was trained at one."""
    seen = Eye(12, still=False).see(sample_cluster("heterogeneous", PODS[0]), PODS[0])
    scores = trained.scores(seen)
    seen["nodes"][:, NODE_COLUMNS.index("age_s")] = 100
    seen["pod"][[POD_COLUMNS.index("waiting_s"), POD_COLUMNS.index("attempt")]] = 50
    assert (trained.scores(seen) == scores).all()


@pytest.mark.parametrize("fidelity", ["scheduling", "full"])
def test_a_run_with_it_is_an_episode_with_it(fidelity: Any) -> None:
    scenario = practice(6, load=1.2, duration="1min", fidelity=fidelity)
    env, policy = PlacementEnv(scenario), learned()
    returns(env, policy, 3, 1)
    run = sim.Simulation(sim.Scenario.parse({**scenario.dump(), "policy": "learned"}), 3, 0).finish()
    made = run.table("decisions")
    assert made.equals(env.simulation.decided())
    assert (made["decision"] == "Bind").sum() > 20
    assert run.summary["policy_errors"] == 0


def test_it_can_be_copied_and_sent_after_it_has_been_asked() -> None:
    policy, pod = learned(), PODS[0]
    answer = policy.place(pod, sample_cluster("uniform", pod))
    for again in (copy.deepcopy(policy), pickle.loads(pickle.dumps(policy))):
        assert again.place(pod, sample_cluster("uniform", pod)) == answer


_SOUND: dict[str, Any] = {
    "kind": "placement", "observation": LAYOUT, "scenario": {"a": 1}, "scenario_sha256": digest({"a": 1}),
    "seeds": {"training": [1, 2], "selection": [3], "held_back": [4]}, "trained": "so", "result": {},
}  # fmt: skip


def test_what_is_sound_passes() -> None:
    assert not faults(_SOUND)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("kind", "autoscaling", "it decides autoscaling, not placement"),
        ("observation", {**LAYOUT, "version": 1}, "version 1 of the observation; this is 2"),
        (
            "observation",
            {**LAYOUT, "pod": LAYOUT["pod"][::-1]},
            r"its columns of pod are attempt \[1\], waiting_s \[s\]",
        ),
        ("observation", {**LAYOUT, "nodes": [["free_cpu", "millicores"]]}, r"nodes are free_cpu \[millicores\]; here"),
        ("scenario", {"a": 2}, "is not the one of its scenario_sha256"),
        ("seeds", {"training": [1], "selection": [3]}, "does not say all of its seeds: training, selection, held_back"),
        ("seeds", {"training": [[1]], "selection": "3", "held_back": 4}, "does not say all of its seeds"),
        ("seeds", [1, 2], "observation, scenario and seeds are no objects"),
        ("observation", 2, "observation, scenario and seeds are no objects"),
        ("observation", {**LAYOUT, "pod": 4}, "its columns of pod are 4; here"),
        ("seeds", {"training": [1, 4], "selection": [3], "held_back": [4]}, "seeds that it had met before"),
    ],
)
def test_what_does_not_fit_is_told(key: str, value: Any, told: str) -> None:
    ((text, hint),) = faults({**_SOUND, key: value})
    assert told.replace("\\", "") in text
    assert "train it anew" in hint


def test_what_it_does_not_say_is_told() -> None:
    ((text, _),) = faults({})
    assert text.endswith("nothing of kind, observation, scenario, scenario_sha256, seeds, trained, result")


def test_a_file_that_does_not_fit_stops_before_the_run(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `learned` is not installed")
    sound, other = b'"observation": {"version": 2', b'"observation": {"version": 1'
    content = _FILE.read_bytes()
    assert content.count(sound) == 1
    (tmp_path / "old.onnx").write_bytes(content.replace(sound, other))
    (tmp_path / "bare.onnx").write_bytes(content.replace(b'{"kind": "placement"', b'["kind": "placement"'))
    (tmp_path / "other.onnx").write_bytes(content.replace(b"scores", b"scored"))
    (tmp_path / "text.onnx").write_text("no network")
    for name, told in (
        ("old.onnx", "version 1 of the observation; this is 2"),
        ("bare.onnx", "its metadata 'littoral' is no JSON object"),
        ("other.onnx", "it has nodes, pod, scored; a scorer of nodes has nodes, pod, scores"),
        ("text.onnx", "not a network that onnxruntime can read"),
    ):
        policy = {"use": "learned", "params": {"model": str(tmp_path / name)}}
        with pytest.raises(UserError, match=told) as caught:
            sim.Simulation(sim.Scenario.parse({**practice().dump(), "policy": policy}))
        assert caught.value.problems[0].file == str(tmp_path / name)


def test_a_file_is_looked_for_beside_the_experiment(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `learned` is not installed")
    policy = {"use": "learned", "params": {"model": "mine.onnx"}}
    scenario = sim.Scenario.parse({**practice().dump(), "policy": policy}).placed(tmp_path, {})
    with pytest.raises(UserError, match="there is no file") as caught:
        sim.Simulation(scenario)
    assert caught.value.problems[0].path == "policy.params.model"
    (tmp_path / "mine.onnx").write_bytes(_FILE.read_bytes())
    sim.Simulation(scenario)


def test_without_the_extra_its_install_line_is_said() -> None:
    code = (
        "import sys; sys.modules['onnxruntime'] = None; from pathlib import Path; "
        "from simulator.policy.reference import instantiate; instantiate('learned', {}, Path(), given=2)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UserError: a trained policy needs onnxruntime (pip install 'littoral[learned]')" in ended.stderr
