"""The facade: run in slices, disturb, look at three truths, answer what the scheduler asks."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import simulator
from scenarios import HERE, SMALL, cluster_of, digest, run, simulation
from simulator.control.scheduling.decision import Ask
from simulator.errors import UserError
from simulator.policy import Bind, Wait
from simulator.policy.reference import instantiate
from simulator.simulation.simulation import Simulation
from simulator.spec.faults import Crash, Cut, Stop

Truths = tuple[Any, ...]


def node(s: Simulation, name: str) -> Truths:
    return s.state().nodes.filter(pl.col("node") == name).select("believed", "running").row(0)


def pods(s: Simulation, where: str) -> dict[str, Truths]:
    rows = s.state().pods.filter(pl.col("node") == where)
    return {name: truths for name, *truths in rows.select("pod", "believed", "stored", "running").rows()}


def link(s: Simulation, name: str) -> str:
    return str(s.state().links.filter(pl.col("link") == name)["running"].item())


def test_a_cut_divides_the_three_truths() -> None:
    s = simulation(SMALL)
    assert s.now_s == 0
    s.run("2min")
    assert s.now_s == 120
    assert node(s, "b-0") == ("Ready", "up")
    before = pods(s, "b-0")
    assert len(before) == 2
    s.inject(Cut(link="wan-b", mode="silent", duration="6min"))
    s.run(180)
    assert link(s, "wan-b") == "silent"
    assert link(s, "wan-a") == "up"
    assert node(s, "b-0") == ("Unknown", "up")
    assert node(s, "core") == ("Ready", "up")
    assert node(s, "till-a") == (None, "up")  # no member: nobody believes anything of it
    assert {truths[0] for truths in pods(s, "b-0").values()} == {"NotReady"}
    s.run("479s")  # the pods' tolerations have ended, the cut has not
    found = pods(s, "b-0")
    assert found.keys() == before.keys()
    api = next(name for name in found if name.startswith("api"))
    assert found[api] == ["Terminating", True, True]
    assert found["log-b-0"] == ["NotReady", True, True]
    assert "Terminating" not in {truths[0] for truths in pods(s, "a-0").values()}
    s.run()
    assert link(s, "wan-b") == "up"
    assert node(s, "b-0") == ("Ready", "up")
    assert api not in pods(s, "b-0")
    assert pods(s, "b-0")["log-b-0"] == ["Ready", True, True]


def test_a_pod_that_has_completed_is_stored_and_does_not_run() -> None:
    s = simulation(SMALL)
    s.run(20)
    where = s.state().pods.filter(pl.col("owner") == "schema").row(0, named=True)
    assert (where["believed"], where["stored"], where["running"]) == ("Ready", True, True)
    s.run(60)
    assert pods(s, where["node"])[where["pod"]] == ["Succeeded", True, False]


def test_a_container_that_waits_to_be_restarted_does_not_run() -> None:
    """Its pod's phase stays Running, in Kubernetes' words."""
    s = simulation(SMALL, {"workloads.api.run": "10s", "workloads.api.exit_code": 1, "duration": "20min"})
    s.run("9min")
    state = s.state().pods.filter(pl.col("owner") == "api")
    assert set(state["believed"]) == {"NotReady"}
    assert state["stored"].all()
    assert not state["running"].any()


def test_a_dead_node_runs_nothing_and_is_believed_in_for_a_while() -> None:
    s = simulation(SMALL)
    s.run(120)
    s.inject(Crash(node="a-0", reboot_after="1s"))
    s.run(121)
    assert node(s, "a-0") == ("Ready", "down")
    assert [truths[1:] for truths in pods(s, "a-0").values()] == [[False, False]] * len(pods(s, "a-0"))
    assert "Ready" in {truths[0] for truths in pods(s, "a-0").values()}
    s.run(300)
    assert node(s, "a-0") == ("Ready", "up")
    assert pods(s, "a-0")["log-a-0"] == ["Ready", True, True]


def test_an_injected_fault_is_the_same_as_a_written_one() -> None:
    faults: list[Cut | Crash | Stop] = [
        Cut(name="wan", link="wan-*", at="100s", duration="50s", mode="refused"),
        Crash(node="b-1", at="120s", reboot_after="5s"),
        Stop(component="scheduler", at="130s", duration="60s"),
    ]
    written = run(SMALL, {"faults": [fault.dump() for fault in faults]})
    s = simulation(SMALL)
    for fault in faults:
        s.run(int(fault.at or 0) / 1e9 - 3)
        s.inject(fault)
    injected = s.finish()
    assert digest(injected) == digest(written)
    assert injected.world["faults"] == written.world["faults"]


def test_without_a_time_a_fault_begins_now() -> None:
    s = simulation(SMALL)
    s.run(33.5)
    s.inject(Cut(link="core", duration="10s"))
    s.inject(Stop(component="api-server", duration="500ms"))
    s.inject(Crash(node="gw-b"))
    rows = s.finish().table("events").filter(pl.col("time_s").is_between(33.5, 43.5))
    seen = {
        (t, k, w) for t, k, w in rows.select("time_s", "kind", "subject").rows() if k[:4] in ("CutS", "CutE", "Comp")
    }
    assert seen == {
        (33.5, "CutStarted", "core"), (43.5, "CutEnded", "core"),
        (33.5, "ComponentStopped", "api-server"), (34.0, "ComponentStarted", "api-server"),
    }  # fmt: skip
    assert (33.5, "NodeCrashed", "gw-b") in rows.select("time_s", "kind", "subject").rows()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Cut(link="wan-[5-9]"), "wan-[5-9] matches no link"),
        (Crash(node="c-*"), "c-* matches no node"),
        (Cut(link="core", at="50s"), "the cut begins at 50 s, and it is 60 s already"),
    ],
)
def test_a_fault_that_cannot_happen_is_refused_and_changes_nothing(fault: Cut | Crash, said: str) -> None:
    s = simulation(SMALL)
    s.run(60)
    with pytest.raises(UserError, match=said.replace("[", r"\[").replace("*", r"\*")):
        s.inject(fault)
    assert digest(s.finish()) == digest(run(SMALL))


def test_time_does_not_go_back() -> None:
    s = simulation(SMALL)
    s.run("1min")
    with pytest.raises(ValueError, match="it is 60 s already"):
        s.run(59)
    with pytest.raises(ValueError, match="it is 60 s already"):
        next(s.decisions(until="59s"))
    s.run(60)


def answers(policy: str, seed: int = 1) -> tuple[Simulation, list[Ask]]:
    """A run in which the test asks the policy, in the simulation's place."""
    brain = instantiate(policy, {}, HERE, given=2)
    s = simulation(
        SMALL, {"duration": "200s", "policy": "most-allocated" if policy != "most-allocated" else "random"}, seed=seed
    )
    asks = []
    for ask in s.decisions():
        asks.append(ask)
        s.answer(ask, brain.place(ask.pod, ask.cluster))
    return s, asks


