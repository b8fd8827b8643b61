"""Figures and the report. One function per figure, from a run (or a study) to plotly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError

if TYPE_CHECKING:
    from simulator.simulation.run import Run

FIGURES = ("places", "timeline", "pods", "traffic", "truths", "raster", "links", "energy", "coverage")
# Figures that not every run has something for, and what they need.
_NEEDS = {
    "raster": "no link and no node was ever down",
    "links": "write record: {links: true}",
    "energy": "write record: {energy: true}",
    "coverage": "write coverage: and movement:",
}


def figure(run: Run, name: str, node: str | None = None) -> Any:
    """The named figure of one run, as a plotly Figure; `truths` is that of one node.

    Raises UserError for a name that is none, for a node where the figure is not a node's, and for a figure that this
    run has nothing for.
    """
    if name not in FIGURES:
        raise UserError(Problem(f"no figure named {name!r}", hint=f"one of {', '.join(FIGURES)}"))
    draw = import_module(f"simulator.show.{name}").draw
    if name == "truths":
        return draw(run, node).figure
    if node is not None:
        raise UserError(Problem(f"the figure {name!r} is not one node's", hint="figure('truths', node=…) is"))
    drawn = draw(run)
    if name in _NEEDS and drawn.rows.is_empty():
        raise UserError(Problem(f"this run has nothing for the figure {name!r}", hint=_NEEDS[name]))
    return drawn.figure
