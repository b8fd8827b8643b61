"""Each notebook runs from the first cell to the last, with pictures before text and no logic of its own."""

from __future__ import annotations

import ast
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
BOOKS = sorted(FOLDER.glob("*.ipynb"))
_LOGIC = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.If, ast.Lambda, ast.Try)


def read(book: Path) -> Any:
    found = nbformat.read(book, as_version=4)
    nbformat.validate(found)
    return found


def test_they_are_numbered_without_a_gap_and_each_names_the_next() -> None:
    assert [book.name[:2] for book in BOOKS] == [f"{i:02}" for i in range(len(BOOKS))]
    for book, after in pairwise(BOOKS):
        assert f"({after.name})" in read(book).cells[-1].source


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_text_follows_what_it_speaks_of_and_nothing_is_computed_in_the_notebook(book: Path) -> None:
    cells = read(book).cells
    assert cells[0].cell_type == "markdown"
    for before, cell in pairwise(cells[1:]):
        assert "code" in (cell.cell_type, before.cell_type), "text upon text, with no picture between"
    for cell in cells:
        if cell.cell_type == "code":
            assert not cell.outputs, "committed with outputs: clear them"
            assert cell.execution_count is None
            if not cell.source.startswith("%"):
                assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, _LOGIC)]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_every_cell_runs_and_shows_something(book: Path, tmp_path: Path) -> None:
    found = read(book)
    (first,) = [i for i, cell in enumerate(found.cells) if "parameters" in cell.metadata.get("tags", ())]
    # One replication of each scenario; a contest needs two.
    fewer = "" if "contest" in book.read_text("utf-8") else "\nsim.run = partial(sim.run, replications=1)"
    quick = f"from functools import partial\n\nsmall = True{fewer}"
    found.cells.insert(first + 1, nbformat.v4.new_code_cell(quick))
    # What trains needs an extra of gigabytes, which no test has.
    found.cells = [cell for cell in found.cells if "learn" not in cell.metadata.get("tags", ())]
    NotebookClient(found, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [cell for cell in found.cells if cell.cell_type == "code" and cell.outputs]
    pictures = [o for cell in shown for o in cell.outputs if "application/vnd.plotly.v1+json" in o.get("data", {})]
    assert pictures, "no picture"
    assert not [o for cell in shown for o in cell.outputs if o.output_type == "stream" and o.name == "stderr"]
