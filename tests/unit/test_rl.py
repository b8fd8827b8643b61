"""Placement as a Gymnasium environment: the contract of one, and that it shows and does what the simulator does."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import polars as pl
import pytest
from gymnasium.utils.env_checker import check_env

import simulator as sim
import simulator.rl
from simulator.policy import Bind, Wait
from simulator.policy.observation import NODE_COLUMNS, POD_COLUMNS, QUEUE_COLUMNS, VERSION
from simulator.rl import PlacementEnv, practice

BUSY = practice(6, load=1.2, duration="2min")
CALM = practice(6, load=0.3, duration="2min")


def least_loaded(env: PlacementEnv) -> int:
    ask = env.ask
    assert ask is not None
    return ask.cluster.argmax(ask.cluster.free_cpu_m, where=env.action_masks())


def names(env: PlacementEnv) -> list[str]:
    return [name for name in env.simulation.state().nodes["node"] if name]


def episode(env: Any, choose: Any = least_loaded, **reset: Any) -> list[tuple[Any, ...]]:
    """Every step's (pod, action, reward, terminated, truncated, info)."""
    _, info = env.reset(**reset)
    rows, over, cut = [], False, False
    while not (over or cut):
        pod, action = info["pod"], choose(env)
        _, reward, over, cut, info = env.step(action)
        rows.append((pod, action, reward, over, cut, info))
    return rows


def test_gymnasium_finds_nothing_wrong_with_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("simulator/Placement-v0", scenario=BUSY).unwrapped)
        check_env(gymnasium.make("simulator/Placement-v0", scenario=BUSY, max_steps=20).unwrapped)


def test_its_name_comes_with_the_package_and_nothing_with_the_simulator() -> None:
    asks = "import simulator, sys; simulator.Simulation; assert 'gymnasium' not in sys.modules; import gymnasium as g; "
    asks += "assert not any(n.startswith('simulator/') for n in g.registry); "
    asks += "e = g.make('simulator.rl:simulator/Placement-v0'); print(e.reset(seed=1)[1]['pod'])"
    done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("small-0", "large-0")


@pytest.mark.parametrize("fidelity", ["scheduling", "full"])
def test_masks_are_exactly_the_feasible_nodes_and_observations_are_the_view(fidelity: Any) -> None:
    env = PlacementEnv(BUSY, fidelity=fidelity)
    seen, _ = env.reset(seed=3)
    columns = [NODE_COLUMNS.index(name) for name in ("free_cpu", "free_ram", "pods", "speed", "age_s")]
    of_pod = POD_COLUMNS.index("cpu"), POD_COLUMNS.index("attempt")
    forbidden = 0
    for _ in range(60):
        ask = env.ask
        assert ask is not None
        cluster, mask = ask.cluster, env.action_masks()
        assert mask.any()
        assert (mask == cluster.feasible(ask.pod)).all()
        fits = (cluster.free_cpu_m >= ask.pod.cpu_m) & (cluster.free_ram_bytes >= ask.pod.ram_bytes)
        worker = np.array([name != "hub" for name in cluster.names])
        assert (mask == (fits & worker)).all()  # the hub has the control plane's taint
        forbidden += int((~mask & worker).sum())
        cpu, ram = cluster.allocatable_cpu_m, cluster.allocatable_ram_bytes
        wanted = (cluster.free_cpu_m / cpu, cluster.free_ram_bytes / ram, cluster.pods / cluster.max_pods,
                  cluster.speed, cluster.age_s)  # fmt: skip
        assert seen["nodes"][:, columns] == pytest.approx(np.stack(wanted, axis=1), rel=1e-5)
        assert seen["pod"][list(of_pod)] == pytest.approx((ask.pod.cpu_m / cpu.max(), ask.pod.attempt))
        assert env.observation_space.contains(seen)
        seen, *_ = env.step(least_loaded(env))
    assert forbidden > 10
    assert (seen["nodes"][:, NODE_COLUMNS.index("age_s")].max() > 0) == (fidelity == "full")


