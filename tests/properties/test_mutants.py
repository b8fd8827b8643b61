"""Mutants of valid files: each loads to exactly what it says, or ends in problems that name its file and line.

A mutation renames, drops or doubles a key, or swaps a value's unit, type or reference. Files are written one key a
line, so that a line says which key is meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.errors import Problem, UserError
from simulator.facts.yaml import Document, load_all_yaml, load_yaml
from simulator.spec import load_experiment
from simulator.spec.kubernetes import parse_manifest

DATA = Path(__file__).parents[1] / "data_spec"
Place = tuple[str | int, ...]

CORNER: dict[str, Any] = load_yaml((DATA / "corner.yaml").read_bytes(), "corner.yaml").data
SHOP: list[Any] = [d.data for d in load_all_yaml((DATA / "corner-shop.yaml").read_bytes(), "corner-shop.yaml")]
METRICS = ("availability", "p99_latency_s")
# What a unit or a whole value may turn into.
UNITS = ("m", "Mb", "Mbps", "s", "h", "%", "GiB", "", "x", "/s", "°")
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 3.5, "", "word", [], {}, ["a"], {"a": 1}, float("inf"), 10**30, "1e999",
    "9" * 5000, "²", "\u00e9", "*", "[", "a b", "~", "0", "-0", "1.", {"use": 3}, [[]], "<<",
)  # fmt: skip


def places(value: Any, here: Place = ()) -> Iterator[Place]:
    """Every path below a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inner:
        yield (*here, key)
        yield from places(part, (*here, key))


def at(data: Any, place: Place) -> Any:
    for key in place:
        data = data[key]
    return data


def words(data: Any) -> list[str]:
    """Every name and reference of a file."""
    return sorted({w for p in places(data) for w in (at(data, p), p[-1]) if isinstance(w, str) and len(w) < 30})


def dump(data: Any) -> str:
    return yaml.dump(data, sort_keys=False, allow_unicode=True, width=10**6, Dumper=_Plain)


class _Plain(yaml.SafeDumper):
    """No anchors: each value stands where it is used."""

    def ignore_aliases(self, data: object) -> bool:
        return True


@st.composite
def mutants(draw: st.DrawFn, original: Any) -> tuple[str, Place, str]:
    """The text of a mutant, the place of the mutation (of what is dropped: where it stood), and what it changed."""
    data = deepcopy(original)
    place = draw(st.sampled_from(sorted(places(data), key=str)))
    parent, key = at(data, place[:-1]), place[-1]
    value = parent[key]
    names = f"{key} {value} {parent.get('name', '') if isinstance(parent, dict) else ''}"
    how = draw(st.sampled_from(("rename", "drop", "double", "unit", "type", "reference")))
    if how == "drop":
        del parent[key]
        return dump(data), place[:-1], names
    if how == "rename" and isinstance(key, str):
        new = draw(st.sampled_from((f"{key}x", key[1:] or "y", key.upper(), "kind", "naem", *words(original))))
        entries = [(new if k == key else k, v) for k, v in parent.items() if k == key or k != new]
        parent.clear()
        parent.update(entries)
        return dump(data), (*place[:-1], new), f"{names} {new}"
    if how == "double" and isinstance(key, str) and not isinstance(value, dict | list):
        lines = dump(data).splitlines()
        line = load_yaml(dump(data), "x").line(place) or 1
        lines.insert(line, lines[line - 1].replace("- ", "  "))
        return "\n".join(lines), place, names
    if how == "unit" and isinstance(value, str):
        number = value.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/%")
        parent[key] = (number or "1") + draw(st.sampled_from(UNITS))
    elif how == "reference" and isinstance(value, str):
        parent[key] = draw(st.sampled_from((*words(original), f"{value}x", value[1:], "*", "zz-*")))
    else:
        parent[key] = draw(st.sampled_from(VALUES))
    return dump(data), place, f"{names} {parent[key]}"


def span(document: Document, place: Place) -> range:
    """The lines of what stands at a place."""
    lines = [line for path, line in document.lines.items() if path[: len(place)] == place]
    return range(min(lines, default=0), max(lines, default=0) + 1)


def blames(problem: Problem, document: Document, place: Place, names: str) -> bool:
    """Whether a problem stands at the mutated place or in its (short) record, or speaks of what was changed."""
    here, record = span(document, place), span(document, place[:-1])
    near = problem.line in range(here.start - 1, here.stop + 1) or (len(record) < 12 and problem.line in record)
    told = f"{problem.message} {problem.path}"
    return near or any(len(word) > 1 and word.strip("*-[]{}',") in told for word in names.split())


def judge(text: str, place: Place, names: str, problems: tuple[Problem, ...], file: str) -> None:
    try:
        document = load_yaml(text, file)
    except UserError as error:  # no YAML, or a key twice: the reader tells the same, with the line
        document, told = None, {(p.file, p.line) for p in error.problems}
    if document is None:
        assert told <= {(p.file, p.line) for p in problems}
        return
    assert problems
    assert all(p.file == file and p.line for p in problems), problems
    assert any(blames(p, document, place, names) for p in problems), problems


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mutants")
    (made / "corner-shop.yaml").write_bytes((DATA / "corner-shop.yaml").read_bytes())
    return made


@settings(max_examples=80, deadline=None, derandomize=True)
@given(mutant=mutants(CORNER))
def test_a_mutant_of_an_experiment_is_what_it_says_or_a_problem_with_its_line(
    folder: Path, mutant: tuple[str, Place, str]
) -> None:
    text, place, names = mutant
    path = folder / "corner.yaml"
    path.write_text(text, "utf-8")
    try:
        experiment = load_experiment(path, metrics=METRICS)
    except UserError as error:
        judge(text, place, names, error.problems, str(path))
        return
    assert experiment.dump() == load_yaml(text, "corner.yaml").data


@settings(max_examples=200, deadline=None, derandomize=True)
@given(mutant=mutants(SHOP[0]) | mutants(SHOP[1]))
def test_a_mutant_of_a_manifest_is_what_it_says_or_a_problem_with_its_line(mutant: tuple[str, Place, str]) -> None:
    text, place, names = mutant
    read = parse_manifest(text, "shop.yaml")
    if read.problems:
        judge(text, place, names, tuple(read.problems), "shop.yaml")
    elif read.objects:
        assert _without_nulls(read.objects[0].dump()) == _without_nulls(load_yaml(text, "shop.yaml").data)
    else:
        assert read.notes, "left out without a word"


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nulls(v) for k, v in value.items() if v is not None}
    return [_without_nulls(v) for v in value] if isinstance(value, list) else value
