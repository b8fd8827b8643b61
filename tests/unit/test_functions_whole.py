"""Functions from the scenario to the tables: pods come with requests and go, and what fails, fails."""

from __future__ import annotations

import math
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from scenarios import SMALL
from simulator.errors import UserError
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.check import check_scenario
from simulator.spec.function import Function
from simulator.spec.look import Look
from simulator.spec.scenario import Scenario

_FUNCTION = {
    "kind": "function", "name": "f", "image": "shop/f", "arrivals": {"every": "100s"}, "work": "50ms", "ram": "64Mi",
    "scaling": {"use": "keep-alive", "params": {"idle": "2min"}},
}  # fmt: skip


def _scenario(function: dict[str, Any], folder: Path = Path(), **more: Any) -> Scenario:
    data: dict[str, Any] = {
        "duration": "20min",
        "topology": deepcopy(SMALL["topology"]),
        "images": {"shop/f": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64", "linux/arm64"]}},
        "workloads": [{**_FUNCTION, **function}],
        **more,
    }
    return Scenario.parse(data).placed(folder, {})


def _run(function: dict[str, Any], folder: Path = Path(), **more: Any) -> Run:
    return Simulation(_scenario(function, folder, **more), seed=1).finish()


def _states(run: Run, pod: str) -> list[str]:
    rows = run.table("pods")
    return rows.filter(rows["pod"] == pod)["state"].to_list()


def test_an_instance_is_a_pod_that_is_kept_from_request_to_request() -> None:
    run = _run({})
    assert run.summary["cold_starts"] == 1
    assert run.table("pods")["pod"].unique().to_list() == ["f-1"]
    assert _states(run, "f-1")[-1] == "Ready"
    # The cold start is what the orchestrator needs: it ends when the platform sees the pod ready.
    pods = run.table("pods")
    pending, ready = (pods.filter(pods["state"] == word)["time_s"][0] for word in ("Pending", "Ready"))
    assert ready - pending < run.summary["cold_start_wait_s"] < ready - pending + 0.2


def test_without_enough_patience_every_request_has_a_pod_of_its_own() -> None:
    run = _run({"scaling": {"use": "keep-alive", "params": {"idle": "50s"}}})
    issued = int(run.table("functions")["issued"].sum())
    assert run.summary["cold_starts"] == issued >= 11
    assert run.summary["pods_started"] == issued
    assert _states(run, "f-1")[-1] == "Deleted"
    assert run.summary["instance_life_s"] == pytest.approx(50 + 0.05 + run.summary["cold_start_wait_s"], abs=1)
    idle = run.summary["idle_instance_seconds"]
    assert idle == pytest.approx(50 * issued, rel=0.1)
    assert run.summary["wasted_byte_seconds"] == pytest.approx(idle * 64 * 2**20)


def _paused(resume: str, runtime: str = "docker/runc") -> Scenario:
    """A function whose instances are frozen between requests, on nodes with this runtime."""
    topology = deepcopy(SMALL["topology"])
    for node in topology["nodes"]:
        if node.get("role", "worker") in ("worker", "control-plane"):
            node["runtimes"] = [runtime]
    scaling = {"use": "keep-alive", "params": {"idle": "2min", "paused": True}}
    scenario = _scenario({"scaling": scaling}, topology=topology)
    return scenario.placed(Path(), {"facts.runtimes.docker.resume": resume} if runtime.startswith("docker") else {})


def test_a_request_waits_until_a_paused_instance_runs_again() -> None:
    quick, slow = (Simulation(_paused(resume), seed=1).finish().summary for resume in ("1ms", "400ms"))
    assert quick["cold_starts"] == slow["cold_starts"] == 1
    # Eleven of twelve find the instance frozen; the first has it fresh from its boot.
    assert slow["function_latency_s"] - quick["function_latency_s"] == pytest.approx(0.399 * 11 / 12, rel=1e-6)


def test_what_cannot_pause_is_refused() -> None:
    with pytest.raises(UserError, match=r"function f: containerd/runc cannot pause an instance"):
        Simulation(_paused("1ms", "containerd/runc"))


def test_pre_warmed_instances_wait_for_the_first_requests() -> None:
    run = _run({"scaling": {"use": "keep-alive", "params": {"idle": "50s", "prewarmed": 2}}})
    assert run.summary["cold_starts"] == 0
    assert run.summary["function_latency_s"] < 0.2


def _without_keep_alive(arrivals: dict[str, str], prewarmed: int, duration: str) -> dict[str, float]:
    """Boots of about 11.6 s, and what comes of the requests."""
    keep = {"use": "keep-alive", "params": {"idle": "0s", "prewarmed": prewarmed}}
    scenario = _scenario({"arrivals": arrivals, "work": "1ms", "scaling": keep}, duration=duration, warm_up="1min")
    slow = scenario.placed(Path(), {"facts.runtimes.runc.start.container": "10s"})
    return Simulation(slow, seed=1).finish().summary


def test_so_many_in_stock_as_come_during_a_boot_take_it_off_everybody() -> None:
    """One each 5 s, and each taken is begun anew: it is up again once the boot over 5 s more have come, rounded up."""
    boot = _without_keep_alive({"every": "5s"}, 0, "5min")["cold_start_wait_s"]
    assert 10 < boot < 15
    needed = math.ceil(boot / 5)
    cold = [_without_keep_alive({"every": "5s"}, n, "10min")["cold_start_share"] for n in (needed - 1, needed)]
    assert cold[0] > 0.1
    assert cold[1] == 0


def test_one_in_stock_serves_who_comes_a_boot_after_the_one_before() -> None:
    """Poisson arrivals: cold are those within a boot of the last, 1 - exp(-λ boot) of them."""
    boot = _without_keep_alive({"poisson": "6/min"}, 0, "10min")["cold_start_wait_s"]
    share = _without_keep_alive({"poisson": "6/min"}, 1, "80min")["cold_start_share"]
    assert share == pytest.approx(1 - math.exp(-boot / 10), rel=0.08)


def test_a_function_without_a_policy_of_its_own_has_the_scenario_s() -> None:
    """Beside one that has: 50 s are too few for a request each 100 s, its own 2 min are not."""
    other = {**_FUNCTION, "name": "g"}
    run = _run({"scaling": None}, policies={"scaling": {"use": "keep-alive", "params": {"idle": "50s"}}})
    both = _run({}, policies={"scaling": {"use": "keep-alive", "params": {"idle": "50s"}}}, workloads=[
        {**_FUNCTION, "scaling": None}, other,
    ])  # fmt: skip
    assert run.summary["cold_starts"] >= 11
    assert both.summary["cold_starts"] == run.summary["cold_starts"] + 1


@pytest.mark.parametrize(
    ("function", "policies", "said"),
    [
        ({"scaling": None}, {"placement": "kube-default"}, "function f has no scaling policy"),
        ({"scaling": None}, {"scaling": "none"}, "function f has no scaling policy"),
        ({"scaling": None}, {"scaling": "keep-allive"}, "did you mean keep-alive?"),
        ({}, {"scaling": "keep-alive"}, "no function asks the scenario's scaling policy"),
    ],
)
def test_a_scaling_policy_of_nobody_or_for_nobody(function: dict[str, Any], policies: Any, said: str) -> None:
    with pytest.raises(UserError) as told:
        Simulation(_scenario(function, policies=policies))
    assert said in str(told.value)
    assert all("scaling" in problem.path for problem in told.value.problems)


def test_whoever_reads_the_results_is_told_that_requests_pass_no_network() -> None:
    assert "function f: its requests pass no network on their way to an instance and back" in _run({}).warnings


def test_instances_are_averaged_over_whole_intervals_wherever_the_warm_up_ends() -> None:
    kept = {"arrivals": {"every": "10s"}}  # one instance, from the first request on
    counts = [_run(kept, duration="3min", warm_up=end).summary["mean_instances"] for end in ("60s", "61s", "69s")]
    assert counts == pytest.approx([1, 1, 1])


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ({"ram": "128Ti"}, "it asks for more memory than any node has that it selects"),
        ({"cpu": "500"}, "it asks for more CPU than any node has that it selects"),
        ({"node_selector": {"zone": "nowhere"}}, "no node has the labels that it selects"),
    ],
)
def test_whoever_reads_the_results_is_told_of_a_function_that_fits_nowhere(function: dict[str, Any], why: str) -> None:
    run = _run(function, duration="3min")
    assert f"function f: {why}, so no instance of it ever runs" in run.warnings
    assert run.table("functions")["begun"].sum() == 0


