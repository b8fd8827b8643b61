"""One run as a worker does it: plain data in, a run or a plain failure out."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, RunFailed, UserError
from simulator.study import backend
from simulator.study.progress import post
from simulator.study.warmup import warm_up_warning
from simulator.units import parse, seconds

if TYPE_CHECKING:
    from simulator.simulation.run import Run

Simulate = Callable[..., "Run"]


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker needs, picklable. `simulate` stands in for the simulation in tests."""

    index: int
    name: str
    axes: Mapping[str, Any]
    case: str | None
    data: Mapping[str, Any]
    base: Path
    seed: int
    replication: int
    duration_ns: int
    options: Mapping[str, Any] = field(default_factory=dict)
    board: str | None = None
    tick: Callable[[], None] | None = None  # called as the run goes on, where it runs in the parent itself
    simulate: Simulate | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run has no result. `problems` where it was the user's input; `trace` where it was our mistake."""

    message: str
    problems: tuple[Problem, ...] = ()
    trace: str = ""


def work(job: Job) -> Run | Failure:
    """Simulate. Never raises what the run raised: an exception of a policy need not survive its way home."""
    try:
        run = (job.simulate or backend.simulate)(
            job.data,
            seed=job.seed,
            replication=job.replication,
            base=job.base,
            name=job.name,
            axes=job.axes,
            case=job.case,
            options={**job.options, "progress": _progress(job)},
        )
        warm_up_s = seconds(int(parse(job.data["scenario"].get("warm_up", 0), "duration")))
        if (warning := warm_up_warning(run, warm_up_s)) is not None:
            run.warnings = (*run.warnings, warning)
    except UserError as error:
        return Failure(str(error), problems=error.problems)
    except RunFailed as error:
        return Failure(str(error))
    except Exception as error:
        return Failure(f"{type(error).__name__}: {error}", trace=traceback.format_exc())
    return run


def _progress(job: Job) -> Callable[[int, int], None] | None:
    """What the simulation calls now and then with its present (ns) and the events so far; None if nobody looks."""
    board, tick = job.board, job.tick
    if board is None:
        return None

    def progress(now_ns: int, events: int) -> None:
        post(board, job.index, now_ns, events)
        if tick is not None:
            tick()

    return progress