@pytest.mark.parametrize("policy", ["kube-default", "least-loaded", "random"])
def test_answers_from_outside_are_as_good_as_the_policys(policy: str) -> None:
    s, asks = answers(policy)
    assert len(asks) == 11
    assert s.now_s == 200
    assert digest(s.finish()) == digest(run(SMALL, {"duration": "200s", "policy": policy}))


def test_release_gives_the_policy_its_say_back() -> None:
    s = simulation(SMALL, {"duration": "200s"})
    asked = s.decisions()
    next(asked)
    s.release()  # the pending one included
    assert digest(s.finish()) == digest(run(SMALL, {"duration": "200s"}))


def test_who_answers_decides() -> None:
    s = simulation(SMALL, {"duration": "200s"})
    for ask in s.decisions():
        fits = ask.cluster.feasible(ask.pod)
        last = max(i for i, fit in enumerate(fits) if fit)
        s.answer(ask, Bind(last) if ask.pod.workload != "books" else Wait())
    bound = s.finish().table("decisions")
    assert set(bound.filter(pl.col("pod").str.starts_with("api"))["node"]) == {"b-1"}
    assert set(bound.filter(pl.col("pod").str.starts_with("books"))["decision"]) == {"Wait"}
    assert cluster_of(s).scheduler.pending is None


def test_an_ask_must_be_answered_once_and_in_its_turn() -> None:
    s = simulation(SMALL)
    asked = s.decisions()
    first = next(asked)
    with pytest.raises(ValueError, match=f"{first.pod.name} was not answered"):
        next(asked)
    asked = s.decisions()
    again = next(asked)
    assert again.pod.name == first.pod.name
    brain = instantiate("kube-default", {}, HERE, given=2)
    s.answer(again, brain.place(again.pod, again.cluster))
    second = next(asked)
    assert second.pod.name != first.pod.name
    with pytest.raises(ValueError, match="this is not what is being asked"):
        s.answer(first, Wait())


def test_decisions_stop_at_their_time() -> None:
    s = simulation(SMALL)
    brain = instantiate("kube-default", {}, HERE, given=2)
    count = 0
    for ask in s.decisions(until="100ms"):
        count += 1
        s.answer(ask, brain.place(ask.pod, ask.cluster))
    assert 0 < count < 11
    assert s.now_s == pytest.approx(0.1)
    s.release()
    assert digest(s.finish()) == digest(run(SMALL))


def test_a_witness_sees_every_ask_and_changes_nothing() -> None:
    s = simulation(SMALL)
    seen: list[str] = []
    s.witness(lambda ask: seen.append(ask.pod.name))
    done = s.finish()
    assert seen == done.table("decisions")["pod"].to_list()
    assert digest(done) == digest(run(SMALL))


def test_the_names_that_users_type() -> None:
    assert simulator.Simulation is Simulation
    s = simulator.Simulation(simulation(SMALL).scenario, seed=3)
    s.inject(simulator.Cut(link="wan-a", duration="10min", mode="silent"))
    assert s.state().links["running"].to_list().count("up") == 9
    s.run("1s")
    assert s.state().links["running"].to_list().count("silent") == 1
    assert s.finish().seed == 3
