"""A run: one resolved scenario, one replication, and everything that it left behind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError

if TYPE_CHECKING:
    import polars as pl

# Filled by `simulator/__init__` with whoever draws: the simulation knows no plotting.
figure_hook: Callable[[Run, str, str | None], Any] | None = None


@dataclass(slots=True)
class Run:
    """What `simulator.run` and a study folder give back for one scenario and one replication.

    `summary` maps each metric of the glossary to its value (NaN where undefined); `tables` holds the frames that
    `simulator.record.schema` describes; `facts` the facts read, as rows of path, value, unit, kind, source;
    `world` the static picture (nodes with zone, role and position; links with their ends) that the map needs.
    """

    name: str  # of its point in the plan, as runs/<name>/<replication>
    axes: Mapping[str, Any]
    case: str | None
    replication: int
    seed: int
    scenario: Mapping[str, Any]  # resolved, as plain data
    tables: Mapping[str, pl.DataFrame]
    summary: Mapping[str, float]
    warnings: tuple[str, ...] = ()
    facts: tuple[Mapping[str, Any], ...] = ()
    world: Mapping[str, Any] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)

    def table(self, name: str) -> pl.DataFrame:
        """One table as a polars frame. Raises UserError for a name that is none."""
        if name not in self.tables:
            raise UserError(Problem(f"no table named {name!r}", hint=f"one of {', '.join(sorted(self.tables))}"))
        return self.tables[name]

    def figure(self, name: str = "timeline", node: str | None = None) -> Any:
        """A plotly figure of this run; `truths` shows one node, by default the one whose truths part longest."""
        if figure_hook is None:
            raise RuntimeError("nobody draws here: reach runs through the names of `simulator`")
        return figure_hook(self, name, node)

    def _repr_html_(self) -> str:
        """For notebooks: the summary and the time line."""
        where = ", ".join([*(f"{path} = {value}" for path, value in self.axes.items()), *filter(None, [self.case])])
        title = f"{where or self.name}, replication {self.replication}, seed {self.seed}"
        rows = "".join(f"<tr><td>{escape(k)}</td><td>{v:.5g}</td></tr>" for k, v in self.summary.items())
        return f"<p>{escape(title)}</p><table><tr><th>metric</th><th>value</th></tr>{rows}</table>{drawn(self)}"


def drawn(run: Run) -> str:
    """The time line as HTML, with plotly's script in it so that it shows offline; nothing where nobody draws."""
    return "" if figure_hook is None else str(run.figure().to_html(full_html=False))