def test_a_step_is_an_answered_ask() -> None:
    env = PlacementEnv(BUSY)
    rows = episode(env, seed=5)
    run = env.simulation.finish()
    made = run.table("decisions")
    bound = made.filter(made["decision"] == "Bind")
    assert [(pod, names(env)[row]) for pod, row, *_ in rows] == list(bound.select("pod", "node").iter_rows())
    assert (made["decision"] != "Bind").any()  # what no node could take was left waiting, without a step
    assert not (made["decision"] == "policy_error").any()


def test_the_same_by_hand() -> None:
    """Least loaded through the environment and through `Simulation.decisions` places every pod alike."""
    env = PlacementEnv(BUSY)
    episode(env, seed=5, options={"replication": 2})
    s = sim.Simulation(BUSY, 5, 2)
    for ask in s.decisions():
        mask = ask.cluster.feasible(ask.pod)
        s.answer(ask, Bind(ask.cluster.argmax(ask.cluster.free_cpu_m, where=mask)) if mask.any() else Wait())
    assert s.decided().equals(env.simulation.decided())


def test_seeds_and_replications_decide_what_comes_and_nothing_else() -> None:
    def coming(env: PlacementEnv, choose: Any = least_loaded, **reset: Any) -> dict[str, float]:
        episode(env, choose, **reset)
        pods = env.simulation.finish().table("pods")
        return dict(pods.filter(pods["state"] == "Pending").select("pod", "time_s").iter_rows())

    env = PlacementEnv(BUSY)
    first = coming(env, seed=1)
    second = coming(env)
    assert second != first == coming(env, seed=1)
    assert second == coming(PlacementEnv(BUSY), seed=1, options={"replication": 1})
    assert coming(env, seed=2) != first
    first_fit = coming(env, lambda e: int(np.argmax(e.action_masks())), seed=1)
    assert first == first_fit


def test_the_queue_is_what_waits_and_the_time_left() -> None:
    env = PlacementEnv(practice(6, load=2, duration="2min"))
    seen, info = env.reset(seed=1)
    most = 0
    over = False
    while not over:
        ask = env.ask
        assert ask is not None
        waits = env.simulation.decided().unique("pod", keep="last", maintain_order=True)
        waits = waits.filter(waits["decision"] != "Bind")["pod"].to_list()
        cpu = sum(6000 if name.startswith("large") else 1000 for name in waits)
        ram = sum(1024 if name.startswith("large") else 256 for name in waits)
        all_ram = ask.cluster.allocatable_ram_bytes.sum() / 2**20
        wanted = (len(waits), cpu / ask.cluster.allocatable_cpu_m.sum(), ram / all_ram, 120 - info["time_s"])
        assert seen["queue"] == pytest.approx(wanted, rel=1e-5)
        assert len(waits) == info["pending"]
        most = max(most, len(waits))
        seen, _, over, _, info = env.step(least_loaded(env))
    assert most > 5
    assert seen["queue"][-1] == 0


def test_who_is_deleted_waits_no_more() -> None:
    """Not all of twelve replicas find room; when another image rolls them, some that wait go."""
    data = practice(3, duration="5min", fidelity="full").dump()
    shop = {"kind": "service", "name": "shop", "image": "job:1", "replicas": 12, "cpu": "3", "ram": "256Mi"}
    small = {"kind": "pods", "name": "small", "image": "job:1", "cpu": "100m", "ram": "64Mi",
             "arrivals": {"every": "9s"}, "run": "1s"}  # fmt: skip
    update = {"kind": "update", "workload": "shop", "image": "job:2", "at": "2min"}
    images = {**data["images"], "job:2": data["images"]["job:1"]}
    env = PlacementEnv(
        sim.Scenario.parse({**data, "images": images, "workloads": [shop, small], "faults": [update]}),
        reward={"pending_pod_s": 1},
    )
    rows = episode(env, seed=1)
    pods = env.simulation.finish().table("pods").filter(truth="believed")
    spans = []
    for pod in pods["pod"].unique():
        mine = pods.filter(pod=pod)
        (begun,) = mine.filter(state="Pending")["time_s"].to_list()
        spans.append((begun, mine.filter(mine["state"] != "Pending")["time_s"].append(pl.Series([300.0]))[0]))
    wait = sum(end - begun for begun, end in spans)
    for info in (row[5] for row in rows):  # whose end the scheduler has heard of a second later
        assert info["pending"] <= sum(begun <= info["time_s"] < end + 1 for begun, end in spans)
    deleted = [p for p in pods.filter(state="Deleted")["pod"] if not pods.filter(pod=p, state="Scheduled").height]
    assert deleted
    assert sum(row[2] for row in rows) == pytest.approx(wait, rel=0.01)  # but for the way to the first ask
    state = env.simulation.state().pods
    assert rows[-1][5]["pending"] == state.filter(believed="Pending").height


