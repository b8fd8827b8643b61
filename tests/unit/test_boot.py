"""Power, operating system, container engine, agent, pods: each stage in its time, and what each rule brings back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubelets import COSTS, SETTINGS, Kubelets, kubelets
from simulator.faults import Power, apply_crash
from simulator.runtime.settings import AgentSettings
from simulator.runtime.status import DesiredPod
from simulator.units import SECOND

STAGED = replace(SETTINGS, start_ns=9 * SECOND, network_ns=6 * SECOND)
ENGINE = replace(COSTS, daemon_start_ns=2 * SECOND)
OFF, DARK, BOOT = 100, 50, 30  # seconds: power goes, for so long, and firmware and operating system take so long
OS, AGENT = OFF + DARK + BOOT, OFF + DARK + BOOT + 2 + 9
POD = 0.6  # sandbox 400 ms, create and start 100 ms each: from `COSTS`


def node(settings: AgentSettings = STAGED, rule: tuple[str, ...] = (), *, crash: bool = True) -> Kubelets:
    """One node with a static and an ordinary pod that loses power, and gets it back."""
    kit = kubelets(settings=replace(settings, after_reboot=rule), costs=ENGINE, boot_ns=BOOT * SECOND)
    static = kit.desired("static")
    kit.agent.admit(DesiredPod(static.uid, static.name, static.template, static=True))
    kit.admit("web")
    if crash:
        power(kit, OFF)
    return kit


def power(kit: Kubelets, at: float) -> None:
    machine = Power(kit.clock, kit.network, kit.nodes, kit.recorder, 1, agent=kit.agent)
    apply_crash(kit.clock, machine, at=round(at * SECOND), reboot_after=DARK * SECOND)


def started(kit: Kubelets) -> dict[str, float]:
    """When each pod ran again."""
    return {name: t for t, name, state in kit.pods("running") if state == "started" and t > OFF}


def test_the_stages_come_one_after_the_other() -> None:
    kit = node()
    kit.run(300)
    stages = [kit.events(kind)[0] for kind in ("NodeCrashed", "Booting", "NodeBooted", "EngineStarted", "AgentStarted")]
    assert stages == [OFF, OFF + DARK, OS, OS + 2, AGENT]
    assert kit.agent.up


def test_with_no_rule_nothing_starts_before_a_sync() -> None:
    kit = node()
    kit.run(400)
    assert started(kit) == {}
    web = kit.desired("web-again")
    kit.agent.sync([web])
    kit.run(500)
    assert started(kit) == {"web-again": pytest.approx(400 + POD)}


def test_a_sync_that_comes_before_the_pod_network_waits_for_it() -> None:
    kit = node()
    kit.run(AGENT + 1)
    kit.agent.sync([kit.desired("early")])
    kit.run(500)
    assert started(kit) == {"early": pytest.approx(AGENT + 6 + POD)}


def test_the_kubelet_starts_its_static_pods_only_e_p2() -> None:
    kit = node(rule=("static-pods",))
    kit.run(500)
    assert started(kit) == {"static": pytest.approx(AGENT + POD)}


def test_an_agent_with_a_store_restarts_its_pods_when_they_have_a_network() -> None:
    kit = node(rule=("restart",))
    kit.run(500)
    assert started(kit) == {"static": pytest.approx(AGENT + POD), "web": pytest.approx(AGENT + 6 + POD)}


def test_the_container_engine_keeps_its_containers_without_the_agent_e_p4() -> None:
    kit = node(rule=("keep",))
    kit.run(OS + 2 + 1)
    engine = {"static": pytest.approx(OS + 2 + POD), "web": pytest.approx(OS + 2 + POD)}
    assert started(kit) == engine
    assert not kit.agent.up
    told = len(kit.upstream.statuses)
    kit.run(AGENT - 0.1)
    assert len(kit.upstream.statuses) == told  # nobody is there to report
    kit.run(500)
    assert started(kit) == engine  # and the agent starts nothing twice
    ready = [status.ready for at, _uid, status in kit.upstream.statuses if at >= AGENT * SECOND]
    assert ready.count(True) >= 2


def test_an_agent_that_waits_for_its_server_starts_after_it() -> None:
    kit = node(replace(STAGED, waits_for_server=True), ("restart",))
    waiting = []
    kit.agent.waits_by(waiting.append)
    kit.run(400)
    assert (kit.agent.up, len(waiting), started(kit)) == (False, 1, {})
    waiting[0]()
    kit.run(500)
    assert started(kit) == {"static": pytest.approx(409 + POD), "web": pytest.approx(415 + POD)}


@pytest.mark.parametrize("second", [OS + 1, OS + 5])
def test_a_power_cut_during_a_stage_begins_anew(second: int) -> None:
    """While the engine starts, and while the agent does: no stage of the first boot is left."""
    kit = node(rule=("restart",))
    power(kit, second)
    kit.run(500)
    assert kit.events("AgentStarted") == [second + DARK + BOOT + 2 + 9]
    assert sorted(started(kit)) == ["static", "web"]


def test_an_answer_to_an_agent_of_before_a_power_cut_starts_nobody() -> None:
    kit = node(replace(STAGED, waits_for_server=True))
    waiting = []
    kit.agent.waits_by(waiting.append)
    power(kit, OS + 10)
    kit.run(OS + 20)
    waiting[0]()
    kit.run(OS + 60)
    assert kit.events("AgentStarted") == []


def test_without_stages_everything_is_up_with_the_operating_system() -> None:
    kit = node(SETTINGS, ("restart",), crash=False)
    power(kit, OFF)
    kit.run(OS + 3)
    assert kit.agent.up
    assert kit.events("AgentStarted") == [OS + 2]
