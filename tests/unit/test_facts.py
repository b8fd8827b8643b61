"""Facts and models: each refusal at its line, what is read, alternatives, versions and inheritance."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.facts.bibliography import read_bibtex
from simulator.physics.distributions import from_spec
from simulator.units import MS, SECOND

LINK = """\
name: wire
kind: links
facts:
  latency: {value: 10, unit: ms, kind: measured, source: mine, hardware: bench}
  jitter: {value: 1, unit: ms, kind: derived, source: mine}
  up:
    - {value: 5, unit: Mbps, kind: measured, source: mine}
    - {value: 7, unit: Mbps, kind: vendor, source: sbc-bench, note: the maker's}
  down: {value: 50, unit: Mbps, kind: measured, source: mine}
  loss: {value: 0.5, unit: "%", kind: assumed, source: assumed}
"""
BIB = "@misc{mine,\n  title = {My own measurement},\n}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "links").mkdir()
    (tmp_path / "sources.bib").write_text(BIB)
    (tmp_path / "links" / "wire.yaml").write_text(LINK)
    return tmp_path


def problems(folder: Path, old: str, new: str, kind: str = "links", name: str = "wire") -> list[tuple[int | None, str]]:
    file = folder / kind / f"{name}.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        Catalogue(roots=[folder]).model(kind, name)
    assert {problem.file for problem in caught.value.problems} == {str(file)}
    return [(problem.line, str(problem).split(": ", 1)[1]) for problem in caught.value.problems]


REFUSED = [
    ("value: 10, unit: ms, kind: measured, source: mine,", "value: 10, unit: ms, kind: measured,", 4, "has no source"),
    ("source: mine, hardware", "source: mien, hardware", 4, "did you mean mine"),
    ("kind: measured, source: mine, hardware", "kind: mesured, source: mine, hardware", 4, "did you mean measured"),
    ("unit: ms, kind: measured", "unit: ms", 4, "has no kind"),
    ("kind: measured, source: mine, hardware", "kind: measured, source: assumed, hardware", 4, "needs its source"),
    ("unit: ms, kind: derived", "unit: msec, kind: derived", 5, "did you mean"),
    ("unit: ms, kind: derived", "unit: MB, kind: derived", 5, "is a duration, not a size"),
    ("unit: ms, kind: derived", "kind: derived", 5, "needs a unit"),
    ("value: 1, unit: ms", "value: -1, unit: ms", 5, "impossible"),
    ("value: 1, unit: ms", "value: .nan, unit: ms", 5, "impossible"),
    ("value: 1, unit: ms", "value: one, unit: ms", 5, "is no number"),
    ("value: 1, unit: ms", "value: 1ms", 5, "is a duration, not a text"),
    ("value: 1, unit: ms", "dist: {uniform: {low: 1, high: 2}}, unit: ms", 5, "not a distribution"),
    ("value: 1, unit: ms", "value: 1, dist: {exponential: 1}, unit: ms", 5, "not both"),
    ("value: 1, unit: ms", "vlaue: 1, value: 1, unit: ms", 5, "did you mean value"),
    ("  jitter:", "  jiter:", 5, "did you mean jitter"),
    ("jitter: {value: 1, unit: ms, kind: derived, source: mine}", "jitter: 1", 5, "has no source"),
    ("value: 7, unit: Mbps", "value: 7, unit: ms", 7, "measure different things"),
    ("value: 0.5, unit: \"%\"", "value: 1.5, unit: ratio", 10, "above 1"),
    ("kind: links\n", "kind: link\n", 2, "the file is links"),
    ("name: wire\n", "name: wyre\n", 1, "the file is wire"),
    ("kind: links\n", "kind: links\nstatus: dead\n", 3, "current, historical"),
    ("kind: links\n", "kind: links\ntitel: a\n", 3, "did you mean title"),
    ("  jitter: {value: 1, unit: ms, kind: derived, source: mine}\n", "", 3, "has no fact jitter"),
    ("note: the maker's", "note: 5", 8, "must be text"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "said"), REFUSED, ids=[new[:40] for _, new, _, _ in REFUSED])
def test_a_wrong_fact_is_refused_at_its_line(folder: Path, old: str, new: str, line: int, said: str) -> None:
    found = problems(folder, old, new)
    assert found[0][0] == line
    assert said in " ".join(text for _, text in found)


def test_everything_wrong_is_said_at_once(folder: Path) -> None:
    file = folder / "links" / "wire.yaml"
    file.write_text(
        LINK.replace("source: mine, hardware", "source: x, hardware").replace("unit: ms, kind: d", "kind: d")
    )
    with pytest.raises(UserError) as caught:
        Catalogue(roots=[folder]).model("links", "wire")
    assert [problem.line for problem in caught.value.problems] == [4, 5]


NODE = """\
name: box
kind: nodes
extends: cloud-vm
facts:
  platforms: {value: [linux/arm64], kind: vendor, source: mine}
  boot: {value: 2, unit: min, kind: assumed, source: assumed}
"""


@pytest.mark.parametrize(
    ("platform", "hint"), [("arm64", "linux/arm64"), ("x86_64", "linux/amd64"), ("linux/arm63", "linux/arm64")]
)
def test_an_unknown_architecture_is_refused_with_the_one_that_was_meant(folder: Path, platform: str, hint: str) -> None:
    (folder / "nodes").mkdir()
    (folder / "nodes" / "box.yaml").write_text(NODE)
    assert problems(folder, "linux/arm64", platform, "nodes", "box") == [
        (5, f"'{platform}' is no OCI platform (did you mean {hint}?)")
    ]


def test_what_a_model_does_not_say_it_inherits(folder: Path) -> None:
    (folder / "nodes").mkdir()
    (folder / "nodes" / "box.yaml").write_text(NODE)
    catalogue = Catalogue(roots=[folder])
    box, vm = catalogue.model("nodes", "box"), catalogue.model("nodes", "cloud-vm")
    assert box.list("platforms") == ["linux/arm64"]
    assert box.quantity("boot") == 120 * SECOND
    assert box.quantity("ram") == vm.quantity("ram") == 16 * 2**30


@pytest.mark.parametrize(("extends", "said"), [("cloud-wm", "did you mean cloud-vm"), ("box", "box extends itself")])
def test_what_is_extended_must_exist_and_end(folder: Path, extends: str, said: str) -> None:
    (folder / "nodes").mkdir()
    (folder / "nodes" / "box.yaml").write_text(NODE.replace("cloud-vm", extends))
    with pytest.raises(UserError, match=said):
        Catalogue(roots=[folder]).model("nodes", "box")


def test_numbers_are_read_in_base_units_or_as_written(folder: Path) -> None:
    wire = Catalogue(roots=[folder]).model("links", "wire")
    assert wire.quantity("latency") == 10 * MS
    assert isinstance(wire.quantity("latency"), int)
    assert wire.number("latency") == 10.0
    assert wire.quantity("down") == 5e7
    assert wire.quantity("loss") == 0.005
    assert from_spec(wire.distribution("latency")).mean == 10 * MS


def test_the_first_alternative_is_the_default_and_all_are_described(folder: Path) -> None:
    catalogue = Catalogue(roots=[folder])
    assert catalogue.model("links", "wire").quantity("up") == 5e6
    (row,) = [row for row in catalogue.describe("links", "wire") if row["path"] == "up"]
    assert (row["value"], row["unit"], row["kind"], row["source"], row["hardware"]) == (
        5,
        "Mbps",
        "measured",
        "mine",
        "",
    )
    assert [(other["value"], other["source"], other["note"]) for other in row["alternatives"]] == [
        (7, "sbc-bench", "the maker's")
    ]


def test_reading_what_is_not_there_names_the_nearest(folder: Path) -> None:
    wire = Catalogue(roots=[folder]).model("links", "wire")
    with pytest.raises(UserError, match=r"no fact latncy \(did you mean latency"):
        wire.quantity("latncy")
    with pytest.raises(UserError, match="not text"):
        wire.text("latency")


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("links", "wyre", "did you mean wire"),
        ("link", "wire", "did you mean links"),
        ("links", "wire@2", "has no versions"),
        ("orchestrators", "kubernetes@1.13", "known are 1.31, 1.32"),
        ("nodes", "rapsberry-pi-4b", "did you mean raspberry-pi-4b"),
        ("links", "no/such/file.yaml", "there is no file no/such/file.yaml"),
    ],
)
def test_an_unknown_name_is_the_user_s_error(folder: Path, kind: str, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        Catalogue(roots=[folder]).model(kind, name)


def test_a_file_that_is_not_there_may_be_a_page_beside_it_and_nothing_else(folder: Path) -> None:
    links = folder / "links"
    (links / "wirf.yaml").write_text("question: does it end?\nscenario: {facts: {}}\n")
    with pytest.raises(UserError, match=r"did you mean wire\.yaml"):
        Catalogue().model("links", str(links / "wirg.yaml"))


def test_a_user_s_model_wins_over_the_shipped_one(folder: Path) -> None:
    (folder / "links" / "lte.yaml").write_text(LINK.replace("name: wire", "name: lte"))
    assert Catalogue(roots=[folder]).model("links", "lte").quantity("latency") == 10 * MS
    assert "ethernet" in Catalogue(roots=[folder]).names("links")


def test_a_model_may_be_a_file(folder: Path) -> None:
    assert Catalogue().model("links", str(folder / "links" / "wire.yaml")).quantity("latency") == 10 * MS


def test_bibtex_prints_exactly_the_sources_that_were_read(folder: Path) -> None:
    catalogue = Catalogue(roots=[folder])
    catalogue.model("links", "wire").quantity("latency")
    assert catalogue.bibtex(catalogue.ledger.rows()) == BIB
    catalogue.model("links", "wire").quantity("loss")
    assert list(read_bibtex(catalogue.bibtex(catalogue.ledger.rows()), "x")) == ["assumed", "mine"]


def test_a_source_that_is_nowhere_cannot_be_printed() -> None:
    with pytest.raises(UserError, match=r"source mine is in no sources\.bib"):
        Catalogue().bibtex([{"source": "mine"}, {"source": "assumed"}])


def test_a_broken_model_is_unusable_and_says_where(folder: Path) -> None:
    file = folder / "links" / "wire.yaml"
    file.write_text(LINK.replace("source: mine, hardware", "hardware"))
    catalogue = Catalogue(roots=[folder])
    assert catalogue.unknown("links", "lte") is None
    assert f"{file}:4: a fact has no source" in str(catalogue.unknown("links", "wire"))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("@misc{a,\n title={x}\n}\n@misc{a,\n title={y}\n}", 4, "twice"),
        ("@misc{a,\n author={x}\n}", 1, "no title"),
        ("@misc{a,\n title={x}\n}\n\n@misc{b,\n title={y\n}", 5, "do not close"),
    ],
)
def test_a_broken_bibliography_names_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_bibtex(text, "sources.bib")
    assert caught.value.problems[0].line == line


def test_a_catalogue_and_its_models_can_be_pickled(folder: Path) -> None:
    catalogue = Catalogue({"facts.links.wire.latency": "3ms"}, roots=[folder])
    catalogue.model("links", "wire").quantity("latency")
    copy = pickle.loads(pickle.dumps(catalogue))
    assert copy.ledger.rows() == catalogue.ledger.rows()
    assert copy.model("links", "wire").quantity("latency") == 3 * MS
    assert copy.model("nodes", "cloud-vm").quantity("ram") == 16 * 2**30
