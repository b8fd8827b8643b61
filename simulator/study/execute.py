"""Run an experiment: expand, check, simulate on any executor, gather in the order of the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, RunFailed, UserError
from simulator.study import backend, policies, pool, study
from simulator.study.inputs import localise
from simulator.study.plan import Plan, Point, expand
from simulator.study.progress import Board, Watch
from simulator.study.provenance import provenance
from simulator.study.store import Store
from simulator.study.study import About, Study
from simulator.study.work import Failure, Job, Simulate, work
from simulator.units import parse

if TYPE_CHECKING:
    from simulator.simulation.run import Run
    from simulator.spec import Experiment
    from simulator.study.run_folder import StoredRun

SMALL = 2  # replications of a quick look
Check = Callable[[Point], Sequence[str]]  # the warnings of a point; raises UserError


def run(
    experiment: str | Path | Experiment,
    *,
    set: Mapping[str, Any] | None = None,
    seed: int | None = None,
    replications: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    small: bool = False,
    exact_events: bool = False,
    report: bool = True,
    watch: Watch | None = None,
) -> Study:
    """Run a shipped experiment, a file, or an `Experiment`, and give back the study.

    `set` maps paths to values; `seed` and `replications` replace the file's; `small` means at most two replications.
    With `out` the study is written as it grows (`resume` repeats no finished run, `overwrite` replaces an older
    study once this one is whole) and its report at the end. Executors are `process`, `serial` and `module:factory`;
    the default is processes, unless the runs are few and short; results depend on neither executor nor `workers`.
    A script that starts processes needs the usual `if __name__ == "__main__":`.

    Raises UserError, before anything runs or is written, if the input is wrong; RunFailed, after all others have
    finished, if a run failed.
    """
    loaded = backend.load(experiment, set) if isinstance(experiment, str | Path) else experiment
    plan = plan_of(loaded, seed=seed, replications=replications, small=small)
    return conduct(
        plan,
        about_of(loaded, plan),
        loaded.scenario.folder,
        out=Path(out) if out is not None else None,
        resume=resume,
        overwrite=overwrite,
        executor=executor,
        workers=workers,
        options={"exact_events": exact_events},
        report=study.report_hook if report else None,
        watch=watch,
        check=checker(loaded),
    )


@contextmanager
def telling(experiment: Experiment, point: Point) -> Iterator[None]:
    """Problems that are found inside, in the scenario of a point, get the experiment's file and the line."""
    try:
        yield
    except UserError as error:
        raise type(error)(experiment.located(error.problems, point.axes, point.case)) from error


def checker(experiment: Experiment) -> Check:
    """Builds what a point of the experiment's plan needs, and runs nothing: its warnings."""

    def check(point: Point) -> Sequence[str]:
        with telling(experiment, point):
            return backend.check(point.data, experiment.scenario.folder)

    return check


def plan_of(
    experiment: Experiment, *, seed: int | None = None, replications: int | None = None, small: bool = False
) -> Plan:
    """The plan of an experiment, with the caller's wishes. Raises UserError with every problem of every point."""

    def resolve(axes: Mapping[str, Any], case: str | None) -> Mapping[str, Any]:
        scenario = experiment.resolve(axes, case)
        return {"scenario": scenario.dump(), "facts": dict(scenario.facts)}

    plan = expand(experiment.dump(), resolve)
    count = plan.replications if replications is None else replications
    return Plan(plan.points, min(count, SMALL) if small else count, plan.seed if seed is None else seed)


def about_of(experiment: Experiment, plan: Plan) -> About:
    """What the study's record says of an experiment."""
    base, data = experiment.scenario.folder, dict[str, Mapping[str, Any]]()
    files: dict[str, Path] = {}
    for point in plan.points:
        data[point.name], found = localise(policies.spelt(point.data, base), base)
        files |= found | policies.read_by_default(point.data["scenario"], base)
    return About(
        name=experiment.name,
        question=experiment.question,
        seed=plan.seed,
        metrics=tuple(experiment.metrics),
        expect=tuple(experiment.expect),
        notes=tuple(experiment.notes),
        provenance=provenance(),
        files=files,
        data=data,
    )


