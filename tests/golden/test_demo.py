"""The demo, once: it finds what the README says, and its report holds up in a real browser."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Page, binary
from commands import littoral


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("demo") / "quickstart"
    said = littoral("run", "quickstart", "--replications", "1", "--executor", "serial", "--out", str(out))
    assert said.status == 0, said.err
    return out


@pytest.fixture(scope="module")
def page(study: Path) -> Iterator[Page]:
    if binary() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI installs chromium, and it is not there")
        pytest.skip("no chromium on this machine")
    with Page() as opened:
        opened.open(study / "report.html", "document.querySelectorAll('.js-plotly-plot .main-svg').length >= 16")
        yield opened


def test_its_answer_is_what_the_readme_says(study: Path) -> None:
    """KubeEdge and Open Horizon serve the site without power when it is back, K3s when the WAN is; nobody keeps the
    cameras' readings, for the cut is silent; only Open Horizon, which is patient, lets healthy pods live."""
    rows = json.loads((study / "summary.json").read_text("utf-8"))["summary"]
    values = {(r["axes"]["scenario.orchestrator"], r["metric"]): r["mean"] for r in rows}
    served = {name: values[name, "availability"] for name in ("k3s", "kubeedge", "open-horizon")}
    assert served["k3s"] + 0.01 < served["kubeedge"] < served["open-horizon"]
    assert [values[name, "evicted_pods"] for name in served] == [8, 8, 0]
    # A camera behind each of the four cut accesses sends a reading a second.
    assert [values[name, "lost_messages"] for name in served] == pytest.approx([4 * 600] * 3, abs=40)


def test_its_report_asks_nobody_and_complains_of_nothing(page: Page) -> None:
    assert all(url.startswith(("file:", "data:", "blob:")) for url in page.requests)
    assert page.complaints == []


def test_every_figure_is_drawn_and_has_its_rows(page: Page) -> None:
    drawn = page.ask(
        "[...document.querySelectorAll('details[data-figure]')].map(d => [d.dataset.figure, +d.dataset.rows, "
        "d.querySelectorAll('tbody tr').length, document.getElementById(d.dataset.figure).data.length])"
    )
    assert len(drawn) == 16
    for name, rows, shown, marks in drawn:
        assert rows > 0, name
        assert shown == min(rows, 400), name
        assert marks > 0, name


def test_the_map_marks_the_four_sites_that_were_cut(page: Page) -> None:
    names = "document.getElementById('figure-places').data.map(t => [t.name || '', (t.text || []).length])"
    marked = {name: count for name, count in page.ask(names) if name.startswith("site")}
    assert marked == {"site": 8, "site cut off by a fault": 4}


def test_every_fact_that_was_read_stands_in_it_with_a_source(study: Path, page: Page) -> None:
    manifest = json.loads(next(study.glob("runs/*/0/manifest.json")).read_text("utf-8"))
    text = page.ask("document.body.innerText")
    assert len(manifest["facts"]) > 120
    for fact in manifest["facts"]:
        assert fact["path"] in text
        assert fact["source"] in text
