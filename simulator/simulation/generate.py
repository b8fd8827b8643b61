"""A topology from a generator: its plain data, as if a user had written it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError
from simulator.policy.reference import resolve
from simulator.streams import Rng


def generate(use: str, params: Mapping[str, Any], rng: Rng, base: Path) -> dict[str, Any]:
    """What the generator `use` builds from `params`: {"nodes": […], "links": […]} for `spec.topology.Topology.parse`.

    A generator is a function `build(params, rng) -> Mapping`, named as policies are: `city-edge`, `./mine.py:build`
    (relative to `base`), `package.module:build`, `distribution/entry-point`. Raises UserError for a name that is
    none, for what the generator says is wrong with its parameters, for one that raises anything else, with its file
    and line, and for an answer that is no topology.
    """
    try:
        build = resolve(use, base, "topologies", "topology")
    except UserError as error:
        raise UserError(replace(p, path=p.path or "use") for p in error.problems) from error
    if not callable(build):
        hint = "it must be build(params, rng) -> mapping"
        raise UserError(Problem(f"topology {use!r} is no function", path="use", hint=hint))
    try:
        made = build(params, rng)
    except UserError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        said = f"topology {use!r} failed: {type(error).__name__}: {error}"
        raise UserError(Problem(said, file=frame.filename, line=frame.lineno)) from error
    if not isinstance(made, Mapping) or set(made) - {"nodes", "links"} or "nodes" not in made:
        said = f"topology {use!r} made {_what(made)}, not nodes and links"
        raise UserError(Problem(said, hint='it must answer {"nodes": […], "links": […]}, as in an inline topology'))
    return dict(made)


def _what(made: Any) -> str:
    return f"keys {', '.join(map(str, made))}" if isinstance(made, Mapping) else type(made).__name__
