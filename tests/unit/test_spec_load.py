"""Loading: shipped names, cases and axes, notes, and where relative files are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simulator.errors import Problem, UserError
from simulator.facts.yaml import load_yaml
from simulator.spec import Experiment, Scenario, experiment_names, load_experiment
from simulator.spec.check import check_resolved
from simulator.spec.faults import Cut
from simulator.spec.topology import LinkSpec, NodeSpec, expand_links, expand_nodes
from simulator.units import MINUTE

DATA = Path(__file__).parents[1] / "data_spec"
CORNER = DATA / "corner.yaml"


@pytest.fixture(scope="module")
def corner() -> Experiment:
    return load_experiment(CORNER)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for file in (CORNER, DATA / "corner-shop.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def line(scenario: Scenario) -> Cut:
    fault = scenario.faults[0]
    assert isinstance(fault, Cut)
    return fault


def test_a_file_dumps_to_itself(corner: Experiment) -> None:
    assert (corner.name, corner.scenario.folder) == ("corner", DATA)
    assert corner.dump() == load_yaml(CORNER.read_bytes(), "corner.yaml").data


def test_shipped_experiments_load_and_manifests_are_none_of_them() -> None:
    names = experiment_names()
    assert "quickstart" in names
    assert "shop" not in names
    assert load_experiment("quickstart").notes == ()


def test_a_point_of_the_plan_is_the_scenario_with_its_values(corner: Experiment) -> None:
    point = corner.resolve({"scenario.faults.line.mode": "refused"}, case="long")
    assert (line(point).mode, line(point).duration) == ("refused", 10 * MINUTE)
    assert (line(corner.scenario).mode, line(corner.scenario).duration) == ("silent", 5 * MINUTE)
    assert point.folder == DATA
    with pytest.raises(UserError, match=r"no case named 'longer' \(did you mean long\?\)"):
        corner.resolve(case="longer")


def test_a_scenario_alone_takes_a_case_and_paths() -> None:
    loaded = Scenario.load(CORNER, case="short", set={"scenario.duration": "30min", "facts.nodes.till.ram": "2GiB"})
    assert (loaded.duration, line(loaded).duration) == (30 * MINUTE, MINUTE)
    assert loaded.facts == {"facts.nodes.till.ram": "2GiB"}


def test_what_is_set_over_an_axis_pins_it_and_what_is_expected_of_other_values_goes(copy: Path) -> None:
    where = "where: {case: short, scenario.faults.line.mode: MODE}"
    text = CORNER.read_text("utf-8").replace("where: {case: short}", where.replace("MODE", "silent"))
    text += f"\n  - {{metric: availability, {where.replace('MODE', 'refused')}, max: 1}}\n"
    (copy / "corner.yaml").write_text(text, "utf-8")
    loaded = load_experiment(copy / "corner.yaml", {"scenario.faults.line.mode": "refused", "replications": 2})
    assert (loaded.axes, loaded.replications, line(loaded.scenario).mode) == ({}, 2, "refused")
    assert [(e.max, e.where) for e in loaded.expect] == [(1, {"case": "short"})]
    other = load_experiment(copy / "corner.yaml", {"scenario.faults.line.mode": "one-way"})
    assert (other.axes, other.expect) == ({}, ())


def test_what_is_set_to_no_effect_is_a_problem(copy: Path) -> None:
    with pytest.raises(UserError, match=r"every case sets scenario\.faults\.line\.duration itself"):
        load_experiment(CORNER, {"scenario.faults.line.duration": "3min"})
    axis = "scenario.workloads.sale.arrivals: [{poisson: 1/s}, {poisson: 9/s}]"
    text = CORNER.read_text("utf-8").replace("scenario.faults.line.mode: [silent, refused]", axis)
    (copy / "corner.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError, match=r"every value of the axis scenario\.workloads\.sale\.arrivals stands over it"):
        load_experiment(copy / "corner.yaml", {"scenario.workloads.sale.arrivals.poisson": "5/s"})


def test_a_case_wins_over_what_is_set_for_all(copy: Path) -> None:
    text = CORNER.read_text("utf-8").replace("scenario.faults.line.duration: 1min", "scenario.faults.line.at: 1min")
    (copy / "corner.yaml").write_text(text, "utf-8")
    loaded = Experiment.load(copy / "corner.yaml", set={"scenario.faults.line.duration": "3min"})
    assert line(loaded.resolve(case="short")).duration == 3 * MINUTE
    assert line(loaded.resolve(case="long")).duration == 10 * MINUTE


def test_a_scenario_by_itself_is_what_is_set_whatever_its_case_says() -> None:
    loaded = Scenario.load(CORNER, case="long", set={"scenario.faults.line.duration": "3min"})
    assert line(loaded).duration == 3 * MINUTE


def test_what_only_one_case_makes_wrong_names_the_case(copy: Path) -> None:
    text = CORNER.read_text("utf-8").replace("scenario.faults.line.duration: 1min", "scenario.duration: 15min")
    (copy / "corner.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError) as caught:
        load_experiment(copy / "corner.yaml")
    (problem,) = caught.value.problems
    assert problem.message == "with case short: fault brain begins at 16min, and the run ends at 15min"
    assert problem.line == 34


def test_metrics_are_checked_where_the_glossary_is_given() -> None:
    load_experiment(CORNER, metrics={"availability", "p99_latency_s"})
    with pytest.raises(UserError, match="no metric is named p99_latency_s"):
        load_experiment(CORNER, metrics={"availability"})


def test_what_is_not_simulated_or_assumed_is_noted_by_name(copy: Path) -> None:
    manifest = copy / "corner-shop.yaml"
    manifest.write_text(
        manifest.read_text("utf-8")
        .replace(
            "      containers:",
            "      securityContext: {runAsUser: 1}\n      priorityClassName: high\n      containers:",
        )
        .replace("kind: Service\n", "kind: Service\n# another\n")
        + "---\n{apiVersion: v1, kind: Service, metadata: {name: far}, spec: {selector: {app: nobody}}}\n"
        + "---\n{apiVersion: v1, kind: Pod, metadata: {name: tool}, spec: {containers: [{name: a, image: tools}]}}\n",
        "utf-8",
    )
    assert load_experiment(copy / "corner.yaml").notes == (
        "Deployment api: securityContext is not simulated",
        "Deployment api: PriorityClass high is not in the file",
        "telemetry stock: qos 1 is not simulated yet, what is cut off is lost as with qos 0",
        "Service far selects no workload",
    )


def test_images_of_one_pod_share_a_platform(copy: Path) -> None:
    manifest = copy / "corner-shop.yaml"
    init = "      initContainers: [{name: init, image: shop/db}]\n"
    text = manifest.read_text("utf-8").replace("      containers:", f"{init}      containers:")
    manifest.write_text(text, "utf-8")
    load_experiment(copy / "corner.yaml")
    experiment = copy / "corner.yaml"
    experiment.write_text(experiment.read_text("utf-8").replace("[linux/amd64, linux/arm64]", "[linux/arm64]"), "utf-8")
    with pytest.raises(UserError, match=r"corner\.yaml:17: Deployment api: no platform runs all of its images"):
        load_experiment(experiment)


def test_globs_are_checked_once_a_generator_has_made_the_names(corner: Experiment) -> None:
    source = corner.source.under("scenario")
    nodes, links = ["cloud", "edge-0", "edge-1", "till-0"], ["wan-0"]
    assert list(check_resolved(corner.scenario, nodes, links, source)) == []
    problems = list(check_resolved(corner.scenario, ["cloud", "edge-1"], ["lan-0"], source))
    assert [(p.line, p.message) for p in problems] == [
        (29, "till-* matches no node"),
        (30, "no node is named till-0"),
        (32, "wan-* matches no link"),
    ]


def test_problems_of_building_get_the_line_of_their_path(corner: Experiment) -> None:
    found = corner.located(
        [
            Problem("no policy named random2", path="scenario.policies.placement"),
            Problem("no such parameter", path="topology.nodes.1.model.x"),
            Problem("nobody knows where", path="links.wan-3.length"),
            Problem("elsewhere", file="other.yaml", line=3, path="seed"),
        ]
    )
    assert [(p.file, p.line) for p in found] == [
        (str(CORNER), 15),
        (str(CORNER), 9),
        (str(CORNER), None),
        ("other.yaml", 3),
    ]


def test_nodes_and_links_expand_in_the_order_of_the_file() -> None:
    nodes = [
        NodeSpec(name="cloud", model="m"),
        NodeSpec(name="edge", model="m", count=3),
        NodeSpec(name="one", model="m", count=1),
    ]
    names = [name for name, _ in expand_nodes(nodes)]
    assert names == ["cloud", "edge-0", "edge-1", "edge-2", "one-0"]
    mesh = LinkSpec(name="mesh", between=("edge-*", "edge-*"), model="lte")
    single = LinkSpec(name="wan", between=("one-0", "cloud"), model="lte")
    fan = LinkSpec(name="fan", between=("*", "cloud"), model="lte")
    made = [(name, a, b) for name, a, b, _ in expand_links([mesh, single, fan], names)]
    assert made[:4] == [("mesh-0", 1, 2), ("mesh-1", 1, 3), ("mesh-2", 2, 3), ("wan", 4, 0)]
    assert made[4:] == [("fan-0", 1, 0), ("fan-1", 2, 0), ("fan-2", 3, 0), ("fan-3", 4, 0)]
