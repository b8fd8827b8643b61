"""What filters said of a template is remembered for as long as belief stays as it was, and not a change longer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from schedulers import GI, MI, kubernetes, node, template
from simulator.control.api.objects import Pod, Service
from simulator.control.scheduling.cycle import Cycle
from simulator.control.scheduling.framework import Framework
from simulator.control.scheduling.info import NodeInfo, Placed
from simulator.control.scheduling.supposing import supposing
from simulator.policy import PodView
from simulator.world.pod import ContainerTemplate, PodAffinityTerm, PodTemplate, Requirement, SpreadConstraint

APP = (Requirement("app", "In", ("app",)),)
PORT = ContainerTemplate("main", "img", 100, 128 * MI, host_ports=(80,))
TEMPLATES = (
    template(900, GI),
    template(node_selector={"rack": "r1"}),
    template(containers=(PORT,)),
    template(pod_anti_affinity=(PodAffinityTerm(APP, "kubernetes.io/hostname"),)),
    template(workload="near", pod_affinity=(PodAffinityTerm(APP, "topology.kubernetes.io/zone"),)),
    template(spread=(SpreadConstraint(1, "topology.kubernetes.io/zone", APP),)),
)
FRAMEWORK = Framework(kubernetes())


def machines(names: str = "abcdef") -> NodeInfo:
    info = NodeInfo(100, 200 * MI)
    for number, name in enumerate(names):
        info.set_node(node(name, 1000 + 500 * number, zone=f"z{number % 2}"))
    info.refresh()
    return info


def cycle(info: NodeInfo, of: PodTemplate, framework: Framework = FRAMEWORK, attempt: int = 1) -> Cycle:
    return Cycle(
        framework, info, Pod(name="p", template=of), attempt=attempt, now=0, start=0, uniform=lambda _: np.zeros(0)
    )


def test_pods_of_one_template_share_a_verdict_until_something_changes() -> None:
    info = machines()
    first = cycle(info, TEMPLATES[0]).verdict()
    assert cycle(info, TEMPLATES[0], attempt=2).verdict() is first
    assert cycle(info, TEMPLATES[1]).verdict() is not first
    assert cycle(info, TEMPLATES[0], Framework(kubernetes())).verdict() is not first  # who else asks, asks anew
    info.place(1, info.profile(TEMPLATES[0]), "a")
    now = cycle(info, TEMPLATES[0]).verdict()
    assert (first.found, now.found) == (6, 5)
    assert first.passing.all()  # who was told before keeps what was true then


def change(rng: np.random.Generator, info: NodeInfo) -> None:
    """One change of belief, of any kind that there is."""
    name, of = str(rng.choice(list("abcdef"))), info.profile(TEMPLATES[rng.integers(len(TEMPLATES))])
    fields = {"zone": f"z{rng.integers(2)}", "unschedulable": bool(rng.integers(2))}
    fields |= {"labels": {"rack": f"r{rng.integers(2)}"}}
    fields |= {"taints": [("bad", "yes", "NoSchedule")] if rng.integers(4) == 0 else []}
    uids = [*info.placed, 0]
    kinds: tuple[Callable[[], object], ...] = (
        lambda: info.set_node(node(name, int(rng.integers(500, 4000)), **fields)),
        lambda: info.drop_node(name),
        lambda: info.place(int(rng.integers(1, 1 << 40)), of, name),
        lambda: info.place(int(rng.integers(1, 1 << 40)), of, name),
        lambda: info.leave(int(rng.choice(uids[:-1]))) if info.placed else None,
        lambda: info.release(int(rng.choice(uids))),
        lambda: info.set_services([Service(name="s", selector=APP)]),
    )
    kinds[rng.integers(len(kinds))]()
    info.refresh()


@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_is_what_would_be_found_anew(seed: int) -> None:
    rng, info = np.random.default_rng(seed), machines()
    refused = 0
    for _ in range(120):
        change(rng, info)
        for of in TEMPLATES:
            asked = cycle(info, of)
            said, anew = asked.verdict(), asked._judge()
            assert said.passing.tolist() == anew.passing.tolist()
            assert said.refusals() == anew.refusals()
            refused += said.found < len(info.names)
    assert refused > 100


def test_what_is_only_supposed_is_asked_anew_before_and_after() -> None:
    info = machines("a")
    of, other = TEMPLATES[0], info.profile(TEMPLATES[1])
    assert cycle(info, of).verdict().found == 1
    with supposing(info, 0, come=[Placed(other, "a", {}), Placed(other, "a", {})]):
        assert cycle(info, of).verdict().found == 0
    assert cycle(info, of).verdict().found == 1


def test_refusals_are_counted_by_the_first_filter_that_refuses() -> None:
    info = machines()
    info.set_node(node("a", 1000, zone="z0", unschedulable=True))
    refused, _ = cycle(info, template(2600, GI)).verdict().refusals()
    assert refused == (("NodeUnschedulable", 1), ("NodeResourcesFit", 3))


def test_a_plug_in_may_read_more_than_belief_and_is_asked_each_time() -> None:
    def second_time(pod: PodView, cluster: object) -> np.ndarray:
        return np.full(6, pod.attempt == 2)

    info, framework = machines(), Framework(kubernetes(filters=("NodeResourcesFit", second_time)))
    assert [cycle(info, TEMPLATES[0], framework, n).verdict().found for n in (1, 2, 3)] == [0, 6, 0]
    assert framework.without_plugins().of_template
