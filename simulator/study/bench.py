"""Benchmarks: experiments of `experiments/bench/`, each measured alone in a fresh process.

`python -m simulator.study.bench NAME` measures one and prints its rows; `run_bench` does this for many and holds the
rows against the files' `expect:` blocks. Times are CPU seconds of the measuring process; nothing here is simulated.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, RunFailed, UserError
from simulator.study import backend
from simulator.study.execute import plan_of
from simulator.study.expect import verdict
from simulator.study.plain import to_json
from simulator.study.plan import Plan

if TYPE_CHECKING:
    from simulator.spec import Expectation

FOLDER = "bench/"
FIRST = ("stream", "loop", "placement", "demo")  # in this order; the others follow by name
FIRST_ROWS = ("stream-100s", "stream-10000s", "loop", "placement", "demo")
TIMEOUT_S = 3600
KEYS = ("name", "value", "unit", "goal", "met", "peer", "peer_value", "ratio", "quoted", "peak_rss_mb")


def bench_names(wanted: Sequence[str] = ()) -> list[str]:
    """The benchmarks in their order: all that ship, or those named. Raises UserError for a name that is none."""
    from simulator.spec import experiment_names  # noqa: PLC0415  # pydantic

    shipped = [name.removeprefix(FOLDER) for name in experiment_names() if name.startswith(FOLDER)]
    shipped.sort(key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
    chosen = [name.removeprefix(FOLDER) for name in wanted]
    if unknown := [name for name in chosen if name not in shipped]:
        hint = f"one of {', '.join(shipped)}" if shipped else "none ships with this version"
        raise UserError([Problem(f"no benchmark named {name!r}", hint=hint) for name in unknown])
    return [name for name in shipped if name in chosen or not chosen]


def run_bench(names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The rows of `bench --json`, with `verdict` and `recorded`. Raises UserError, or RunFailed with what was said."""
    rows: list[dict[str, Any]] = []
    for name in bench_names(names):
        expectations = backend.load(FOLDER + name, metrics=False).expect
        rows += judged(_measured_apart(name), expectations)
    return sorted(rows, key=lambda row: (*FIRST_ROWS, row["name"]).index(row["name"]))


def judged(rows: Sequence[Mapping[str, Any]], expectations: Sequence[Expectation]) -> list[dict[str, Any]]:
    """Measured rows with goals, verdicts and quoted peers from the file.

    An expectation is of a row by its name, or of another number in it: `stream-100s.ratio`, `loop.peak_rss_mb`. It
    is met by a value in its band, and by one that reaches its `goal`: at least that for rates (`…/CPU s`), at most
    that for times and sizes. One with `peer` and `value` quotes what was published of a peer. Raises UserError for one
    of a row that is not there; a benchmark without any lacks an extra.
    """
    out, names = [], [str(row["name"]) for row in rows]
    for expectation in expectations if rows else ():
        if (name := expectation.metric.partition(".")[0]) not in names:
            raise UserError(Problem(f"no row of the benchmark is named {name}", hint=f"rows are {', '.join(names)}"))
    for measured in rows:
        row: dict[str, Any] = {**dict.fromkeys(KEYS), "quoted": False, **measured}
        row["verdict"] = row["recorded"] = "within"
        for expectation in expectations:
            name, _, key = expectation.metric.partition(".")
            if name != row["name"]:
                continue
            if expectation.peer is not None and expectation.value is not None:
                row["peer"], row["peer_value"], row["quoted"] = expectation.peer, expectation.value, True
                row["ratio"] = row["value"] / expectation.value if expectation.value else None
                continue
            value, said = row[key or "value"], verdict(expectation, row[key or "value"])
            if expectation.goal is not None:
                rate = key == "ratio" or (not key and str(row["unit"]).endswith("/CPU s"))
                reached = value >= expectation.goal if rate else value <= expectation.goal
                said = said if reached or said == "kept back" else "refuted"
            if not key:
                row["goal"] = next(
                    (g for g in (expectation.goal, expectation.min, expectation.max) if g is not None), None
                )
            row["met"] = row["met"] is not False and said == "within"
            row["recorded"] = expectation.verdict if expectation.verdict != "within" else row["recorded"]
            row["verdict"] = said if said != "within" else row["verdict"]
        out.append(row)
    return out


def _measured_apart(name: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "simulator.study.bench", name]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise RunFailed(f"the benchmark {name} took longer than {TIMEOUT_S} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        failed = RunFailed(f"the benchmark {name} failed: {said[-1]}")
        failed.add_note(done.stderr)
        raise failed
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def measure(name: str) -> list[dict[str, Any]]:
    """Measure one benchmark in this process, by its driver if it has one, else by its experiment's own runs."""
    experiment = backend.load(FOLDER + name, metrics=False)
    plan, base = plan_of(experiment), experiment.scenario.folder
    driver = backend.bench_drivers().get(name)
    rows = list(driver(plan.points[0].data, base)) if driver is not None else _own_runs(name, plan, base)
    return [{"peak_rss_mb": peak_rss_mb(), **row} for row in rows]


def _own_runs(name: str, plan: Plan, base: Path) -> list[dict[str, Any]]:
    """CPU seconds of each point's first replication, on average; and of everything before."""
    start = process_time()
    spent = []
    for point in plan.points:
        begun = process_time()
        backend.simulate(
            point.data,
            seed=plan.seed,
            replication=0,
            base=base,
            name=point.name,
            axes=point.axes,
            case=point.case,
            options={"exact_events": False, "progress": None},
        )
        spent.append(process_time() - begun)
    return [
        {"name": name, "value": sum(spent) / len(spent), "unit": "CPU s/run"},
        {"name": f"{name}-start", "value": start, "unit": "CPU s"},
    ]


def peak_rss_mb() -> float:
    """The most memory that this process ever held, in MB. The kernel's own high-water mark of this address space:
    `getrusage` on Linux starts from that of the process that started us."""
    try:
        for line in Path("/proc/self/status").read_text("ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except (OSError, ValueError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


if __name__ == "__main__":
    sys.stdout.write(to_json(measure(sys.argv[1])))
