"""Figures and the report. One function per figure, from a run (or a study) to plotly."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError

if TYPE_CHECKING:
    from simulator.simulation.run import Run

FIGURES = ("places", "timeline", "pods", "traffic")


def figure(run: Run, name: str) -> Any:
    """The named figure of one run, as a plotly Figure. Raises UserError for a name that is none."""
    if name not in FIGURES:
        raise UserError(Problem(f"no figure named {name!r}", hint=f"one of {', '.join(FIGURES)}"))
    return import_module(f"simulator.show.{name}").draw(run).figure