def conduct(
    plan: Plan,
    about: About,
    base: Path,
    *,
    out: Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    executor: str | None = None,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    report: Callable[[Study], str] | None = None,
    watch: Watch | None = None,
    check: Check | None = None,
    simulate: Simulate | None = None,
) -> Study:
    """Carry out a plan; files of its scenarios are relative to `base`. `check` looks at each point before anything
    runs; `simulate` stands in for the simulation."""
    wanted = [(point.name, replication) for point, replication in plan.jobs()]
    store = Store(out, about, wanted, resume=resume, overwrite=overwrite) if out is not None else None
    if check is not None:
        notes = tuple(dict.fromkeys((*about.notes, *checked(plan, check))))
        pairs = ((point.data["scenario"], about.data[point.name]["scenario"]) for point in plan.points)
        about = replace(about, notes=notes, policies=policies.hashes(pairs, base))
        if store is not None:
            store.about = about
    jobs = [
        Job(
            index=index,
            name=point.name,
            axes=point.axes,
            case=point.case,
            data=point.data,
            base=base,
            seed=plan.seed,
            replication=replication,
            duration_ns=int(parse(point.data["scenario"].get("duration", 0), "duration")),
            options=options or {},
            simulate=simulate,
        )
        for index, (point, replication) in enumerate(plan.jobs())
    ]
    runs: dict[int, Run | StoredRun] = {}
    failed: dict[str, Failure] = {}
    with Board([job.duration_ns for job in jobs], watch) as board:
        for job in jobs:
            if store is not None and (stored := store.finished(job.name, job.replication)) is not None:
                runs[job.index] = stored
                board.finished(job.index)
        todo = [replace(job, board=board.file) for job in jobs if job.index not in runs]
        name = pool.choose(executor, len(todo), sum(job.duration_ns for job in todo), workers)
        with pool.executor(name, workers, len(todo)) as workshop:
            for job, result in _results(todo, workshop, board):
                if isinstance(result, Failure):
                    failed[f"{job.name}/{job.replication}"] = result
                else:
                    runs[job.index] = store.save(result) if store is not None else result
    made = Study([runs[index] for index in sorted(runs)], about)
    if store is not None and (runs or not failed):
        made = store.finish(report, {name: failure.message for name, failure in failed.items()})
    if failed:
        raise _run_failed(failed, len(jobs), made.folder)
    return made


def checked(plan: Plan, check: Check) -> list[str]:
    """Check every point; the warnings of all. Raises UserError with the problems of all."""
    notes: list[str] = []
    problems: list[Problem] = []
    for point in plan.points:
        try:
            notes += check(point)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(dict.fromkeys(problems))
    return notes


def _results(jobs: Sequence[Job], workshop: Executor, board: Board) -> Iterator[tuple[Job, Run | Failure]]:
    """Each job with its result, as they come. In this process one at a time, so that each is saved before the next."""
    serial = isinstance(workshop, pool.SerialExecutor)
    waiting = iter(jobs)
    pending: dict[Future[Any], Job] = {}
    while True:
        for job in waiting:
            sent = replace(job, tick=board.show) if serial else job
            try:
                pending[workshop.submit(work, sent)] = job
            except BrokenExecutor as error:
                raise RunFailed(_BROKEN) from error
            if serial:
                break
        if not pending:
            return
        done, _ = wait(pending, timeout=0.5 if board.file is not None else None, return_when=FIRST_COMPLETED)
        board.show()
        for future in sorted(done, key=lambda f: pending[f].index):
            job = pending.pop(future)
            try:
                result = future.result()
            except BrokenExecutor as error:
                raise RunFailed(_BROKEN) from error
            except Exception as error:  # the job never arrived, or the result never came back
                result = Failure(f"{type(error).__name__}: {error}")
            if isinstance(result, Failure) and result.problems:
                raise UserError(result.problems)
            board.finished(job.index)
            yield job, result


_BROKEN = (
    "a worker process died: it ran out of memory or was killed; or, in a script of yours, run() is not called under "
    '`if __name__ == "__main__":` (executor="serial" starts no processes)'
)


def _run_failed(failed: Mapping[str, Failure], total: int, folder: Path | None) -> RunFailed:
    texts = list(dict.fromkeys(failure.message for failure in failed.values()))
    which = ", ".join(list(failed)[:3]) + (", …" if len(failed) > 3 else "")
    kept = f"; what finished is in {folder}" if folder is not None else ""
    more = f" (and {len(texts) - 1} other reasons)" if len(texts) > 1 else ""
    error = RunFailed(f"{len(failed)} of {total} runs failed ({which}){kept}: {texts[0]}{more}")
    for trace in dict.fromkeys(failure.trace for failure in failed.values() if failure.trace):
        error.add_note(trace)  # for whoever looks for our mistake
    return error
