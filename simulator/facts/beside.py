"""The files that a model's page of the user's is read with: its sources, and the pages that it extends."""

from __future__ import annotations

from pathlib import Path

from simulator.errors import UserError
from simulator.facts.yaml import load_yaml


def read_with(page: Path) -> list[Path]:
    """The bibliographies beside the page and one folder up, and the files that it extends with theirs; none of a file
    that is no model's page.
    """
    found: dict[Path, None] = {}
    todo = [page] if page.suffix == ".yaml" else []
    while todo:
        page = todo.pop()
        try:
            data = load_yaml(page.read_bytes(), str(page)).data
        except (UserError, OSError):
            continue  # told where it is read as a page
        if not isinstance(data, dict) or "facts" not in data:
            continue
        found |= dict.fromkeys(bibliographies(page))
        extends = data.get("extends")
        if isinstance(extends, str) and extends.endswith(".yaml"):
            other = (page.parent / extends).resolve()
            if other not in found and other.is_file():
                found[other] = None
                todo.append(other)
    return list(found)


def pages_in(folder: Path) -> list[str]:
    """The names of the files in this folder that are models' pages, and not, say, an experiment."""
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    return [file.name for file in files if file.is_file() and b"\nfacts:" in file.read_bytes()]


def bibliographies(page: Path) -> list[Path]:
    """Those that a page's sources may stand in, the one that wins last: that of its folder's folder, as in `models/`,
    and the one beside the page."""
    return [file for folder in (page.parent.parent, page.parent) if (file := folder / "sources.bib").is_file()]
