"""The scheduler against a slow one, and against its own promises, in clusters made at random."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import slow_scheduler as slow
from schedulers import GI, MI, Plane, kubernetes, node
from simulator.control.api.objects import Node, Pod, ReplicaSet
from simulator.control.scheduling import explain
from simulator.control.scheduling.info import SHOWN, NodeInfo
from simulator.policy.reference import instantiate
from simulator.world.pod import (
    ContainerTemplate,
    PodAffinityTerm,
    PodTemplate,
    Requirement,
    SpreadConstraint,
    Toleration,
)

KEYS = ("kubernetes.io/hostname", "topology.kubernetes.io/zone", "rack")
APPS = ("a", "b", "c")
TAINTS = [(k, "v", e) for k in ("x", "y") for e in ("NoSchedule", "PreferNoSchedule", "NoExecute")]
CPUS, RAMS = (0, 100, 300, 1000), (0, 100 * MI, 500 * MI, GI)

# Few values of everything, so that things meet.
requirements = st.builds(
    Requirement,
    st.sampled_from(("rack", "disk")),
    st.sampled_from(("In", "NotIn", "Exists", "DoesNotExist")),
    st.sampled_from((("r1",), ("r2", "ssd"))),
)
selectors = st.builds(lambda app: (Requirement("app", "In", (app,)),), st.sampled_from(APPS))
affinity_terms = st.builds(PodAffinityTerm, selectors, st.sampled_from(KEYS), st.sampled_from((0, 10, 70)))
spreads = st.builds(
    SpreadConstraint,
    st.integers(1, 3),
    st.sampled_from(KEYS),
    selectors,
    st.sampled_from(("DoNotSchedule", "ScheduleAnyway")),
)
tolerations = st.builds(
    Toleration,
    st.sampled_from(("", "x", "y")),
    st.just("Exists"),
    st.just(""),
    st.sampled_from(("", "NoSchedule", "PreferNoSchedule")),
)


@st.composite
def containers(draw):
    cpu, ram = draw(st.sampled_from(CPUS)), draw(st.sampled_from(RAMS))
    return ContainerTemplate(
        "c", draw(st.sampled_from(("img-a", "img-b"))), cpu, ram, has_cpu_request=cpu > 0, has_ram_request=ram > 0,
        host_ports=draw(st.sampled_from(((),) * 6 + ((80,),))),
    )  # fmt: skip


FEATURES = {
    "extended": st.just({"gpu": 1}),
    "node_selector": st.just({"disk": "ssd"}),
    "node_affinity": st.tuples(st.tuples(requirements)),
    "node_preferences": st.lists(st.tuples(st.sampled_from((1, 40)), st.tuples(requirements)), max_size=3).map(tuple),
    "pod_affinity": st.lists(affinity_terms, max_size=2).map(tuple),
    "pod_anti_affinity": st.lists(affinity_terms, max_size=2).map(tuple),
    "spread": st.lists(spreads, max_size=2).map(tuple),
    "tolerations": st.lists(tolerations, max_size=2).map(tuple),
}


@st.composite
def templates(draw):
    """A template with a few features, so that most pods fit somewhere."""
    main = tuple(draw(st.lists(containers(), min_size=1, max_size=2)))
    init = tuple(replace(c, host_ports=()) for c in draw(st.lists(containers(), max_size=1)))
    chosen = draw(st.lists(st.sampled_from(sorted(FEATURES)), max_size=3, unique=True))
    return PodTemplate(
        workload="w",
        labels={"app": draw(st.sampled_from(APPS))},
        containers=main,
        init_containers=init,
        cpu_m=max([sum(c.cpu_m for c in main), *(c.cpu_m for c in init)]),
        ram_bytes=max([sum(c.ram_bytes for c in main), *(c.ram_bytes for c in init)]),
        **{name: draw(FEATURES[name]) for name in chosen},
    )


@st.composite
def nodes(draw, name: str):
    return node(
        name,
        cpu_m=draw(st.sampled_from((4000, 2000, 8000, 0))),
        ram_bytes=draw(st.sampled_from((8 * GI, 2 * GI, 4 * GI, 0))),
        zone=draw(st.sampled_from(("z1", "z2", ""))),
        labels=draw(st.sampled_from(({}, {"rack": "r1"}, {"rack": "r2", "disk": "ssd"}))),
        taints=draw(st.sampled_from(([], [], TAINTS[:1], TAINTS[1:2], TAINTS[3:5], TAINTS[1::2]))),
        unschedulable=draw(st.sampled_from((False,) * 7 + (True,))),
        max_pods=draw(st.sampled_from((110, 110, 3))),
        extended=draw(st.sampled_from(({}, {"gpu": 2}))),
        images=draw(st.sampled_from(({}, {"img-a": 900 * MI}, {"img-a": 900 * MI, "img-b": 50 * MI}))),
    )


@st.composite
def clusters(draw):
    """Nodes, pods on them (no matter how they got there), and a pod to place."""
    some = [draw(nodes(f"n{i}")) for i in range(draw(st.integers(2, 6)))]
    kinds = draw(st.lists(templates(), min_size=1, max_size=3))
    owners = [ReplicaSet(name=f"rs{i}", template=t) if draw(st.booleans()) else None for i, t in enumerate(kinds)]
    placed = []
    for i, (kind, where, leaving) in enumerate(
        draw(st.lists(st.tuples(st.integers(0, len(kinds) - 1), st.sampled_from(some), st.booleans()), max_size=10))
    ):
        pod = Pod(name=f"p{i}", template=kinds[kind], owner=owners[kind], node=where.name)
        pod.deletion_ns = 0 if leaving else None
        placed.append(pod)
    kind = draw(st.integers(0, len(kinds) - 1))
    return some, placed, Pod(name="new", template=kinds[kind], owner=owners[kind])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(clusters())
def test_filters_and_scores_are_those_of_the_slow_scheduler(cluster):
    some, placed, pod = cluster
    plane = Plane(some)
    for each in [*placed, pod]:
        plane.server.create(each)
    plane.run(0)
    ask = plane.scheduler.pending
    verdicts = {verdict.node: verdict for verdict in explain(ask)}

    truth = slow.Cluster(some, placed)
    refused = {n.name: slow.refuses(pod, n, truth) for n in some}
    assert {name: v.reasons[0].who if v.reasons else "" for name, v in verdicts.items()} == refused
    feasible = [n for n in some if not refused[n.name]]
    assert ask.cluster.feasible(ask.pod).tolist() == [not refused[n.name] for n in some]

    expected = slow.scores(pod, feasible, truth)
    for i, n in enumerate(feasible):
        assert {**dict.fromkeys(slow.WEIGHTS, 0.0), **dict(verdicts[n.name].scores)} == {
            name: slow.WEIGHTS[name] * values[i] for name, values in expected.items()
        }
    totals = [sum(slow.WEIGHTS[name] * values[i] for name, values in expected.items()) for i in range(len(feasible))]
    column = ask.cluster.scores(ask.pod, ask.cluster.feasible(ask.pod))
    assert column[ask.cluster.feasible(ask.pod)].tolist() == totals


class Arrivals(RuleBasedStateMachine):
    """Pods come and go, nodes join, leave, shrink, change and are cordoned; the scheduler dies and returns."""

    @initialize(policy=st.sampled_from(("kube-default", "least-loaded", "most-allocated", "random")))
    def start(self, policy):
        self.plane = Plane([node("n0"), node("n1")], instantiate(policy, {}, Path()), qps=1000, burst=1000)
        self.made = 0
        self.shrunk: set[str] = set()

    def _pods(self):
        return list(self.plane.server.list(Pod))

    @rule(template=templates(), owned=st.booleans())
    def arrive(self, template, owned):
        self.made += 1
        self.plane.pod(f"p{self.made}", template, owned=owned)

    @rule(data=st.data(), how=st.sampled_from(("remove", "mark", "finish")))
    @precondition(lambda self: self._pods())
    def leave(self, data, how):
        pod = data.draw(st.sampled_from(self._pods()))
        if how == "mark":
            self.plane.server.mark_deleted(pod)
        elif how == "finish" and pod.node:
            pod.phase = "Succeeded"
            self.plane.server.changed(pod)
        else:
            self.plane.server.remove(pod)

    @rule(data=st.data(), name=st.sampled_from(("n0", "n1", "n2", "n3")))
    def set_node(self, data, name):
        new, old = data.draw(nodes(name)), self.plane.server.get(Node, name)
        if old is None:
            self.plane.server.create(new)
            return
        for field in ("allocatable_cpu_m", "allocatable_ram_bytes", "max_pods", "extended"):
            if getattr(new, field) != getattr(old, field):
                self.shrunk.add(name)
        for field in (
            "allocatable_cpu_m", "allocatable_ram_bytes", "max_pods", "extended", "labels", "taints", "unschedulable",
            "images", "zone",
        ):  # fmt: skip
            setattr(old, field, getattr(new, field))
        self.plane.server.changed(old)

    @rule(name=st.sampled_from(("n1", "n2", "n3")))
    def drop_node(self, name):
        old = self.plane.server.get(Node, name)
        if old is not None and not any(pod.node == name for pod in self._pods()):
            self.plane.server.remove(old)
            self.shrunk.discard(name)

    @rule()
    def die_and_return(self):
        self.plane.scheduler.set_up(False)
        self.plane.run(1)
        self.plane.scheduler.set_up(True)

    @rule(seconds=st.sampled_from((0, 0.001, 3, 400)))
    def wait(self, seconds):
        self.plane.run(seconds)

    @invariant()
    def nobody_exceeds_what_is_allocatable(self):
        for each in self.plane.server.list(Node):
            here = [p for p in self._pods() if p.node == each.name and p.phase == "Pending"]
            if each.name in self.shrunk:
                continue  # it shrank under its pods, which no scheduler can help
            assert sum(p.template.cpu_m for p in here) <= each.allocatable_cpu_m
            assert sum(p.template.ram_bytes for p in here) <= each.allocatable_ram_bytes
            assert len(here) <= each.max_pods
            for kind in {kind for p in here for kind in p.template.extended}:
                assert sum(p.template.extended.get(kind, 0) for p in here) <= each.extended.get(kind, 0)

    @invariant()
    def columns_are_those_of_a_scheduler_that_starts_now(self):
        """Incremental belief = belief built from everything, once the watches have spoken and all is written."""
        self.plane.run(0)
        old = self.plane.scheduler.info
        new = NodeInfo(kubernetes().unset_cpu_m, kubernetes().unset_ram_bytes)
        for each in self.plane.server.list(Node):
            new.set_node(each)
        for pod in self._pods():
            if pod.node and pod.phase == "Pending":
                new.place(pod.uid, new.profile(pod.template), pod.node)
                if pod.deletion_ns is not None:
                    new.leave(pod.uid)
        old.refresh()
        new.refresh()
        rows = [old.index[name] for name in new.names]
        for name in (*SHOWN, "scored_cpu_m", "scored_ram_bytes"):
            np.testing.assert_array_equal(getattr(old, name)[rows], getattr(new, name), err_msg=name)
        for kind, column in new.free_extended.items():
            np.testing.assert_array_equal(old.free_extended[kind][rows], column)
        for of, count in old._counts.items():
            fresh = new.count(("again", of), count.matches, count.leaves_early)
            if of[0] != "siblings":  # which is about a profile object of the other
                np.testing.assert_array_equal(count.values[rows], fresh.values, err_msg=str(of))

    @invariant()
    def no_pod_that_fits_is_left_waiting_for_ever(self):
        """After quiet, a pod without a node has none that passes."""
        if self.plane.clock.now < 300e9:
            return
        self.plane.run(400)
        pods = self._pods()
        truth = slow.Cluster(list(self.plane.server.list(Node)), [p for p in pods if p.node and p.phase == "Pending"])
        known = {n.name for n in truth.nodes}
        truth.pods = [p for p in truth.pods if p.node in known]
        for pod in pods:
            if not pod.node and pod.deletion_ns is None:
                assert all(slow.refuses(pod, n, truth) for n in truth.nodes)


TestArrivals = Arrivals.TestCase
TestArrivals.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(0, 399), st.lists(st.booleans(), min_size=400, max_size=400))
def test_a_cycle_stops_at_the_first_nodes_that_are_enough(n, start, passing):
    """Against the loop that kube-scheduler runs, one node after another."""
    from simulator.control.scheduling.cycle import first_of

    start, passing = start % n, np.array(passing[:n])
    wanted = kubernetes().sampling.wanted(n)
    chosen, examined = first_of(passing, np.arange(n), start, wanted)
    expected, looked = np.zeros(n, bool), 0
    for i in range(n):
        if expected.sum() == wanted:
            break
        looked += 1
        expected[(start + i) % n] = passing[(start + i) % n]
    assert (chosen.tolist(), examined) == (expected.tolist(), looked)
