"""Autoscaling as a Gymnasium environment: the contract of one, and that it asks and does what the loop does."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import simulator as sim
from simulator.policy.reference import instantiate
from simulator.rl import AutoscalingEnv, practice_service
from simulator.rl.autoscaling import DENSE
from simulator.rl.service import COLUMNS

SHORT = practice_service(duration="3min")
TARGET = instantiate("autoscaling/target-utilisation", {"target": 6.0, "most": 10}, Path())


def with_policy(env: AutoscalingEnv) -> int:
    assert env.ask is not None
    return TARGET.replicas(env.ask.service)


def episode(env: Any, choose: Any = with_policy, **reset: Any) -> list[tuple[Any, ...]]:
    """Every step's (observation before, action, reward, terminated, truncated, info)."""
    seen, _ = env.reset(**reset)
    rows, over, cut = [], False, False
    while not (over or cut):
        action = choose(env)
        then, reward, over, cut, info = env.step(action)
        rows.append((seen["service"], action, reward, over, cut, info))
        seen = then
    return rows


def test_gymnasium_finds_nothing_wrong_with_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("simulator/Autoscaling-v0", scenario=SHORT).unwrapped)
        check_env(gymnasium.make("simulator/Autoscaling-v0", scenario=SHORT, max_steps=3).unwrapped)


def test_an_episode_with_a_policy_is_a_run_with_it() -> None:
    env = AutoscalingEnv(SHORT)
    rows = episode(env, seed=4, options={"replication": 2})
    run = sim.Simulation(SHORT, 4, 2).finish()
    mine = env.simulation.finish()
    for table in ("decisions", "events", "traffic"):
        assert mine.table(table).equals(run.table(table))
    scaled = run.table("decisions")
    assert (scaled["decision"] == "Scale").sum() >= 1
    assert [row[-1]["time_s"] for row in rows] == [15.0 * i for i in range(2, 13)] + [180.0]


def test_observations_are_the_view_and_masks_the_bounds() -> None:
    env = AutoscalingEnv(SHORT, least=2, most=5)
    seen, _ = env.reset(seed=1)
    busy = 0
    for _ in range(6):
        assert env.ask is not None
        view = env.ask.service
        wanted = [getattr(view, name) for name in COLUMNS[:8]] + [180 - view.now_s]
        assert seen["service"] == pytest.approx(wanted)
        assert env.observation_space.contains(seen)
        assert env.action_masks().tolist() == [False, False, True, True, True, True]
        assert not env.action_masks().flags.writeable  # one for all episodes
        busy += view.served_per_s > 0
        seen, *_ = env.step(4)
    assert busy
    assert seen["service"][COLUMNS.index("replicas")] == 4


def test_what_the_mask_forbids_leaves_the_number() -> None:
    env = AutoscalingEnv(SHORT, least=1, most=5, reward={"masked": -2, "change": 1})
    env.reset(seed=1)
    assert env.step(3)[1] == 2
    seen, reward, *_ = env.step(0)
    assert reward == -2
    assert seen["service"][0] == 3
    for wrong in (-1, 6):
        with pytest.raises(ValueError, match="no number of replicas up to 5"):
            env.step(wrong)


def test_dense_rewards_are_what_their_names_say() -> None:
    totals = {}
    for name in DENSE:
        env = AutoscalingEnv(SHORT, reward={name: 1})
        rows = episode(env, lambda _: 3, seed=2)
        totals[name] = sum(row[2] for row in rows)
    traffic = env.simulation.finish().table("traffic")
    # The first ask is at 15 s: what was before it is in no step, and is taken off by a run that ends there.
    early = sim.Simulation(SHORT, 2)
    early.run("15s")
    issued, done, latency_s = early.answered("api")
    assert totals["replica_s"] == 3 * (180 - 15)
    assert totals["change"] == 2
    assert totals["masked"] == 0
    assert totals["unanswered"] == traffic["issued"].sum() - issued - (traffic["completed"].sum() - done)
    seconds = (traffic["completed"] * traffic["mean_latency_s"].fill_nan(0)).sum()
    assert totals["latency_s"] == pytest.approx(seconds - latency_s)


