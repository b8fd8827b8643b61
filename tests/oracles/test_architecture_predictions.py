"""E-P33, of the systems built so far: who can run on an armv7 machine is told before anything runs."""

from __future__ import annotations

import pytest

from simulator.errors import UserError
from simulator.simulation.plan import read
from simulator.spec.scenario import Scenario

ACCEPTED = {"k3s": True, "kubeedge": True, "open-horizon": True, "kubernetes": False}


def edge(orchestrator: str, platform: str) -> Scenario:
    return Scenario(
        duration="1min",
        orchestrator=orchestrator,
        topology={
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                {"name": "board", "model": "raspberry-pi-4b", "platform": platform},
            ],
            "links": [{"name": "wan", "between": ["board", "cloud"], "model": "lte"}],
        },
    )


@pytest.mark.parametrize(("orchestrator", "accepted"), ACCEPTED.items())
def test_p33_an_armv7_board_is_a_member_where_there_is_an_agent_for_it(orchestrator: str, accepted: bool) -> None:
    read(edge(orchestrator, "linux/arm64"), seed=1)
    if accepted:
        read(edge(orchestrator, "linux/arm/v7"), seed=1)
        return
    with pytest.raises(UserError, match=r"board: platform linux/arm/v7, for which there is no node-agent"):
        read(edge(orchestrator, "linux/arm/v7"), seed=1)


@pytest.mark.parametrize("orchestrator", ACCEPTED)
def test_p33_no_system_has_an_agent_for_a_platform_that_nobody_builds_for(orchestrator: str) -> None:
    with pytest.raises(UserError, match="linux/mips64"):
        read(edge(orchestrator, "linux/mips64le"), seed=1)
