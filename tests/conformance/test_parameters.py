"""Each parameter of the physical world moves a column: network, faults, buffers, energy, movement, and their facts.

The tables of `tests/support/walk_*` change one parameter of a tiny scenario, and name the table and column (or the
metric) that moves, and its direction; `ELSEWHERE` names tests that do so already. What is in neither has a reason in
`STILL`; a parameter that is in none of the three fails here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from re import search

import pytest

from moves import Settings
from scenarios import simulation
from simulator.errors import UserError
from simulator.facts.shape import SHAPES
from simulator.spec import coverage, failures, faults, movement, outages, pods, power, spool, topology, workload
from simulator.spec.base import Spec
from walk import FILES, SITE, SUN, Move, both, quick
from walk_faults import FAULTS
from walk_machines import ENERGY, JOBS, MACHINES
from walk_moving import MOVING
from walk_network import FACTS, LINKS, READINGS

MOVES = [*FAULTS, *READINGS, *LINKS, *FACTS, *MACHINES, *ENERGY, *JOBS, *MOVING]

# Tests elsewhere by file, and the parameters that they move.
ELSEWHERE: dict[str, dict[str, str]] = {
    "tests/unit/test_simulation_parameters.py": {
        "FAULTS": "Cut.link Cut.at Cut.duration Cut.mode Cut.loss Cut.direction Crash.node Crash.reboot_after "
        "Stop.component Stop.duration",
        "LINKS": "LinkSpec.model LinkSpec.latency LinkSpec.length LinkSpec.rate LinkSpec.up LinkSpec.down "
        "LinkSpec.jitter LinkSpec.loss",
        "NODES": "NodeSpec.model NodeSpec.zone NodeSpec.count NodeSpec.role NodeSpec.taints NodeSpec.platform "
        "NodeSpec.cores NodeSpec.speed NodeSpec.ram NodeSpec.disk NodeSpec.disk_write NodeSpec.boot NodeSpec.max_pods",
    },
    "tests/unit/test_energy.py": {
        "test_each_key_of_batteries_and_panels_moves_its_metric": "BatterySpec.capacity BatterySpec.charge "
        "BatterySpec.empty BatterySpec.restart BatterySpec.efficiency BatterySpec.most_in SolarSpec.peak "
        "SolarSpec.tilt SolarSpec.azimuth SolarSpec.losses SolarSpec.sky",
        "test_carbon_is_the_grid_s_energy_times_its_intensity": "Scenario.carbon",
        "test_a_winter_s_night_has_no_light_and_summer_more_than_winter": "Scenario.epoch",
        "test_each_price_adds_its_own_cost": "Prices.nodes Prices.egress Prices.data Prices.energy",
    },
    "tests/unit/test_movement.py": {
        "test_parameters_of_coverage_move_the_metrics": "DistanceCoverage.radius DistanceCoverage.radii "
        "DistanceCoverage.margin Coverage.handover",
        "test_what_is_said_of_the_link_counts_for_each_cell": "Coverage.latency Coverage.rate Coverage.up "
        "Coverage.down Coverage.jitter Coverage.loss",
        "test_parameters_of_movement_move_the_events": "Waypoints.points Waypoints.speed Waypoints.headway "
        "Waypoints.then Waypoint.at Waypoint.pause",
    },
    "tests/unit/test_systems.py": {
        "test_an_update_takes_what_each_systems_page_says": "HostUpdate.at HostUpdate.node HostUpdate.compressed "
        "HostUpdate.unpacked HostUpdate.health",
        "test_its_boot_is_the_machines_and_its_engine_too": "NodeSpec.system",
        "test_left_out_for_its_engine_or_its_orchestrator": "NodeSpec.runtimes",
    },
    "tests/unit/test_accelerators.py": {
        "test_a_model_offers_what_its_page_names_and_what_is_written_stands_over_it": "NodeSpec.accelerators "
        "nodes.accelerator.count nodes.accelerator.resource nodes.accelerator.product",
    },
    "tests/unit/test_layout.py": {
        "test_a_machine_is_its_model_with_what_is_written_over_it": "NodeSpec.extended nodes.max_pods",
        "test_a_link_is_as_fast_as_the_network_interfaces_at_its_ends": "NodeSpec.nic",
    },
    "tests/unit/test_pods_workload.py": {
        "test_the_higher_priority_is_tried_first_and_labels_are_the_pods": "Pods.priority Pods.labels",
    },
    "tests/unit/test_clusters.py": {
        "test_an_api_server_of_a_member_stops_and_only_it_is_believed_lost": "Stop.cluster",
    },
    "tests/unit/test_mischief.py": {
        "test_a_stopped_leader_has_a_successor_and_a_stopped_component_has_none": "Stop.leader",
    },
    "tests/unit/test_clock_faults.py": {
        "test_each_parameter_moves_when_a_node_connects_again": "ClockSkew.at ClockSkew.node ClockSkew.ahead "
        "ClockSkew.behind ClockSkew.drift ClockSkew.duration protocols.certificate.cluster.age "
        "protocols.certificate.cluster.lifetime",
        "test_each_parameter_moves_whether_a_pull_fails": "protocols.certificate.registry.age "
        "protocols.certificate.registry.lifetime",
        "test_a_reboot_within_an_outage_of_the_way_to_the_time_matters_if_the_certificate_is_young": "ClockLoss.saved "
        "nodes.clock_saved",
    },
    "tests/unit/test_boot_stages.py": {
        "test_a_longer_stage_moves_time_s_of_its_event_and_of_those_after_it": "nodes.boot_stages.firmware "
        "nodes.boot_stages.kernel",
    },
    "tests/unit/test_transmitters.py": {
        "test_more_of_each_power_moves_radio_energy_j_up": "links.radio.idle links.radio.promotion links.radio.tail "
        "links.radio.send links.radio.receive links.radio.send_bit links.radio.receive_bit",
        "test_more_for_each_frame_moves_radio_energy_j_up": "links.radio.frame",
        "test_more_for_each_bit_of_a_port_moves_the_part_port_up": "nodes.power.per_bit",
    },
    "tests/unit/test_rate_traces.py": {
        "test_a_trace_that_comes_again_is_slow_again": "LinkSpec.trace_period",
    },
    "tests/unit/test_openb.py": {
        "test_with_arrivals_each_comes_once_in_random_order_and_then_copies_until_the_demand": "Pods.demand",
    },
    "tests/oracles/test_solar.py": {
        "test_the_sun_and_a_lowland_s_clear_sky_are_pvlib_s": "SolarSpec.clear_sky",
    },
    "tests/conformance/test_parameters.py": {
        "test_a_battery_that_gives_too_little_is_refused": "BatterySpec.most_out batteries.discharging",
    },
}
PROVED = [
    (file, test, parameter)
    for file, tests in ELSEWHERE.items()
    for test, moved in tests.items()
    for parameter in moved.split()
]

# What moves nothing, and why.
SELECTS = "says which nodes it is about; a glob that matches none is refused"
REFUSED = "one-way, which a direction belongs to, is refused: both directions are cut"
TOLD = "describes the machine in lists: no run reads it, and setting it is told"
LONE = "has one value, and goes with trace"
RUNS_ON = "a fault of a clock that runs on without power is refused"
STILL = {
    "Movement.node": SELECTS, "Coverage.node": SELECTS, "Coverage.cell": SELECTS,
    "Partition.direction": REFUSED, "ZoneOutage.direction": REFUSED,
    "nodes.disk_kind": TOLD, "nodes.memcpy": TOLD, "nodes.accelerator.kind": TOLD, "nodes.battery": TOLD,
    "Pods.format": LONE, "nodes.rtc": RUNS_ON,
}  # fmt: skip
NAMES = {"name", "kind"}  # of an item: words for the tables and the path grammar

MODULES = (failures, faults, outages, spool, movement, coverage, power, pods)
BUILT_ON = (failures.Machines, outages.Impairment, movement.Movement, coverage.Coverage)
FACTS_OF = ("links", "nodes", "protocols", "batteries", "panels")


@pytest.fixture(scope="module", autouse=True)
def _quick() -> Iterator[None]:
    with quick():
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("parameters")
    for name, text in FILES.items():
        (made / name).write_text(text, "utf-8")
    return made


@pytest.mark.parametrize("move", MOVES, ids=lambda move: move.parameter)
def test_a_parameter_moves_its_column(move: Move, folder: Path) -> None:
    was, now = both(move, folder)
    assert was < now if move.sign == "+" else was > now, (was, now)


def classes() -> list[type[Spec]]:
    """Those that a scenario holds."""
    modules = {module.__name__ for module in MODULES}
    found = {topology.LinkSpec, topology.NodeSpec, workload.Telemetry}
    for module in MODULES:
        found |= {each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Spec)
                  and each.__module__ in modules}  # fmt: skip
    return sorted(found - {*BUILT_ON}, key=lambda each: each.__name__)


def parameters() -> Iterator[list[str]]:
    """The names under which each may be accounted for: its class's, or that of one which the class is built on."""
    for each in classes():
        for field in each.model_fields:
            yield [f"{owner.__name__}.{field}" for owner in each.__mro__ if field in getattr(owner, "model_fields", ())]
    yield from (["Scenario.carbon"], ["Scenario.epoch"])
    yield from ([f"{kind}.{path}"] for kind in FACTS_OF for path in SHAPES[kind])


