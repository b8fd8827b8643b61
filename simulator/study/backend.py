"""The one seam to what simulates: everything that a study asks of the rooms below it, imported when asked for.

A study plans, runs and compares; it knows nothing of worlds. All data that cross here are plain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.simulation.run import Run
    from simulator.spec import Experiment

Row = dict[str, Any]
Driver = Callable[[Mapping[str, Any], Path], Sequence[Row]]


def load(ref: str | Path, settings: Mapping[str, Any] | None = None, *, metrics: bool = True) -> Experiment:
    """The experiment of a shipped name or a file, with paths set. Raises UserError with every problem.

    `metrics` says whether its metrics must be the glossary's: what a benchmark measures has names of its own.
    """
    from simulator.record.glossary import GLOSSARY  # noqa: PLC0415  # numpy
    from simulator.spec import load_experiment  # noqa: PLC0415  # pydantic

    return load_experiment(ref, settings or {}, metrics=GLOSSARY if metrics else None)


def simulate(
    data: Mapping[str, Any],
    *,
    seed: int,
    replication: int,
    base: Path,
    name: str,
    axes: Mapping[str, Any],
    case: str | None,
    options: Mapping[str, Any],
) -> Run:
    """One run of one resolved scenario: `data` has `scenario` and `facts` (overrides), files relative to `base`.

    `options`: `exact_events` (bool), and `progress`, None or a function of (ns so far, events so far) to be called
    now and then. Raises UserError, or RunFailed.
    """
    from simulator.simulation.entry import simulate as simulate_  # noqa: PLC0415  # the whole house

    return simulate_(
        data,
        seed=seed,
        replication=replication,
        base=base,
        name=name,
        axes=axes,
        case=case,
        options=options,
    )


def check(data: Mapping[str, Any], base: Path) -> Sequence[str]:
    """Build everything that a run of this scenario needs, and run nothing. Gives warnings, raises UserError."""
    from simulator.simulation.entry import check as check_  # noqa: PLC0415  # the whole house

    return check_(data, base)


def resolve(data: Mapping[str, Any], base: Path) -> Mapping[str, Sequence[Row]]:
    """The resolved world of a scenario as rows: `nodes`, `links`, `pods`, `paths`. Raises UserError."""
    from simulator.simulation.entry import resolve as resolve_  # noqa: PLC0415  # the whole house

    return resolve_(data, base)


def explain(
    data: Mapping[str, Any], *, seed: int, replication: int, base: Path, pod: str, until_s: float
) -> Sequence[Row]:
    """Replay a run up to a time, to the decisions about one pod: a row per decision, with why each node was not taken.

    Rows: `time_s`, `attempt`, `decision`, `node`, and `nodes`: rows of `node`, `verdict`, `score`, `why`. Raises
    UserError for a pod that the run never asks about.
    """
    from simulator.simulation.entry import explain_pod as explain_  # noqa: PLC0415  # the whole house

    return explain_(data, seed=seed, replication=replication, base=base, pod=pod, until_s=until_s)


def bench_drivers() -> Mapping[str, Driver]:
    """Name of an experiment in `experiments/bench/` -> what measures it: (resolved data, base) -> bench rows."""
    from simulator.simulation.bench import bench_drivers as drivers  # noqa: PLC0415  # the whole house

    return drivers()