def test_whoever_reads_the_results_is_told_of_a_service_of_each_node_that_no_node_is_chosen_for() -> None:
    service = {"kind": "service", "name": "s", "image": "shop/f", "per": "node", "node_selector": {"zone": "nowhere"}}
    run = _run({}, duration="1min", workloads=[service])
    assert "DaemonSet s: no node has the labels that it selects, so it has no pod" in run.warnings


def test_a_slower_node_works_longer() -> None:
    on = {name: _run({"work": "1s", "node_selector": {"kubernetes.io/hostname": name}, "arrivals": {"every": "10s"}})
          for name in ("core", "a-0")}  # fmt: skip
    warm = {name: run.table("functions")["busy_s"].sum() for name, run in on.items()}
    assert warm["a-0"] > 1.2 * warm["core"]


def test_requests_die_with_their_node_and_the_next_finds_another() -> None:
    """One request every 10 s works for 9: one is in the instance when its node dies, and nothing is left on it."""
    function = {"work": "9s", "arrivals": {"every": "10s"}}
    where = _run(function).table("pods")
    node = where.filter(where["state"] == "started")["node"][0]
    run = _run(function, faults=[{"kind": "crash", "node": node, "at": "10min"}])
    rows = run.table("functions")
    assert int(rows["died"].sum()) >= 1
    assert run.summary["function_failures"] == int(rows["died"].sum())
    later = rows.filter(rows["start_s"] > 700)
    assert int(later["completed"].sum()) > 0.8 * int(later["issued"].sum())
    new = run.table("pods").filter((run.table("pods")["state"] == "started") & (run.table("pods")["time_s"] > 600))
    assert node not in new["node"].to_list()