def test_over_and_cut_off_are_two_things() -> None:
    rows = episode(PlacementEnv(CALM), seed=1)
    assert [row[3:5] for row in rows[-2:]] == [(False, False), (True, False)]
    assert rows[-1][5]["time_s"] == 120
    assert rows[-1][5]["pod"] == ""
    cut = episode(PlacementEnv(CALM, max_steps=7), seed=1)
    assert len(cut) == 7
    assert cut[-1][3:5] == (False, True)
    exactly = episode(PlacementEnv(CALM, max_steps=len(rows)), seed=1)
    assert exactly[-1][3:5] == (True, False)
    assert [row[:3] for row in cut] == [row[:3] for row in rows[:7]]


def test_it_ends_before_its_time_once_all_pods_are_placed() -> None:
    few = [{**item.dump(), "count": 3} for item in CALM.workloads]
    rows = episode(PlacementEnv(sim.Scenario.parse({**CALM.dump(), "workloads": few}), fidelity="scheduling"), seed=1)
    assert len(rows) <= 6
    assert rows[-1][3:5] == (True, False)


def test_after_the_end_nothing_is_asked() -> None:
    env = PlacementEnv(CALM)
    episode(env, seed=1)
    assert env.ask is None
    assert not env.action_masks().any()
    with pytest.raises(ValueError, match="reset first"):
        env.step(0)


def test_what_the_mask_forbids_leaves_the_pod_waiting() -> None:
    env = PlacementEnv(CALM, reward={"masked": -5, "placed": 1})
    _, info = env.reset(seed=1)
    hub = names(env).index("hub")
    assert not env.action_masks()[hub]
    first = info["pod"]
    _, reward, *_, info = env.step(hub)
    assert reward == -5
    assert info["pending"] == 1
    pods = {}
    over = False
    while not over:
        pods[info["pod"]] = env.ask.pod.attempt
        _, reward, over, _, info = env.step(least_loaded(env))
        assert reward == 1
    assert pods[first] == 2
    env.reset(seed=1)
    with pytest.raises(ValueError, match="7 is no row of 7 nodes"):
        env.step(7)


def test_dense_rewards_are_what_their_names_say() -> None:
    def total(name: str, scenario: sim.Scenario = BUSY, choose: Any = least_loaded) -> tuple[float, PlacementEnv]:
        env = PlacementEnv(scenario, reward={name: 1})
        return sum(row[2] for row in episode(env, choose, seed=2)), env

    placed, env = total("placed")
    made = env.simulation.decided()
    bound = made.filter(made["decision"] == "Bind")
    assert placed == bound.height
    pods = env.simulation.finish().table("pods")
    born = dict(pods.filter(pods["state"] == "Pending").select("pod", "time_s").iter_rows())
    waits = sum(at - born[pod] for pod, at in bound.select("pod", "time_s").iter_rows())
    assert total("wait_s")[0] == pytest.approx(waits)
    asked, ended = {}, {}
    for pod, at, what in made.select("pod", "time_s", "decision").iter_rows():
        asked.setdefault(pod, at)
        if what == "Bind":
            ended[pod] = at
    pending = sum(ended.get(pod, 120) - at for pod, at in asked.items())
    assert pending > 10
    assert total("pending_pod_s")[0] == pytest.approx(pending)

    def first(env: PlacementEnv) -> int:
        return int(np.argmax(env.action_masks()))

    assert total("used_nodes", CALM, first)[0] < total("used_nodes", CALM)[0]
    for balance in ("cpu_imbalance", "ram_imbalance"):
        assert total(balance, CALM, first)[0] > total(balance, CALM)[0]


