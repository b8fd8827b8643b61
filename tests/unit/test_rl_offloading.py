"""Offloading as a Gymnasium environment: the contract of one, and that it shows and does what the simulator does."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import simulator as sim
import simulator.rl
from simulator.errors import UserError
from simulator.policy.tiers import REQUEST_COLUMNS, TIER_COLUMNS, Tiers, seen
from simulator.rl import OffloadingEnv, offloading

SHORT = offloading(duration="3s")


def soonest(env: OffloadingEnv) -> int:
    """Where it is answered first, by what one knows of the work: 30 ms over the speed of each tier's cores."""
    ask, rows = env.ask, env._rows
    assert ask is not None
    seconds = [0.030 / speed for speed in (0.554, 1.1, 1.2)]
    waits = [(ask.endpoints.outstanding[r[0]] + 1) * s + ask.endpoints.rtt_s[r[0]] if r else np.inf
             for r, s in zip(rows, seconds, strict=True)]  # fmt: skip
    return int(np.argmin(waits))


def episode(env: Any, choose: Any = soonest, **reset: Any) -> list[tuple[Any, ...]]:
    """Every step's (time of the request, source, action, reward, terminated, truncated, info)."""
    _, info = env.reset(**reset)
    rows, over, cut = [], False, False
    while not (over or cut):
        time, source, action = info["time_s"], info["source"], choose(env)
        _, reward, over, cut, info = env.step(action)
        rows.append((time, source, action, reward, over, cut, info))
    return rows


def test_gymnasium_finds_nothing_wrong_with_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make("simulator/Offloading-v0", scenario=SHORT).unwrapped)
        check_env(gymnasium.make("simulator/Offloading-v0", scenario=SHORT, max_steps=20).unwrapped)


def test_observations_are_the_view() -> None:
    env = OffloadingEnv(SHORT)
    observed, _ = env.reset(seed=3)
    some = 0
    for _ in range(200):
        ask = env.ask
        assert ask is not None
        request, view = ask.request, ask.endpoints
        cloud = min(row for row, node in enumerate(view.nodes) if node == "cloud-hub")
        other = view.nodes.index("cloud")
        serves = (view.nodes.index(request.source), view.nodes.index("edge"),
                  min((cloud, other), key=lambda row: (view.outstanding[row], view.rtt_s[row])))  # fmt: skip
        for tier, row in enumerate(serves):
            wanted = {"endpoints": 2 if tier == 2 else 1, "outstanding": view.outstanding[row],
                      "rtt_s": view.rtt_s[row], "age_s": min(view.age_s[row], 3600)}  # fmt: skip
            shown = dict(zip(TIER_COLUMNS, observed["tiers"][tier].tolist(), strict=True))
            assert shown == pytest.approx(wanted, rel=1e-6)
        assert dict(zip(REQUEST_COLUMNS, observed["request"].tolist(), strict=True)) == {
            "request_bytes": 20000, "response_bytes": 1000, "attempt": 1
        }  # fmt: skip
        assert env.observation_space.contains(observed)
        assert env.action_masks().all()
        some += int(observed["tiers"][:, 1].sum())
        observed, *_ = env.step(soonest(env))
    assert some > 50


def test_what_lies_beyond_a_range_is_shown_as_its_end() -> None:
    env = OffloadingEnv(SHORT)
    env.reset(seed=1)
    assert env.ask is not None
    first = seen(env.ask.request, env.ask.endpoints, env._rows)
    assert first["tiers"][:, TIER_COLUMNS.index("age_s")].tolist() == [3600] * 3  # never heard of
    assert all(not column.any() for column in seen(None, None, []).values())


def test_a_device_that_runs_nothing_itself_has_two_tiers() -> None:
    world = SHORT.dump()
    nodes = world["topology"]["nodes"]
    nodes[-1] |= {"role": "device", "model": "till"}
    env = OffloadingEnv(sim.Scenario.parse(world))
    observed, _ = env.reset(seed=1)
    assert env.action_masks().tolist() == [False, True, True]
    assert not observed["tiers"][0].any()
    forbidden, edge = (episode(env, lambda _, tier=tier: tier, seed=1) for tier in (0, 1))
    assert all(row[-1]["masked"] == 1 for row in forbidden)
    assert [row[-1]["latency_s"] for row in forbidden] == [row[-1]["latency_s"] for row in edge]  # where it goes then
    assert [row[3] for row in forbidden] == pytest.approx([row[3] - 1 for row in edge])


def test_globs_say_which_tier_a_node_is_of() -> None:
    env = OffloadingEnv(SHORT, edge="cloud*", cloud="edge*")
    env.reset(seed=1)
    ask = env.ask
    assert ask is not None
    tiers = Tiers("cloud*", "edge*").of(ask.request, ask.endpoints)
    names = [[ask.endpoints.nodes[row] for row in rows] for rows in tiers]
    assert names == [[ask.request.source], ["cloud-hub", "cloud"], ["edge"]]
    assert env._rows == tiers


def test_the_same_by_hand_is_the_same_to_the_byte() -> None:
    env = OffloadingEnv(SHORT)
    rows = episode(env, seed=5, options={"replication": 2})
    s, again = sim.Simulation(SHORT, 5, 2), iter(rows)
    tiers = Tiers("edge*", "cloud*")
    for ask in s.decisions(point="routing"):
        time, source, action, *_ = next(again)
        assert (time, source) == (ask.request.now_s, ask.request.source)
        s.answer(ask, tiers.of(ask.request, ask.endpoints)[action][0])
    assert next(again, None) is None
    one, other = s.finish().tables, env.simulation.finish().tables
    assert all(one[name].equals(other[name], null_equal=True) for name in one)


