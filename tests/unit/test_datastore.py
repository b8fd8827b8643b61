"""When an API answers, and from which machine, as machines of its control plane come and go."""

from __future__ import annotations

from math import isnan

import pytest

from planes_ha import plane
from simulator.control.api.datastore import DatastoreSettings, Single
from simulator.control.delivery.reach import OK, REFUSED, SILENT
from simulator.units import MS, SECOND

RAFT = DatastoreSettings("majority", 500 * MS, 5 * SECOND, 10 * SECOND)
ONE = DatastoreSettings("one", start_ns=10 * SECOND)


def test_a_lost_follower_is_missed_by_nobody() -> None:
    made = plane(RAFT)
    made.at(10, 2, False)
    made.at(50, 2, True)
    made.run(100)
    assert (made.ups, made.elected(), made.reach.api_node) == ([], [], 0)


def test_a_lost_leader_is_followed_and_agents_turn_to_its_successor() -> None:
    made = plane(RAFT)
    made.at(10, 0, False)
    made.run(12)
    assert made.reach.state[0] == SILENT
    made.run(30)
    (when, who), = made.elected()  # fmt: skip
    assert 14.5 <= when <= 20.1
    assert made.ups == [(10, False), (when, True)]
    assert made.reach.api_node == int(who[1:]) == made.store.leader != 0
    assert made.reach.state[0] == OK
    assert made.moves[-1] == (when, made.reach.api_node)
    made.at(40, 0, True)  # the old leader returns, and follows
    made.run(100)
    assert len(made.elected()) == 1


def test_without_a_majority_nobody_answers_until_it_is_back() -> None:
    made = plane(RAFT)
    made.at(10, 0, False)
    made.at(11, 1, False)
    made.run(300)
    assert made.ups == [(10, False)]
    assert made.elected() == []
    made.at(310, 1, True)
    made.run(600)
    # Its server starts for 10 s; the one that has waited may be anywhere in its time-out.
    assert 320 <= made.back() <= 330.1
    assert len(made.elected()) == 1


def test_a_leader_cut_off_from_the_others_is_followed_too() -> None:
    made = plane(RAFT)
    made.clock.at(10 * SECOND, made.network.cut, 0, "silent")
    made.run(60)
    assert 14.5 <= made.back() <= 20.1
    assert made.store.leader != 0
    token = 1
    made.network.mend(0, token)
    made.run(100)
    assert len(made.elected()) == 1


def test_a_lost_machine_takes_the_leading_controllers_with_it() -> None:
    made = plane(RAFT)
    made.at(10, 0, False)
    made.run(9)
    assert (made.manager.leading, made.manager.host) == (True, 0)
    made.run(11)
    assert not made.manager.leading
    made.run(60)
    assert made.manager.leading
    assert made.manager.host in (1, 2)
    led = made.manager.host
    made.at(70, 3 - led, False)  # the other survivor: no majority, no lease, and the leader gives up
    made.run(100)
    assert not made.manager.leading


def test_one_machine_is_the_api() -> None:
    made = plane(ONE, machines=1)
    made.at(10, 0, False)
    made.at(60, 0, True)
    made.run(61)
    assert made.reach.state[0] == REFUSED  # its machine runs, its server does not yet
    made.run(100)
    assert made.ups == [(10, False), (70, True)]
    assert made.elected() == []
    assert made.manager.leading


def test_with_an_external_database_any_machine_serves_at_once() -> None:
    made = plane(ONE)
    made.at(10, 0, False)
    made.at(20, 1, False)
    made.at(30, 2, False)
    made.at(40, 1, True)
    made.run(100)
    assert [t for t, _who in made.elected()] == [10, 20, 50]
    assert made.ups == [(30, False), (50, True)]
    assert made.reach.api_node == 1


def test_a_stopped_api_server_stays_so_whoever_leads() -> None:
    made = plane(RAFT)
    made.clock.at(5 * SECOND, made.store.set_up, False)
    made.at(10, 0, False)
    made.run(60)
    assert isnan(made.back())
    made.store.set_up(True)
    assert made.ups[-1] == (60, True)
    assert made.reach.api_node != 0


@pytest.mark.parametrize(
    ("stopped", "lost", "runs"), [(False, False, True), (True, False, False), (False, True, False)]
)
def test_a_single_component_runs_while_its_machine_does_and_nobody_stopped_it(
    stopped: bool, lost: bool, runs: bool
) -> None:
    seen: list[bool] = []

    class Component:
        def set_up(self, up: bool) -> None:
            seen.append(up)

    single = Single(Component())
    single.set_machine(1, False)  # another machine
    single.set_up(not stopped)
    single.set_machine(0, not lost)
    assert seen[-1] == runs