def test_more_replicas_answer_sooner_and_cost_more() -> None:
    of = {}
    for n in (1, 6):
        for name in ("latency_s", "replica_s", "unanswered"):
            rows = episode(AutoscalingEnv(SHORT, reward={name: 1}), lambda _, n=n: n, seed=2)
            of[n, name] = sum(row[2] for row in rows)
    assert of[1, "replica_s"] < of[6, "replica_s"]
    assert of[1, "unanswered"] > of[6, "unanswered"]


def test_seeds_and_replications_decide_what_comes() -> None:
    env = AutoscalingEnv(SHORT)
    first = [row[2] for row in episode(env, seed=1)]
    second = [row[2] for row in episode(env)]
    assert second != first == [row[2] for row in episode(env, seed=1)]
    assert second == [row[2] for row in episode(AutoscalingEnv(SHORT), seed=1, options={"replication": 1})]


def test_over_and_cut_off_are_two_things_and_metrics_count_at_the_end() -> None:
    rows = episode(AutoscalingEnv(SHORT, reward={"availability": 10}), seed=1)
    assert [row[3:5] for row in rows[-2:]] == [(False, False), (True, False)]
    assert [row[2] for row in rows[:-1]] == [0] * (len(rows) - 1)
    assert rows[-1][2] == 10 * rows[-1][-1]["metrics"]["availability"]
    env = AutoscalingEnv(SHORT, reward={"availability": 10}, max_steps=3)
    cut = episode(env, seed=1)
    assert len(cut) == 3
    assert cut[-1][3:5] == (False, True)
    assert "metrics" not in cut[-1][-1]


def test_after_the_end_nothing_is_asked() -> None:
    env = AutoscalingEnv(SHORT)
    episode(env, seed=1)
    assert env.ask is None
    assert not env.action_masks().any()
    with pytest.raises(ValueError, match="reset first"):
        env.step(1)


def test_of_several_services_one_is_asked_about_and_the_others_stay() -> None:
    other = {"kind": "service", "name": "other", "image": "api:1", "replicas": 2, "cpu": "100m", "ram": "64Mi"}
    data = SHORT.dump()
    both = sim.Scenario.parse({**data, "workloads": [other, *data["workloads"]]})
    assert AutoscalingEnv(both).reset(seed=1)[1]["service"] == "other"
    env = AutoscalingEnv(both, service="api")
    episode(env, lambda _: 5, seed=1)
    made = env.simulation.decided()
    assert set(made.filter(made["decision"] == "Scale")["pod"]) == {"api"}
    with pytest.raises(ValueError, match="no replicas of web"):
        AutoscalingEnv(both, service="web").reset(seed=1)


def test_without_a_loop_nobody_asks() -> None:
    alone = {key: value for key, value in SHORT.dump().items() if key != "policies"}
    with pytest.raises(ValueError, match="nobody asks for autoscaling"):
        AutoscalingEnv(sim.Scenario.parse(alone)).reset(seed=1)


def test_many_at_once_each_with_its_own_seed() -> None:
    envs = gymnasium.make_vec("simulator/Autoscaling-v0", num_envs=2, vectorization_mode="sync", scenario=SHORT)
    envs.reset(seed=7)
    seen, rewards, *_ = envs.step(np.array([2, 2]))
    for i in range(2):
        alone = AutoscalingEnv(SHORT)
        alone.reset(seed=7 + i)
        one, reward, *_ = alone.step(2)
        np.testing.assert_array_equal(seen["service"][i], one["service"])
        assert rewards[i] == reward
    assert rewards[0] != rewards[1]
    envs.close()


def test_the_policy_comes_back_and_nonsense_from_outside_is_told() -> None:
    s = sim.Simulation(SHORT, 1)
    asks = s.decisions(point="autoscaling")
    ask = next(asks)
    s.answer(ask, -1)  # as a policy's error: recorded, and the number stays
    assert s.decided().filter(s.decided()["decision"] == "policy_error").height == 1
    ask = next(asks)
    s.release()
    with pytest.raises(ValueError, match="not what is being asked"):
        s.answer(ask, 3)
    s.run()
    assert (s.decided()["decision"] == "Scale").any()
    unanswered = sim.Simulation(SHORT, 1).decisions(point="autoscaling")
    next(unanswered)
    with pytest.raises(ValueError, match="api was not answered"):
        next(unanswered)