def test_rewards_add_up_to_what_the_tables_say() -> None:
    env = OffloadingEnv(SHORT, reward={"completed": 1.0, "latency_s": -2.0, "failed": -3.0, "mean_latency_s": -5.0})
    rows = episode(env, lambda _: 1, seed=2)  # all to the edge, which is too much for it
    done, seconds, failed = (sum(row[-1][name] for row in rows) for name in ("completed", "latency_s", "failed"))
    summary = env.simulation.finish().summary
    assert failed > 10
    before = summary["requests_issued"] - summary["requests_in_flight"] - done - failed
    assert 0 <= before < 5  # they ended before the first ask: nobody had a choice
    assert seconds / done == pytest.approx(summary["mean_latency_s"], rel=0.05)  # of those, and of a sketch
    total = sum(row[3] for row in rows)
    assert total == pytest.approx(done - 2 * seconds - 3 * failed - 5 * summary["mean_latency_s"])
    assert rows[-1][-1]["metrics"] == pytest.approx(summary, nan_ok=True)
    with pytest.raises(UserError, match="no reward is named placed"):
        OffloadingEnv(SHORT, reward={"placed": 1.0})


def test_seeds_and_replications_decide_what_comes_and_nothing_else() -> None:
    def coming(env: OffloadingEnv, choose: Any = soonest, **reset: Any) -> list[tuple[float, str]]:
        return [row[:2] for row in episode(env, choose, **reset)]

    env = OffloadingEnv(SHORT)
    first = coming(env, seed=1)
    second = coming(env)
    assert second != first == coming(env, seed=1)
    assert second == coming(OffloadingEnv(SHORT), seed=1, options={"replication": 1})
    assert coming(env, lambda _: 2, seed=1) == first


def test_over_and_cut_off_are_two_things() -> None:
    rows = episode(OffloadingEnv(SHORT), seed=1)
    assert [row[4:6] for row in rows[-2:]] == [(False, False), (True, False)]
    assert rows[-1][-1]["time_s"] == 3
    cut = episode(OffloadingEnv(SHORT, max_steps=7), seed=1)
    assert len(cut) == 7
    assert cut[-1][4:6] == (False, True)
    assert episode(OffloadingEnv(SHORT, max_steps=len(rows)), seed=1)[-1][4:6] == (True, False)
    env = OffloadingEnv(SHORT)
    with pytest.raises(ValueError, match="reset first"):
        env.step(0)
    env.reset(seed=1)
    with pytest.raises(ValueError, match="no tier"):
        env.step(3)


def test_who_looks_at_queues_is_better_than_chance_and_than_any_one_tier() -> None:
    """On three seeds, the same requests for all: mean seconds of a request, with a second for one that is not answered.
    So there is something to learn."""
    env = OffloadingEnv(SHORT)

    def cost(choose: Any) -> float:
        infos = [row[-1] for seed in range(3) for row in episode(env, choose, seed=seed)]
        total = sum(info["latency_s"] + info["failed"] for info in infos)
        return total / sum(info["completed"] + info["failed"] for info in infos)

    best = cost(soonest)
    assert best < 0.85 * cost(lambda e: int(e.np_random.integers(3)))
    assert all(best < 0.85 * cost(lambda _, tier=tier: tier) for tier in range(3))


def test_a_vector_in_forked_processes_begins() -> None:
    """Gymnasium makes one environment, then forks: what is placed before the beginning must not wait for threads that
    the other process has."""
    code = """
import gymnasium, simulator.rl
made = {"num_envs": 1, "vectorization_mode": "async", "vector_kwargs": {"context": "fork"}}
vector = gymnasium.make_vec("simulator/Offloading-v0", scenario=simulator.rl.offloading(1, duration="2s"), **made)
vector.reset(seed=1)
vector.close()
"""
    subprocess.run([sys.executable, "-c", code], timeout=30, check=True)


def test_environments_side_by_side_have_a_seed_each() -> None:
    made = gymnasium.make_vec("simulator/Offloading-v0", 2, "sync", scenario=SHORT)
    _, info = made.reset(seed=[1, 2])
    assert len(set(info["time_s"])) == 2
    _, again = made.reset(seed=[2, 1])
    assert again["time_s"].tolist() == info["time_s"][::-1].tolist()
    assert simulator.rl.__name__ == "simulator.rl"


def test_a_higher_threshold_keeps_more_on_the_devices() -> None:
    """`routing/offloading` in the same world; `most`, column `node` of the rows `Route`: up for the device's own."""
    shares = []
    for most in (1, 2, 4):
        policies = {"routing": {"use": "offloading", "params": {"most": most}}}
        world = SHORT.dump() | {"policies": policies, "record": {"routing": 1.0}}
        rows = sim.Simulation(sim.Scenario.parse(world)).finish().table("decisions")
        rows = rows.filter(rows["decision"] == "Route")
        own = rows.filter(rows["pod"].str.split("/").list.first() == rows["node"])
        shares.append(len(own) / len(rows))
    assert shares == sorted(shares)
    assert shares[0] < 0.5
    assert shares[-1] > 0.65
