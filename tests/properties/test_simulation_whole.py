"""Whatever fails and heals in a whole simulation: what is never broken, and what is true again after quiet."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import scenarios
from scenarios import SMALL, broken_rows, cluster_of, unbalanced, unlike, world_of
from simulator.control.api.objects import ApiObject, Job, Node, Pod
from simulator.control.controllers.pods import delete_pod
from simulator.spec.failures import ClockSkew, DiskFill, PowerCut, Slow
from simulator.spec.faults import Crash, Cut, NodeFault, Stop

LINKS = ("wan-a", "wan-b", "wan-*", "core", "lan-a-0", "lan-a-1", "lan-b-*", "till-a")
NODES = ("a-0", "a-1", "b-*", "core", "gw-a", "gw-b", "till-b", "cloud")
COMPONENTS = ("api-server", "scheduler", "controller-manager")
BUSY_S = 3000  # no fault begins later
# Longer than an eviction and its node's turn (370 s), a reconnection (90 s), a grace (30 s), a back-off (315 s) and the
# scheduler's patience with leftovers (330 s), one after the other.
QUIET_S = 1500
LASTS = st.floats(0.1, 60) | st.floats(60, 600)


class Whole(RuleBasedStateMachine):
    """Cuts, lost power, slow nodes, full disks, wrong clocks, stops and deletions in any order; every fault ends."""

    @initialize(start=st.sampled_from(["empty", "placed"]))
    def begin(self, start: str) -> None:
        self.s = scenarios.simulation(SMALL, {"duration": f"{BUSY_S + 600 + QUIET_S}s", "start": start})
        self.cluster, self.world = cluster_of(self.s), world_of(self.s)
        self.homes: dict[int, str] = {}  # pod uid -> the node that it was first seen on
        self.moved: list[str] = []
        self.over_s = 0.0  # when the last fault ends
        self.cluster.server.watch(Pod, self.note)

    def note(self, _event: str, pod: ApiObject) -> None:
        assert isinstance(pod, Pod)
        if pod.node and self.homes.setdefault(pod.uid, pod.node) != pod.node:
            self.moved.append(f"{pod.name} from {self.homes[pod.uid]} to {pod.node}")

    def do(self, fault: Cut | NodeFault | Stop, lasts: float) -> None:
        self.s.inject(fault)
        self.over_s = max(self.over_s, self.s.now_s + lasts)

    @property
    def busy(self) -> bool:
        return self.s.now_s < BUSY_S

    @rule(seconds=st.floats(0.01, 60) | st.floats(60, 500))
    def wait(self, seconds: float) -> None:
        self.s.run(self.s.now_s + seconds)

    @precondition(lambda self: self.busy)
    @rule(link=st.sampled_from(LINKS), mode=st.sampled_from(["silent", "refused", "lossy", "one-way"]), lasts=LASTS,
          direction=st.sampled_from(["up", "down"]), loss=st.sampled_from(["20%", "90%"]))  # fmt: skip
    def cut(self, link: str, mode: Any, lasts: float, direction: Any, loss: str) -> None:
        how: dict[str, Any] = {"lossy": {"loss": loss}, "one-way": {"direction": direction}}.get(mode, {})
        self.do(Cut(link=link, mode=mode, duration=f"{lasts}s", **how), lasts)

    @precondition(lambda self: self.busy)
    @rule(node=st.sampled_from(NODES), after=st.sampled_from([0.0, 1.0, 30.0, 400.0]))
    def crash(self, node: str, after: float) -> None:
        self.do(Crash(node=node, reboot_after=f"{after}s"), after + 300)

    @precondition(lambda self: self.busy)
    @rule(zone=st.sampled_from(["a", "b", "cloud"]), lasts=LASTS)
    def power_cut(self, zone: str, lasts: float) -> None:
        self.do(PowerCut(zone=zone, duration=f"{lasts}s"), lasts + 120)

    @precondition(lambda self: self.busy)
    @rule(node=st.sampled_from(["a-0", "b-*", "core"]), lasts=LASTS, factor=st.sampled_from([0.1, 0.5]))
    def slow(self, node: str, lasts: float, factor: float) -> None:
        self.do(Slow(node=node, duration=f"{lasts}s", factor=factor), lasts)

    @precondition(lambda self: self.busy)
    @rule(node=st.sampled_from(["a-0", "b-*", "core"]), lasts=LASTS, share=st.sampled_from(["50%", "100%"]))
    def disk_fill(self, node: str, lasts: float, share: str) -> None:
        self.do(DiskFill(node=node, duration=f"{lasts}s", share=share), lasts + 310)

    @precondition(lambda self: self.busy)
    @rule(node=st.sampled_from(["a-*", "b-0", "c*"]), lasts=LASTS, behind=st.sampled_from(["1h", "31d"]))
    def clock_skew(self, node: str, lasts: float, behind: str) -> None:
        """Within the validity of certificates, and outside of it."""
        self.do(ClockSkew(node=node, duration=f"{lasts}s", behind=behind), lasts + 310)

    @precondition(lambda self: self.busy)
    @rule(component=st.sampled_from(COMPONENTS), lasts=LASTS, leader=st.booleans())
    def stop(self, component: Any, lasts: float, leader: bool) -> None:
        leads = True if leader and component == "controller-manager" else None
        self.do(Stop(component=component, duration=f"{lasts}s", leader=leads), lasts)

    @precondition(lambda self: self.busy and self.cluster.server.up)
    @rule(number=st.integers(0, 20), cut=st.booleans())
    def delete(self, number: int, cut: bool) -> None:
        """Delete a pod, and perhaps cut the ways to the sites while the agent's message is on them."""
        pods = list(self.cluster.server.list(Pod))
        if pods:
            delete_pod(self.cluster.server, pods[number % len(pods)])
            if cut:
                self.s.run(self.s.now_s + 0.015)
                self.do(Cut(link="wan-*", duration="20s"), 20)

    @invariant()
    def nothing_is_exceeded(self) -> None:
        """What is believed fits into what is believed; what runs fits into what is."""
        server = self.cluster.server
        cpu, ram, pods = Counter[str](), Counter[str](), Counter[str]()
        for pod in server.list(Pod):
            if pod.node and pod.phase not in ("Succeeded", "Failed"):
                cpu[pod.node] += pod.template.cpu_m
                ram[pod.node] += pod.template.ram_bytes
                pods[pod.node] += 1
        for node in server.list(Node):
            assert cpu[node.name] <= node.allocatable_cpu_m
            assert ram[node.name] <= node.allocatable_ram_bytes
            assert pods[node.name] <= node.max_pods
        nodes = self.world.nodes
        for index, agent in self.cluster.agents.items():
            held = sum(run.ram_bytes for run in agent.running())
            assert 0 <= agent.available_ram_bytes <= nodes.ram_bytes[index] - held

    @invariant()
    def pods_run_where_they_were_bound_and_nowhere_else(self) -> None:
        assert self.moved == []
        for index, agent in self.cluster.agents.items():
            running = list(agent.running())
            assert self.world.nodes.up[index] or not running
            name = self.world.nodes.names[index]
            assert all(self.homes.get(run.uid, name) == name for run in running)

    @invariant()
    def messages_are_conserved(self) -> None:
        counts = self.world.network.messages
        assert counts.sent >= counts.delivered + counts.lost + counts.refused

    def teardown(self) -> None:
        self.s.run(max(self.over_s, self.s.now_s) + QUIET_S)
        self.belief_is_reality()
        counts = self.world.network.messages
        assert counts.sent == counts.delivered + counts.lost + counts.refused  # nobody has anything to say
        run = self.s.finish()
        scheduled = run.table("events").filter(pl.col("kind") == "Scheduled")["subject"]
        assert scheduled.n_unique() == len(scheduled)
        assert broken_rows(run.tables) == []
        assert unlike(self.s.state(), run.tables) == []
        assert unbalanced(run.tables, 10.0) == []
        readings = run.table("messages")
        flying = int((readings["created"] - readings["delivered"] - readings["lost"]).sum())
        assert 0 <= flying <= 2

    def belief_is_reality(self) -> None:
        """Nodes are Ready, pods run where they are believed to, as many as are wanted, and nothing is Terminating."""
        state = self.s.state()
        for name, believed, running in state.nodes.select("node", "believed", "running").rows():
            assert running == "up", name
            assert believed in ("Ready", None), name
        assert all(node.taints == [] or node.name == "cloud" for node in self.cluster.server.list(Node))
        ready: Counter[str] = Counter()
        for name, owner, _node, believed, stored, running in state.pods.rows():
            ended = believed in ("Succeeded", "Failed")
            assert believed == "Ready" or ended, name
            assert running == (not ended), name
            assert stored or ended, name
            ready.update([owner] * (not ended))
        assert ready == {"api": 4, "books": 1, "log": 5}
        job = self.cluster.server.get(Job, "schema")
        assert job is not None
        assert job.complete or job.reason


