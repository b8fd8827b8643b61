"""Figures and the report. One function per figure, from a run (or a study) to plotly."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError

if TYPE_CHECKING:
    from simulator.simulation.run import Run
    from simulator.study.study import Study

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


def study_figure(study: Study, name: str, metrics: Sequence[str] = ()) -> Any:
    """The named figure of a study, as a plotly Figure: `means` or `contest`. Raises UserError for a name that is none,
    and for a study that the figure has nothing of."""
    from simulator.show import comparison, means  # noqa: PLC0415  # heavy

    if name not in ("means", "contest"):
        raise UserError(Problem(f"no figure of a study is named {name!r}", hint="means, or contest"))
    if unknown := [metric for metric in metrics if all(metric not in run.summary for run in study.records)]:
        raise UserError(Problem(f"the study has no metric {unknown[0]!r}", hint=f"it has {', '.join(study.metrics)}"))
    shown = tuple(metrics) or study.metrics
    drawn = means.draw(study, shown) if name == "means" else comparison.contest(study.records, shown)
    if drawn is None:
        raise UserError(Problem("there is no contest here", hint="an axis of three values, in two replications"))
    return drawn.figure
