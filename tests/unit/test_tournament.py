"""The tournament, and `compare --by` on a part of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from commands import littoral
from simulator.policy.reference import POINTS, shipped_names
from simulator.spec.load import find_experiment

_FILE = find_experiment("tournament")
_AXIS = "policy"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three of the policies where two large pods come late."""
    folder = tmp_path_factory.mktemp("tournament")
    text = yaml.safe_load(_FILE.read_text("utf-8"))
    text["axes"][_AXIS] = {who: text["axes"][_AXIS][who] for who in ("kube-default", "most-allocated", "optimum")}
    text["cases"] = [case for case in text["cases"] if case["name"] == "late"]
    del text["expect"]
    (folder / "late.yaml").write_text(yaml.safe_dump(text), "utf-8")
    said = littoral("run", str(folder / "late.yaml"), "--small", "--executor", "serial", "--out", str(folder / "out"))
    assert said.status == 0, said.err
    return folder / "out"


def test_every_policy_that_ships_enters() -> None:
    text = yaml.safe_load(_FILE.read_text("utf-8"))
    settings = [*text["scenario"]["policies"].items()]
    settings += [setting for sets in text["axes"][_AXIS].values() for setting in sets.items()]
    entrants = {_decides(*setting) for setting in settings}
    elsewhere = {("placement", "learned")}  # needs onnxruntime: a tournament runs without
    ships = {("placement", name) for name in shipped_names("policies")} - elsewhere
    here = [point for point in POINTS if point != "clusters"]  # has experiments of its own
    assert entrants == ships | {(point, name) for point in here for name in shipped_names("policies", point)}


def _decides(path: str, policy: str | dict[str, str]) -> tuple[str, str]:
    """The point of a policy, and its name."""
    return path.rpartition(".")[2], policy if isinstance(policy, str) else policy["use"]


def test_who_packs_has_room_for_what_comes_late_and_is_told_why(study: Path) -> None:
    document = littoral("compare", str(study), "--by", "policy", "--json").document
    assert document["entrants"] == ["kube-default", "most-allocated", "optimum"]
    ranks = {row["metric"]: row["ranks"] for row in document["ranks"]}
    assert ranks["unschedulable_pods"] == [3, 1.5, 1.5]
    assert ranks["used_nodes"] == [3, 1.5, 1.5]
    (front,) = document["fronts"]
    assert "lost_messages" in front["metrics"]
    assert "kube-default" not in front["entrants"]  # has no room for the large pods, whose readings are lost
    (why,) = [found for found in document["reasons"] if found["metric"] == "unschedulable_pods"]
    assert (why["first_name"], why["difference"]) == ("kube-default", -2)
    assert why["pod"].startswith("shelf-")
    assert why["ties"] > 0  # small pods that went to one of several equal nodes
    assert (why["first"]["decision"], why["second"]["decision"]) == ("Wait", "Bind")
    here = {node["node"]: node["verdict"] for node in why["first"]["nodes"]}
    there = {node["node"]: node["verdict"] for node in why["second"]["nodes"]}
    assert (here[why["second"]["node"]], there[why["second"]["node"]]) == ("not now", "feasible")


def test_the_text_has_the_ranks_the_differences_and_the_reasons(study: Path) -> None:
    said = littoral("compare", str(study), "--by", _AXIS).out
    assert said.splitlines()[0].split() == ["mean", "rank", *yaml.safe_load(_FILE.read_text("utf-8"))["metrics"]]
    assert "over 2 blocks, each one scenario in one replication" in said
    assert "most-allocated − kube-default" in said
    assert "dominated by nobody" in said
    assert "filters and scores" in said
    assert "Mean rank over 2 blocks" in (study / "report.html").read_text("utf-8")


def test_by_ranks_within_one_study(study: Path) -> None:
    said = littoral("compare", str(study), str(study), "--by", "policy")
    assert (said.status, "within one study" in said.err) == (2, True)
    assert littoral("compare", str(study), "--by", "polcy").status == 2
