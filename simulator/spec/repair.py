"""Leaves out what cannot be read, so that the rest of a file can be checked in the same go."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from pydantic import BaseModel, ValidationError

from simulator.facts.yaml import Path
from simulator.spec.near import near
from simulator.spec.problems import Walk

# What others refer to: without it, the checks would find fault with them.
_NAMING = frozenset({"name", "count", "kind"})

# What no file can do without, with a value that no check finds fault with: it stands where that is wrong or missing.
_STAND_INS: dict[Path, Any] = {("question",): "?", ("scenario", "duration"): "10d"}


def repaired(
    data: dict[str, Any], error: ValidationError, model: type[BaseModel]
) -> tuple[dict[str, Any], dict[Path, Path]]:
    """A copy of the data without its wrong parts; an unknown key is taken for the missing one that it resembles.

    Second, for parts that moved, under which path they were written.
    """
    changed = deepcopy(data)
    moved: dict[Path, Path] = {}
    for details in error.errors(include_url=False):
        walk = Walk(details, model, data)
        parent: Any = changed
        for segment in walk.path[:-1]:
            parent = parent[segment] if not isinstance(parent, dict) else parent.get(segment, {})
        if not walk.path or not isinstance(parent, dict) or walk.path[-1] in _NAMING:
            continue
        key = walk.path[-1]
        value = parent.pop(key, None)
        if details["type"] == "extra_forbidden":
            meant = near(str(key), [k for k in walk.known() if k not in parent])
            if meant is not None:
                parent[meant] = value
                moved[*walk.path[:-1], meant] = walk.path
    for place, value in _STAND_INS.items():
        parent = changed
        for segment in place[:-1]:
            parent = parent.get(segment)
        if isinstance(parent, dict):
            parent.setdefault(str(place[-1]), value)
    return changed, moved
