"""`littoral run`: expand, run, write a study folder, print a summary."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from simulator.cli.answer import Answer, table
from simulator.cli.given import at_least, not_yet, settings
from simulator.cli.progress import shown
from simulator.cli.summary import report_html, summary_text
from simulator.study import backend
from simulator.study.execute import about_of, checker, conduct, plan_of

_VERDICTS = ("row", "metric", "predicted", "measured", "min", "max", "tolerance", "verdict")


def run(
    experiment: str,
    /,
    *,
    out: Path | None = None,
    seed: int | None = None,
    replications: int | None = None,
    set_: Annotated[list[str] | None, Parameter("--set")] = None,
    workers: int | None = None,
    executor: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    small: bool = False,
    uncertain_facts: bool = False,
    exact_events: bool = False,
    no_report: bool = False,
) -> Answer:
    """Run an experiment, write a study folder, print a summary.

    Parameters
    ----------
    experiment
        A shipped name (`littoral list experiments`) or a file.
    out
        The study folder; without it nothing is written.
    seed
        Instead of the file's.
    replications
        Instead of the file's.
    set_
        path=value, as often as needed: scenario.duration=10min. Of an axis: this value only.
    workers
        Processes at most; default: one per core.
    executor
        process, serial, or module:factory giving a concurrent.futures.Executor.
    resume
        Finish an interrupted study: no finished run is repeated.
    overwrite
        Replace the study in OUT once the new one is whole.
    small
        A quick look: two replications at most.
    uncertain_facts
        Not offered yet.
    exact_events
        Evaluate requests one event at a time; the results are the same.
    no_report
        Write no report.html.
    """
    not_yet("--uncertain-facts", uncertain_facts)
    at_least(seed=(seed, 0), replications=(replications, 1), workers=(workers, 1))
    loaded = backend.load(experiment, settings(set_ or []))
    plan = plan_of(loaded, seed=seed, replications=replications, small=small)
    with shown() as watch:
        study = conduct(
            plan,
            about_of(loaded, plan),
            loaded.scenario.folder,
            out=out,
            resume=resume,
            overwrite=overwrite,
            executor=executor,
            workers=workers,
            options={"exact_events": exact_events},
            report=None if no_report else report_html,
            watch=watch,
            check=checker(loaded),
        )
    text = summary_text(study)
    verdicts = study.verdicts
    if verdicts:
        text += "\n\n" + table(verdicts, [c for c in _VERDICTS if any(row[c] is not None for row in verdicts)])
    if out is not None:
        text += f"\n\n{out}" if no_report else f"\n\n{out / 'report.html'}"
    folder = str(out) if out is not None else None
    return Answer({"folder": folder, **study.document(), "expect": verdicts}, text)