TestWhole = Whole.TestCase
TestWhole.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.parametrize(("ram", "how"), [("1100MiB", "OOMKilled"), ("1300MiB", "Evicted")])
def test_working_sets_stay_within_ram_where_pods_hold_more_than_they_asked_for(ram: str, how: str) -> None:
    """Pods of 300 MiB that asked for 32: the kernel kills where the third does not fit, the agent evicts where it
    leaves less than its threshold."""
    crowded = {
        "duration": "200s",
        "workloads.api.replicas": 12,
        "workloads.api.cpu": "100m",
        "workloads.api.ram": "32Mi",
        "workloads.api.memory.idle": "300Mi",
        "topology.nodes.a.ram": ram,
        "topology.nodes.b.ram": ram,
    }
    s = scenarios.simulation(SMALL, crowded)
    fullest = 0.0
    for second in range(200):
        s.run(second)
        for index, agent in cluster_of(s).agents.items():
            held, capacity = sum(run.ram_bytes for run in agent.running()), int(world_of(s).nodes.ram_bytes[index])
            assert held <= capacity
            assert agent.available_ram_bytes >= 0
            fullest = max(fullest, held / capacity)
    run = s.finish()
    assert broken_rows(run.tables) == []
    assert fullest > 0.5
    assert how in set(run.table("events")["kind"])
