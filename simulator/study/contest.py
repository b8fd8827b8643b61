"""A contest: the values of one axis, such as policies, over the same scenarios and replications, ranked by metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan, nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.record.direction import TRADED, Better, better
from simulator.spec.near import did_you_mean
from simulator.study.correction import holm, told
from simulator.study.differences import CASE, differences, points
from simulator.study.plain import plain, to_json
from simulator.study.run_folder import Recorded
from simulator.study.statistics import evened

Floats = NDArray[np.float64]
_LEAST: Final = 3  # entrants: of two, the paired differences say all


@dataclass(frozen=True, slots=True)
class Front:
    """Who is not dominated in a scenario: `values`, shape (entrants, metrics), are means over replications, NaN where
    undefined; `best`, shape (entrants,)."""

    scenario: str
    metrics: tuple[str, ...]
    values: Floats
    best: NDArray[np.bool_]

    def places(self) -> dict[tuple[float, ...], list[int]]:
        """The entrants on the front by their values, those of equal values together, the best of the first first."""
        found: dict[tuple[float, ...], list[int]] = {}
        for i in np.flatnonzero(self.best):
            found.setdefault(tuple(float(f"{value:.6g}") for value in self.values[i]), []).append(int(i))
        return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class Contest:
    """Who entered, and what a metric says of each in each block: one scenario (all but the axis), one replication."""

    axis: str
    entrants: tuple[Any, ...]  # values of the axis, in the order of the file; the first is the control
    scenarios: tuple[str, ...]  # of each block
    values: Mapping[str, Floats]  # metric with a direction -> shape (blocks, entrants), NaN where undefined
    differences: tuple[dict[str, Any], ...]  # rows of `simulator.study.differences` along the axis

    @property
    def names(self) -> list[str]:
        """The entrants in a word each; in full where two would be called the same."""
        return labels(self.entrants)

    def ranks(self, metric: str) -> Floats:
        """Shape (blocks, entrants): 1 is the best of its block, equals share the mean of their ranks.

        Only the blocks in which the metric is defined for all.
        """
        from scipy.stats import rankdata  # noqa: PLC0415  # heavy

        whole = self.values[metric][~np.isnan(self.values[metric]).any(axis=1)]
        if not len(whole):
            return whole
        return np.asarray(rankdata(-whole if better(metric) == "up" else whole, axis=1))

    def table(self) -> list[dict[str, Any]]:
        """A row for each metric: metric, better, ranks (mean rank of each entrant), blocks, left_out (blocks), equal
        (nothing tells them apart in any), and Friedman's test of "all are alike": statistic, p, p_holm (over the
        metrics). NaN where all are equal, and of two entrants or one block, which it cannot test.

        M. Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis of variance",
        JASA 32(200), 1937, with the correction for ties; used as in J. Demšar, "Statistical comparisons of classifiers
        over multiple data sets", JMLR 7, 2006. Replications of a scenario are blocks of their own: what is said holds
        for these scenarios, not for any.
        """
        rows: list[dict[str, Any]] = []
        for metric, values in self.values.items():
            ranks = self.ranks(metric)
            statistic, p = _friedman(ranks)
            rows.append(
                {
                    "metric": metric,
                    "better": better(metric),
                    "ranks": ranks.mean(axis=0).tolist() if len(ranks) else [nan] * len(self.entrants),
                    "blocks": len(ranks),
                    "left_out": len(values) - len(ranks),
                    "equal": bool((ranks == ranks[:, :1]).all()),
                    "statistic": statistic,
                    "p": p,
                }
            )
        for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
            row["p_holm"] = p
        return rows

    def fronts(self) -> list[Front]:
        """Of each scenario who is not dominated in latency, lost messages, energy and cost, as far as the study names
        these and they tell somebody apart there. Without two of them, none."""
        traded, found = [metric for metric in self.values if metric in TRADED], list[Front]()
        for scenario in dict.fromkeys(self.scenarios):
            means = {metric: self.means(metric)[scenario] for metric in traded}
            told = {metric: mean for metric, mean in means.items() if np.unique(mean).size > 1}
            if len(told) > 1:
                values = np.stack(list(told.values()), axis=1)
                best = non_dominated(values, [better(metric) or "down" for metric in told])
                found.append(Front(scenario, tuple(told), values, best))
        return found

    def means(self, metric: str) -> Mapping[str, Floats]:
        """Scenario -> the metric's mean over its replications, for each entrant; NaN if any is undefined."""
        where = np.array(self.scenarios)
        return {name: self.values[metric][where == name].mean(axis=0) for name in dict.fromkeys(self.scenarios)}


