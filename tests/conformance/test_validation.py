"""`littoral validate`: what ships gives the verdicts that its files record, in rows of the promised shape."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands import littoral
from simulator.cli import validate
from simulator.cli.validate import chosen
from simulator.spec.load import data_elsewhere
from simulator.study import backend

KEYS = {
    "case", "row", "metric", "predicted", "low", "high", "measured", "error", "tolerance", "independence", "verdict",
    "fitted_on",
}  # fmt: skip
INDEPENDENCE = {"full", "calibrated", "semantic", "composition", "exact", "recall", "weak"}
QUICK = ("image-pull", "mm1")  # under three CPU seconds together; the others are for full sizes
CASES = [pytest.param(n, marks=[] if n in QUICK else [pytest.mark.full]) for n in chosen(())]


@pytest.mark.parametrize("case", CASES)
def test_every_verdict_is_the_recorded_one(case: str) -> None:
    said = littoral("validate", case, "--json", "--executor", "serial")
    assert said.status == 0, said.err
    assert said.document
    for row in said.document:
        assert set(row) >= KEYS
        assert row["case"] == case
        assert row["independence"] in INDEPENDENCE
        assert row["verdict"] in ("within", "refuted", "kept back")
        assert row["low"] <= row["predicted"] <= row["high"]
        allowed = row["tolerance"] * (abs(row["measured"]) if row["relative"] else 1)
        off = abs(row["predicted"] - row["measured"])
        assert (off <= allowed) == (row["verdict"] == "within")


def test_a_case_without_its_data_is_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there.csv").touch()
    case = tmp_path / "a" / "b" / "c" / "case.yaml"
    case.parent.mkdir(parents=True)
    case.write_text("file: ../../../there.csv\nother: {trace: ../../../gone.csv, use: ../policy.py}\n", "utf-8")
    assert data_elsewhere(str(case)) == ["../../../gone.csv"]
    gone = {name: ["../../../x.csv"] for name in validate._shipped() if name != "image-pull"}
    monkeypatch.setattr(validate, "missing", lambda: gone)
    said = littoral("validate", "--json", "--executor", "serial")
    assert {row["case"] for row in said.document} == {"image-pull"}
    assert "mm1: left out, for its data are not here: ../../../x.csv" in said.err
    assert chosen(("mm1",)) == ["mm1"]  # who asks for it is told what is wrong


def test_the_table_shows_the_interval_and_the_error() -> None:
    said = littoral("validate", "image-pull", "--executor", "serial")
    head, first, *_ = said.out.splitlines()
    assert head.split("  ")[0] == "case"
    for word in ("predicted", "95 % interval", "measured", "error", "tolerance", "independence", "verdict"):
        assert word in head
    assert first.split()[-2:] == ["semantic", "within"]
    assert " … " in first


def test_refuted_is_exit_1_where_the_file_says_within(monkeypatch: pytest.MonkeyPatch) -> None:
    """Move a governing number by a quarter: the prediction must miss."""
    load = backend.load
    slower = {"scenario.topology.links.line.rate": "80Mbps"}
    monkeypatch.setattr(backend, "load", lambda ref: load(ref, slower))
    said = littoral("validate", "image-pull", "--executor", "serial", "--json")
    assert said.status == 1
    assert {row["verdict"] for row in said.document} == {"refuted"}
    assert {row["recorded"] for row in said.document} == {"within"}
    assert "image-pull, case=nine-images, start_p50_s: refuted, recorded as within" in said.err