def test_every_parameter_is_accounted_for_once() -> None:
    moved = [move.parameter for move in MOVES]
    known = [*moved, *(parameter for *_, parameter in PROVED), *STILL]
    assert sorted(known) == sorted(set(known))
    missing = [
        names[0] for names in parameters() if not {*names} & {*known} and names[0].rpartition(".")[2] not in NAMES
    ]
    assert missing == []
    assert {*known} <= {name for names in parameters() for name in names}


@pytest.mark.parametrize(("file", "name", "parameter"), PROVED)
def test_what_is_proved_elsewhere_is_named_there(file: str, name: str, parameter: str) -> None:
    text = (Path(__file__).parents[2] / file).read_text("utf-8")
    (found,) = (node for node in ast.walk(ast.parse(text)) if name in _defined(node))
    first = min([found.lineno, *(each.lineno for each in getattr(found, "decorator_list", []))])
    lines = text.splitlines()[first - 1 : found.end_lineno]
    assert search(rf"\b{parameter.rpartition('.')[2]}\b", "\n".join(lines))


def _defined(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Assign):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return {node.name} if isinstance(node, ast.FunctionDef) else set()


@pytest.mark.parametrize("setting", [{"topology.nodes.gw.battery.most_out": "2W"},
                                     {"facts.batteries.lithium-ion.discharging": "0.3/h"}])  # fmt: skip
def test_a_battery_that_gives_too_little_is_refused(setting: Settings, folder: Path) -> None:
    """`most_out`, and without it the page's `discharging`: 2 W, and 0.3/h · 6 Wh = 1.8 W, of the 5 W that it takes."""
    with pytest.raises(UserError, match=r"gives at most [0-9.]+ W, and the machine takes up to 5 W"):
        simulation(SUN, setting, folder=folder)


def test_a_fact_that_nobody_reads_is_told(folder: Path) -> None:
    fact = "facts.nodes.raspberry-pi-4b.disk_kind"
    assert any(fact in said for said in simulation(SITE, {fact: "SSD"}).finish().warnings)