def hold(runs: Sequence[Recorded], metrics: Sequence[str], axis: str | None = None) -> Contest:
    """The contest along an axis, named by its path or its last key; by default that with most values, if at least
    three. A block in which an entrant did not run is left out.

    Raises UserError for a study without such an axis.
    """
    found = points(runs)
    counts = {name: len(dict.fromkeys(to_json(p.at(name)) for p in found)) for name in _axes(runs)}
    chosen = _chosen(counts, axis)
    entrants = list({to_json(p.at(chosen)): p.at(chosen) for p in found}.items())
    column = {key: i for i, (key, _) in enumerate(entrants)}
    blocks: dict[tuple[str, int], dict[int, Recorded]] = {}
    for point in found:
        where = ", ".join(part for part in point.elsewhere(chosen) if part != f"{CASE}=None")
        for replication, run in point.runs.items():
            blocks.setdefault((where, replication), {})[column[to_json(point.at(chosen))]] = run
    whole = {key: block for key, block in blocks.items() if len(block) == len(entrants)}
    values = {
        metric: np.array(
            [evened([block[i].summary.get(metric, nan) for i in range(len(entrants))]) for block in whole.values()]
        ).reshape(len(whole), len(entrants))
        for metric in metrics
        if better(metric) is not None
    }
    gaps = tuple(row for row in differences(runs, tuple(values)) if row["axis"] == chosen)
    return Contest(chosen, tuple(value for _, value in entrants), tuple(where for where, _ in whole), values, gaps)


def fits(runs: Sequence[Recorded]) -> bool:
    """Whether a study has an axis with three values or more, and blocks enough that a rank says something."""
    return len({run.replication for run in runs}) > 1 and any(
        len({to_json(point.at(axis)) for point in points(runs)}) >= _LEAST for axis in _axes(runs)
    )


def largest(contest: Contest) -> list[dict[str, Any]]:
    """For each metric the largest of its differences that are told from zero, if any is."""
    rows = []
    for metric in contest.values:
        mine = [row for row in contest.differences if row["metric"] == metric and told(row)]
        if mine:
            rows.append(max(mine, key=lambda row: abs(row["difference"])))
    return rows


def non_dominated(values: Floats, directions: Sequence[Better]) -> NDArray[np.bool_]:
    """Which rows (one for each entrant, a column for each metric) no other row dominates: is nowhere worse and
    somewhere better. Equal rows do not dominate each other; a row with NaN is dominated."""
    costs = values * np.array([-1.0 if way == "up" else 1.0 for way in directions])
    known = np.isfinite(costs).all(axis=1)
    ours, theirs = costs[:, None, :], costs[None, known, :]
    beaten: NDArray[np.bool_] = (theirs <= ours).all(axis=2) & (theirs < ours).any(axis=2)
    free: NDArray[np.bool_] = known & ~beaten.any(axis=1)
    return free


def labels(values: Sequence[Any]) -> list[str]:
    """Values of an axis in a word each; in full where two would be called the same."""
    words, full = [label(value) for value in values], [str(plain(value)) for value in values]
    return [word if words.count(word) == 1 else whole for word, whole in zip(words, full, strict=True)]


def label(value: Any) -> str:
    """An entrant in one word: what it uses, of a value with parameters."""
    value = plain(value)
    return str(value.get("use") or value) if isinstance(value, Mapping) else str(value)


def _axes(runs: Sequence[Recorded]) -> list[str]:
    return [*dict.fromkeys(name for run in runs for name in run.axes), CASE]


def _chosen(counts: Mapping[str, int], axis: str | None) -> str:
    if axis is not None:
        named = [name for name in counts if axis in (name, name.rpartition(".")[2]) and counts[name] > 1]
        if len(named) != 1:
            several = [name.rpartition(".")[2] for name, count in counts.items() if count > 1]
            raise UserError(Problem(f"the study has no axis {axis!r}", hint=did_you_mean(axis, several)))
        return named[0]
    most = max(counts, key=lambda name: counts[name])
    if counts[most] < _LEAST:
        raise UserError(Problem("no axis of the study has three values to rank", hint="name one: --by policy"))
    return most


def alike(row: Mapping[str, Any]) -> str:
    """What Friedman's test says of a row of the table, in a cell: corrected p, or why there is none."""
    p = row["p_holm"]
    if isnan(p):
        return "all equal" if row["equal"] and row["blocks"] else "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _friedman(ranks: Floats) -> tuple[float, float]:
    """Statistic and p; NaN for fewer than two blocks or three entrants, and where all are equal everywhere."""
    from scipy.stats import friedmanchisquare  # noqa: PLC0415  # heavy

    blocks, entrants = ranks.shape
    if blocks < 2 or entrants < _LEAST or (ranks == ranks[:, :1]).all():
        return nan, nan
    found = friedmanchisquare(*ranks.T)
    return float(found.statistic), float(found.pvalue)