def test_requests_wait_for_a_pod_that_no_node_has_room_for() -> None:
    run = _run({"cpu": "64"})
    assert int(run.table("functions")["begun"].sum()) == 0
    assert run.summary["unschedulable_pods"] >= 1


def test_most_instances_refuse_or_queue() -> None:
    load = {"arrivals": {"every": "1s"}, "work": "3s"}
    refusing = _run({**load, "scaling": {"use": "keep-alive", "params": {"idle": "1min", "most": 1}}})
    queueing = _run({**load, "scaling": {"use": "keep-alive", "params": {"idle": "1min", "most": 1, "full": "queue"}}})
    assert refusing.summary["pods_started"] == queueing.summary["pods_started"] == 1
    assert refusing.summary["function_failures"] > 500
    assert queueing.summary["function_failures"] == 0
    assert queueing.summary["function_latency_s"] > 100


def test_a_trace_is_a_function_for_each_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "azure.csv").write_text(
        "app,func,end_timestamp,duration\nx,one,10,1\nx,two,20,2\nx,one,30,0.5\nx,two,5000,1\n", "utf-8"
    )
    trace = {"name": "g-*", "trace": "azure.csv", "format": "azure-functions-2021", "arrivals": None, "work": None}
    run = _run(trace, tmp_path)
    rows = run.table("functions")
    issued = {name: int(rows.filter(rows["function"] == name)["issued"].sum()) for name in ("g-0", "g-1")}
    assert issued == {"g-0": 2, "g-1": 1}  # what comes after the end of the run does not come
    assert {pod.rpartition("-")[0] for pod in run.table("pods")["pod"]} == {"g-0", "g-1"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arrivals": None}, "function f has neither arrivals nor a trace"),
        ({"trace": "a.csv"}, "function f has both arrivals and a trace"),
        ({"format": "azure-functions-2021"}, "a trace and its format go together"),
        ({"work": None}, "requests need work"),
        ({"name": "f-*"}, "this is one function"),
        ({"arrivals": {"users": 3, "think": "1s"}}, "users who wait for an answer are not offered yet"),
        ({"ram_limit": "1Mi"}, "the limit lies below the request"),
        ({"idle": "10min"}, "idle"),
    ],
)
def test_a_function_that_says_too_much_or_too_little(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as told:
        Function(**{**_FUNCTION, **change})
    assert any(said in str(problem) for problem in told.value.problems)


@pytest.mark.parametrize(
    ("scaling", "said"),
    [
        ("keep-allive", "did you mean keep-alive?"),
        ("keep-alive", "needs the parameter 'idle'"),
        ({"use": "keep-alive", "params": {"idle": "10 parsecs"}}, "refuses its parameters"),
        ({"use": "keep-alive", "params": {"idle": "1s", "most": 0}}, "most allows one instance"),
        ({"use": "keep-alive", "params": {"idle": "1s", "full": "wait"}}, "takes refuse or queue, not 'wait'"),
        ({"use": "spread", "params": {}}, "no policy named"),
    ],
)
def test_a_scaling_policy_that_is_none(scaling: Any, said: str) -> None:
    with pytest.raises(UserError) as told:
        Simulation(_scenario({"scaling": scaling}))
    assert said in str(told.value)
    assert all("workloads.0.scaling" in problem.path for problem in told.value.problems)


def test_what_the_scenario_shows_to_be_wrong_is_told_by_check(tmp_path: Path) -> None:
    trace = {"name": "f-*", "trace": "no.csv", "format": "azure-functions-2021", "arrivals": None, "work": None}
    for function, said in (
        (trace, "there is no file"),
        ({"runtime": "nothing"}, "no node has the runtime nothing"),
        ({"work": {"empirical": "no.csv#x"}}, "there is no file"),
    ):
        problems = check_scenario(Look(_scenario(function, tmp_path)))
        assert any(said in str(problem) for problem in problems), problems
    twice = _scenario({}, workloads=[{**_FUNCTION}, {"kind": "service", "name": "f", "image": "shop/f"}])
    assert any("f" in str(problem) and "name" in str(problem) for problem in check_scenario(Look(twice)))


def test_an_orchestrator_without_pods_has_no_functions() -> None:
    with pytest.raises(UserError, match="no pods that a function platform could start"):
        Simulation(_scenario({}, orchestrator="open-horizon"))


def test_a_function_does_not_join_a_running_simulation() -> None:
    simulation = Simulation(_scenario({}))
    with pytest.raises(UserError, match="function g cannot join a running simulation"):
        simulation.inject(Function(**{**_FUNCTION, "name": "g"}))  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("start", ["200ms", "3s"])
def test_an_instance_that_is_ready_before_it_listens_serves_when_it_does(start: str) -> None:
    """Without a probe a pod is ready once its process runs; what comes then waits until it answers."""
    at_once, slow = _run({}), _run({"start": start})
    assert slow.table("functions")["begun"].sum() == at_once.table("functions")["begun"].sum()
    assert slow.summary["cold_starts"] == 1
    assert slow.summary["cold_start_wait_s"] >= at_once.summary["cold_start_wait_s"]
