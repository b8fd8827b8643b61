"""`littoral explain`: why this node, and why not the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.cli.answer import Answer, table
from simulator.errors import Problem, UserError
from simulator.spec.near import did_you_mean
from simulator.study import backend
from simulator.study.run_folder import Recorded
from simulator.study.store import open_run
from simulator.study.study import Study


def explain(study: Path, pod: str, /, *, run: str | None = None, replication: int | None = None) -> Answer:
    """Why a pod went to its node, and why not to the others: replays the run to each decision about it.

    Parameters
    ----------
    study
        A study folder.
    pod
        The pod's name, as in the table `pods`.
    run
        The scenario's name, as in the folder runs/; default: the first that knows the pod.
    replication
        Its number; default: the first that knows the pod.
    """
    opened = open_run(study)
    record, last_s = _with_pod(opened, pod, run, replication)
    data = opened.about.data[record.name]
    rows = backend.explain(
        data, seed=record.seed, replication=record.replication, base=study / "inputs", pod=pod, until_s=last_s
    )
    document = {"pod": pod, "run": record.name, "replication": record.replication, "decisions": list(rows)}
    return Answer(document, "\n\n".join([f"{pod}, in {record.name}/{record.replication}", *map(_decision, rows)]))


def _with_pod(study: Study, pod: str, run: str | None, replication: int | None) -> tuple[Recorded, float]:
    """The first run, of those asked for, that decided about this pod; and when it did so for the last time, in s."""
    names = list(dict.fromkeys(record.name for record in study.records))
    if run is not None and run not in names:
        raise UserError(Problem(f"no run named {run!r}", hint=did_you_mean(run, names)))
    known: set[str] = set()
    ran = False
    for index, record in enumerate(study.records):
        if run in (None, record.name) and replication in (None, record.replication):
            made = study[index].table("decisions")
            times = made["time_s"].filter(made["pod"] == pod)
            if len(times):
                return record, float(times.to_numpy().max())
            known |= set(made["pod"].unique())
            ran = ran or pod in study[index].table("pods")["pod"]
    if ran:
        hint = "it was there from the beginning, or its orchestrator has no scheduler"
        raise UserError(Problem(f"no placement policy was asked about the pod {pod!r}", hint=hint))
    raise UserError(Problem(f"nobody decided about a pod named {pod!r}", hint=did_you_mean(pod, known, "pods are")))


def _decision(row: dict[str, Any]) -> str:
    said = f"{row['time_s']:g} s, attempt {row['attempt']}: {row['decision']}"
    if row.get("node"):
        said += f" to {row['node']}"
    nodes = row.get("nodes") or ()
    columns = list(dict.fromkeys(key for node in nodes for key in node))
    return f"{said}\n{table(nodes, columns)}" if nodes else said