def test_metrics_count_once_at_the_end_and_only_if_it_is_the_end() -> None:
    env = PlacementEnv(CALM, reward={"decisions": 2, "placed": 1, "evicted_pods": 3})
    rows = episode(env, seed=1)
    summary = rows[-1][5]["metrics"]
    assert summary == pytest.approx(dict(env.simulation.finish().summary), nan_ok=True)
    assert [row[2] for row in rows[:-1]] == [1] * (len(rows) - 1)
    assert rows[-1][2] == 1 + 2 * summary["decisions"]
    cut = episode(PlacementEnv(CALM, reward={"decisions": 2}, max_steps=5), seed=1)
    assert [row[2] for row in cut] == [0] * 5
    assert "metrics" not in cut[-1][5]


def test_an_undefined_metric_adds_nothing() -> None:
    rows = episode(PlacementEnv(CALM, reward={"mean_latency_s": 1}), seed=1)
    assert np.isnan(rows[-1][5]["metrics"]["mean_latency_s"])
    assert rows[-1][2] == 0


def test_an_unknown_reward_is_told() -> None:
    with pytest.raises(sim.UserError, match="no reward is named pending_pods") as caught:
        PlacementEnv(CALM, reward={"pending_pods": 1})
    assert "pending_pod_s" in caught.value.problems[0].hint


def test_many_at_once_each_with_its_own_seed() -> None:
    envs = gymnasium.make_vec("simulator/Placement-v0", num_envs=2, vectorization_mode="sync", scenario=CALM)
    seen, info = envs.reset(seed=7)
    alone = PlacementEnv(CALM)
    for i in range(2):
        one, its = alone.reset(seed=7 + i)
        assert its["time_s"] == info["time_s"][i]
        for key in one:
            np.testing.assert_array_equal(seen[key][i], one[key])
    assert info["time_s"][0] != info["time_s"][1]
    for _ in range(80):  # past the end of an episode, into the next
        masks = np.stack(envs.call("action_masks"))
        seen, *_ = envs.step(masks.argmax(axis=1))
    assert seen["nodes"].shape == (2, 7, len(NODE_COLUMNS))
    envs.close()


def test_full_fidelity_has_the_time_that_starts_take() -> None:
    ends = {}
    for fidelity in ("full", "scheduling"):
        env = PlacementEnv(CALM, fidelity=fidelity, reward={"start_p50_s": 1})
        ends[fidelity] = episode(env, seed=1)[-1][2]
    assert ends["full"] > 0.5 > ends["scheduling"]


def test_the_layout_has_a_version() -> None:
    """A trained policy is fed columns by their place: whoever changes them counts up."""
    assert VERSION == 2
    assert NODE_COLUMNS == ("free_cpu", "free_ram", "cpu", "ram", "pods", "ready", "speed", "age_s")
    assert POD_COLUMNS == ("cpu", "ram", "waiting_s", "attempt")
    assert QUEUE_COLUMNS == ("pending", "cpu", "ram", "left_s")


def test_a_pod_that_fits_nowhere_is_left_waiting_without_being_yielded() -> None:
    left: list[tuple[str, int]] = []
    tables = []
    for given in (None, lambda ask: left.append((ask.subject, ask.item.attempts))):
        simulation, yielded = sim.Simulation(BUSY, 3), []
        for ask in simulation.decisions(left=given):
            fits = ask.feasible()
            yielded.append((ask.subject, ask.item.attempts, bool(fits.any())))
            simulation.answer(
                ask, Bind(ask.cluster.argmax(ask.cluster.free_cpu_m, where=fits)) if fits.any() else Wait()
            )
        tables.append((yielded, simulation.decided()))
    (every, before), (shown, after) = tables
    assert len(left) > 20
    assert before.equals(after)
    assert shown == [each for each in every if each[2]]
    assert left == [each[:2] for each in every if not each[2]]
    with pytest.raises(ValueError, match="autoscaling leaves nothing waiting"):
        sim.Simulation(BUSY).decisions(point="autoscaling", left=left.append)  # type: ignore[call-overload]


def test_without_the_extra_its_install_line_is_said() -> None:
    code = "import sys; sys.modules['gymnasium'] = None; import simulator.rl"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'littoral[rl]'" in ended.stderr
