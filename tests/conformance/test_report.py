"""The report in a real browser: it asks nobody for anything, complains of nothing, and shows every row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from chromium import Page, binary
from runs import hand_made_run
from simulator.show.report import render


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if binary() is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI installs chromium, and it is not there")
        pytest.skip("no chromium on this machine")
    runs = [hand_made_run(r, case) for case in ("short", "long") for r in (0, 1)]
    summary = [
        {"axes": {}, "case": case, "metric": "availability", "mean": 0.95, "low": 0.94, "high": 0.96, "n": 2}
        for case in ("short", "long")
    ]
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(render("Does <it> & that open?", runs, summary, ["availability"], {"seed": 1}), "utf-8")
    with Page() as opened:
        count = "document.querySelectorAll('.js-plotly-plot .main-svg').length >= 17"
        opened.open(file, count)
        yield opened


def test_no_request_leaves_the_file(page: Page) -> None:
    assert page.requests
    assert all(url.startswith(("file:", "data:", "blob:")) for url in page.requests)


def test_the_console_is_silent(page: Page) -> None:
    assert page.complaints == []


def test_each_figure_has_its_tables_rows(page: Page) -> None:
    counted = page.ask(
        "[...document.querySelectorAll('details[data-figure]')].map(d => "
        "[d.dataset.figure, +d.dataset.rows, d.querySelectorAll('tbody tr').length, "
        "!!document.getElementById(d.dataset.figure).data.length])"
    )
    assert len(counted) == 17  # the map, and eight figures for each of two cases
    for name, said, shown, has_marks in counted:
        assert said > 0, name
        assert shown == min(said, 400), name
        assert has_marks, name


_SHOWN = """(() => {
  const select = document.querySelector('select[data-truths]'), plot = document.getElementById(select.dataset.truths);
  const section = select.closest('section'), ledgers = [...section.querySelectorAll('[data-ledger]')];
  return [section.querySelector('h3').textContent, plot.data.length, plot.layout.yaxis.ticktext.length,
          section.querySelectorAll('details tbody tr').length,
          ledgers.filter(ledger => !ledger.hidden).map(ledger => ledger.dataset.ledger).join()];
})()"""


def choose(page: Page, index: int) -> None:
    """Choose a node in the first drill-down, as a reader does."""
    select = "document.querySelector('select[data-truths]')"
    page.ask(f"{select}.selectedIndex = {index}; {select}.dispatchEvent(new Event('change'))")


def test_another_node_can_be_chosen(page: Page) -> None:
    before = page.ask(_SHOWN)
    assert before[0].endswith("edge-0")  # it was cut
    assert before[4] == "edge-0"
    choose(page, 1)
    after = page.ask(_SHOWN)
    assert after[0].endswith("edge-1")
    assert after[4] == "edge-1"
    assert after[1:4] != before[1:4]
    choose(page, 0)
    assert page.ask(_SHOWN) == before
    assert page.complaints == []


def test_what_users_wrote_is_text_not_markup(page: Page) -> None:
    assert page.ask("document.querySelector('h1').textContent") == "Does <it> & that open?"
    assert page.ask("[...document.querySelectorAll('td')].some(t => t.textContent === '<b>not bold</b>')")


def test_every_fact_stands_with_its_source(page: Page) -> None:
    text = page.ask("document.body.innerText")
    assert "facts.links.lte.latency" in text
    assert "a-paper" in text


def test_it_is_one_file(page: Page, tmp_path: Path) -> None:
    assert page.ask("document.querySelectorAll('script[src], link[rel=stylesheet], img[src^=http]').length") == 0
