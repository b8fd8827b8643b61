"""A file that a policy reads is an input of the study, however the policy and the scenario name it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import study_standin as standin
from simulator.errors import UserError
from simulator.policy.checks import check_policy
from simulator.policy.reference import instantiate
from simulator.spec import load_experiment
from simulator.study.execute import about_of, conduct, plan_of

PODS = "cpu_milli,memory_mib,num_gpu,gpu_milli\n1000,100,1,500\n"
MINE = """
import pathlib
from pathlib import Path
from typing import Optional
from simulator.policy import Placement, Wait

class May(Placement):
    def __init__(self, file: Optional[Path] = None):
        self.file = file

class Many(Placement):
    def __init__(self, files: list[pathlib.Path]):
        self.files = files

class Word(Placement):
    def __init__(self, file: "str | Path" = "auto"):
        self.file = file

class ByDefault(Placement):
    def __init__(self, file: Path = Path(__file__).with_name("pods")):
        self.file = file

def plain(pod, cluster, file: Path):
    return Wait()
"""
EXPERIMENT = """
question: Which?
scenario:
  duration: 20s
  topology:
    nodes: [{name: hub, model: cloud-vm, role: control-plane}, {name: box, model: x86-edge}]
    links: [{name: lan, between: [box, hub], model: ethernet}]
  policy: POLICY
"""
NAMED = [
    "{use: fgd, params: {typical: pods.csv}}",
    "{use: fgd, params: {typical: pods}}",
    '{use: "./mine.py:May", params: {file: pods}}',
    '{use: "./mine.py:Many", params: {files: [pods.csv, pods]}}',
    '{use: "./mine.py:Word", params: {file: pods}}',
    '{use: "./mine.py:plain", params: {file: ../pods}}',
    '"./mine.py:ByDefault"',
    '"../other.py:ByDefault"',
]


def study(folder: Path, resume: bool) -> int:
    """How many runs a study of the experiment makes anew."""
    experiment, made = load_experiment(folder / "e.yaml"), list[Any]()
    plan = plan_of(experiment)

    def simulate(data: Any, *more: Any, **how: Any) -> Any:
        made.append(data)
        return standin.simulate(data, *more, **how)

    conduct(
        plan, about_of(experiment, plan), folder, out=folder / "out", resume=resume, executor="serial",
        simulate=simulate, check=lambda _: (),
    )  # fmt: skip
    return len(made)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("simulator.study.execute.provenance", dict)  # hashing all our code takes its time
    inside = tmp_path / "mine"
    inside.mkdir()
    for file in (tmp_path / "pods", inside / "pods", inside / "pods.csv"):
        file.write_text(PODS, "utf-8")
    for file in (tmp_path / "other.py", inside / "mine.py"):
        file.write_text(MINE, "utf-8")
    return inside


@pytest.mark.parametrize("named", NAMED)
def test_a_changed_byte_makes_the_runs_anew(named: str, folder: Path) -> None:
    (folder / "e.yaml").write_text(EXPERIMENT.replace("POLICY", named), "utf-8")
    assert study(folder, resume=False) == 1
    assert study(folder, resume=True) == 0
    copies = [file for file in (folder / "out/inputs").rglob("*pods*") if file.read_text("utf-8") == PODS]
    assert copies
    for file in (folder.parent / "pods", folder / "pods", folder / "pods.csv"):
        file.write_text(PODS.replace("500", "501"), "utf-8")
    assert study(folder, resume=True) == 1


def test_many_files_are_at_their_places_and_a_word_stays_one(folder: Path) -> None:
    made = instantiate("./mine.py:Many", {"files": ["pods", "../pods"]}, folder)
    assert made.files == [folder / "pods", folder / "../pods"]
    assert instantiate("./mine.py:Word", {"file": "manual"}, folder).file == "manual"
    assert instantiate("./mine.py:Word", {"file": "pods"}, folder).file == folder / "pods"
    with pytest.raises(UserError, match="there is no file"):
        instantiate("./mine.py:Many", {"files": ["pods", "none"]}, folder)
    with pytest.raises(UserError, match="file is the name of a file, not 3"):
        instantiate("./mine.py:May", {"file": 3}, folder)


def test_fgd_keeps_its_promises_with_a_list_of_usual_pods(folder: Path) -> None:
    assert all(result.passed for result in check_policy("fgd", base=folder, params={"typical": "pods.csv"}))
