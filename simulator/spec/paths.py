"""The one path grammar: for `--set`, axes, cases, and Python's `set=`.

From the file's root, `.` between keys, a list item by its `name`, `facts.<kind>.<name>.<field>` for models. A key may
hold dots itself: the longest one that exists is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel

from simulator.errors import Problem, UserError
from simulator.facts.yaml import Path, load_yaml
from simulator.spec.near import did_you_mean
from simulator.spec.problems import Setting, Source
from simulator.spec.shape import Shapes, alternatives, is_model, keys, narrow, step


@dataclass(frozen=True, slots=True)
class Applied:
    """Plain data with paths set, facts apart, where each value was written, and the paths that matched nothing."""

    data: dict[str, Any]
    facts: dict[str, Any]
    source: Source
    problems: tuple[Problem, ...]


class _NoMatch(Exception):
    def __init__(self, message: str, hint: str = "") -> None:
        self.message, self.hint = message, hint
        super().__init__(message)


_ABSENT = object()
_PAGE = re.compile(r"/\.{1,2}/[^:#]*\.yaml$")  # a file in a stack of runtimes: containerd/./mine.yaml


def parse_setting(text: str, option: str = "--set") -> tuple[str, Any]:
    """`path=value` of a command line's option; the value is YAML, its `./` files are in the current folder.

    Raises UserError for text without `=`, or a value that is no YAML.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise UserError(
            Problem(f"{option} {text}: no assignment", hint="write path=value, as in scenario.duration=10min")
        )
    if not value.strip():
        return path.strip(), None
    return path.strip(), _here(load_yaml(value, f"{option} {path.strip()}").data)


def _here(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str(FilePath.cwd() / value)
    if isinstance(value, str) and (page := _PAGE.search(value)) is not None:
        return f"{value[: page.start() + 1]}{FilePath.cwd() / value[page.start() + 1 :]}"
    if isinstance(value, dict):
        return {key: _here(part) for key, part in value.items()}
    return [_here(part) for part in value] if isinstance(value, list) else value


def segments(data: Any, path: str) -> Path:
    """The segments of a dotted path: keys that `data` has may hold dots, and digits are a position in a list."""
    if not path:
        return ()
    head, _, rest = path.partition(".")
    if isinstance(data, Mapping) and (known := _longest(data, path)) is not None:
        return (known, *segments(data[known], path[len(known) + 1 :]))
    if isinstance(data, list) and head.isdigit() and int(head) < len(data):
        return (int(head), *segments(data[int(head)], rest))
    return (head, *segments(None, rest))


def apply(
    model: type[BaseModel],
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    source: Source,
    written: Mapping[str, Path] | None = None,
) -> Applied:
    """A copy of `data`, written for `model`, with every path of `settings` set. Never raises: see `problems`.

    `written` says, for paths that come from an axis or a case, where in the file their values stand.
    """
    changed: dict[str, Any] = deepcopy(dict(data))
    facts: dict[str, Any] = {}
    over = dict(source.over)
    problems: list[Problem] = []
    for path, value in settings.items():
        at = (written or {}).get(path)
        here = Setting(path, at)
        try:
            if not all(path.split(".")):
                raise _NoMatch("a path has a word between two dots", "as in scenario.duration")
            if path.startswith("facts."):
                facts[_fact(path)] = value
                over["scenario", path] = here  # scenarios carry the facts that are set
                continue
            found = _find(alternatives(model), changed, path, ())
            over = {known: by for known, by in over.items() if known[: len(found)] != found} | {found: here}
            _put(changed, found, deepcopy(value))
        except _NoMatch as error:
            lost = replace(source, over={(): here})
            problems.append(lost.problem((), error.message, error.hint))
    return Applied(changed, facts, replace(source, over=over), tuple(problems))


def _fact(path: str) -> str:
    """The path itself, if it can be a fact's. Whether there is such a fact, the catalogue knows."""
    parts = path.split(".")
    if len(parts) < 4 or not all(parts):
        raise _NoMatch("a fact's path has a kind, a name and a field", "as in facts.runtimes.kata.cold_start")
    return path


def _find(shapes: Shapes, value: Any, rest: str, done: Path) -> Path:
    """The segments of the path `rest` from `value` on. Raises _NoMatch."""
    if not rest:
        return done
    where = ".".join(map(str, done)) or "the file"
    if isinstance(value, list):
        names = {i["name"]: n for n, i in enumerate(value) if isinstance(i, Mapping) and isinstance(i.get("name"), str)}
        if (known := _longest(names, rest)) is None:
            head = rest.partition(".")[0]
            raise _NoMatch(f"{where} has no item named {head}", did_you_mean(head, names) or "its items have no name")
        number = names[known]
        return _find(step(shapes, number), value[number], rest[len(known) + 1 :], (*done, number))
    if isinstance(value, str) and any(is_model(s) and "use" in s.model_fields for s in shapes):
        value = {"use": value}  # the short form of a reference
    if value is not _ABSENT and not isinstance(value, Mapping):
        raise _NoMatch(f"{where} is a value: nothing is below it", f"set {where}")
    present: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    known = _longest(present, rest)
    if known is not None:
        shapes = narrow(shapes, present)
        return _find(step(shapes, known), present[known], rest[len(known) + 1 :], (*done, known))
    shapes = narrow(shapes, present)
    head = rest.partition(".")[0]
    allowed = keys(shapes)
    below = step(shapes, head)
    if head in allowed:
        return _find(below, _ABSENT, rest[len(head) + 1 :], (*done, head))
    if below and not allowed and not any(map(is_model, below)):  # a free mapping: labels, params
        return (*done, rest)
    raise _NoMatch(f"{where} has no {head}", did_you_mean(head, {*allowed, *present}))


def _longest(names: Iterable[str], rest: str) -> str | None:
    """The longest name that the path begins with."""
    begun = [name for name in names if rest == name or rest.startswith(f"{name}.")]
    return max(begun, key=len, default=None)


def _put(data: Any, path: Path, value: Any) -> None:
    for segment in path[:-1]:
        if isinstance(data, dict):
            below = data.setdefault(str(segment), {})
            if isinstance(below, str):
                below = data[str(segment)] = {"use": below}
            data = below
        else:
            data = data[segment]
    data[path[-1]] = value
