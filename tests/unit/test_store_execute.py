"""Executors give the same study; what goes wrong in a worker becomes a plain sentence."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import study_standin as standin
from simulator.errors import NotOffered, RunFailed, UserError
from simulator.study import pool
from simulator.study.execute import conduct
from simulator.study.plain import to_json
from simulator.study.plan import Point
from simulator.study.progress import Progress
from simulator.study.run_folder import table_bytes
from simulator.study.store import open_run
from simulator.study.study import Study
from simulator.units import HOUR, SECOND


def make(plan=None, **how: Any) -> Study:
    plan = plan or standin.plan()
    how = {"simulate": standin.simulate, "executor": "serial", **how}
    return conduct(plan, standin.about(plan), Path(), **how)


def essence(study: Study) -> list[Any]:
    tables = [{name: table_bytes(frame) for name, frame in run.tables.items()} for run in study]
    return [to_json(study.document()), tables, [run.name for run in study]]


@pytest.mark.parametrize(
    "how",
    [
        {"executor": "process", "workers": 2},
        {"executor": "study_standin:two_threads"},
        {"executor": f"{Path(standin.__file__)}:two_threads"},
    ],
    ids=["process", "module", "file"],
)
def test_results_do_not_depend_on_the_executor(how: dict[str, Any]) -> None:
    assert essence(make(**how)) == essence(make())


def test_a_failed_run_does_not_stop_the_others(tmp_path: Path) -> None:
    with pytest.raises(RunFailed) as caught:
        make(standin.plan(fails=1), out=tmp_path / "out")
    text = str(caught.value)
    assert text.startswith("2 of 6 runs failed (rate=100/1, rate=200/1); what finished is in ")
    assert text.endswith(": the policy hangs")
    study = open_run(tmp_path / "out")
    assert [run.replication for run in study.records] == [0, 2, 0, 2]
    assert not (tmp_path / "out/runs/rate=100/1").exists()


def test_a_mistake_of_ours_is_one_sentence_with_the_trace_as_a_note() -> None:
    with pytest.raises(RunFailed, match="ZeroDivisionError: a mistake of ours") as caught:
        make(standin.plan(bug=2))
    assert "\n" not in str(caught.value)
    assert "study_standin.py" in caught.value.__notes__[0]


def test_wrong_input_stops_everything() -> None:
    asked = []

    def simulate(data: dict[str, Any], **job: Any) -> Any:
        asked.append(job["replication"])
        return standin.simulate(data, **job)

    with pytest.raises(UserError) as caught:
        make(standin.plan(wrong=1), simulate=simulate)
    assert asked == [0, 1]
    assert (caught.value.problems[0].file, caught.value.problems[0].line) == ("x.yaml", 3)


def test_points_are_checked_before_anything_runs(tmp_path: Path) -> None:
    def check(point: Point) -> list[str]:
        scenario = point.data["scenario"]
        if scenario.get("wrong"):
            return standin.simulate(point.data, replication=scenario["wrong"])
        return [f"unused at {scenario['rate']}"]

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    with pytest.raises(UserError):
        make(standin.plan(wrong=1), check=check, simulate=never, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    study = make(check=check, out=tmp_path / "out")
    assert study.warnings == ("unused at 100", "unused at 200", "a warning")


def test_a_worker_that_dies_is_said_to_have_died() -> None:
    with pytest.raises(RunFailed, match="a worker process died"):
        make(standin.plan(dies=0, replications=1), executor="process", workers=1)


def test_what_cannot_be_sent_to_a_worker_is_a_failed_run() -> None:
    with pytest.raises(RunFailed, match=r"2 of 2 runs failed .*pickle"):
        make(standin.plan(replications=1), simulate=lambda *_, **__: None, executor="process", workers=1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("threads", "no executor named 'threads'"),
        ("no_such_module:factory", "cannot be imported"),
        ("study_standin:nothing", "cannot be imported"),
        ("study_standin:__doc__", "is no factory"),
        ("study_standin:not_an_executor", "gave a str, not a concurrent.futures.Executor"),
    ],
)
def test_an_executor_that_is_none_is_the_users_error(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(executor=name)


def test_dask_comes_later() -> None:
    with pytest.raises(NotOffered, match="dask: is not offered"):
        make(executor="dask:tcp://host:8786")


def test_few_short_runs_start_no_processes() -> None:
    assert pool.choose(None, 4, HOUR, None) == "serial"
    assert pool.choose(None, 5, HOUR, None) == "process"
    assert pool.choose(None, 4, 3 * HOUR, None) == "process"
    assert pool.choose(None, 1, 900 * HOUR, None) == "serial"
    assert pool.choose(None, 900, HOUR, 1) == "serial"
    assert pool.choose("process", 1, SECOND, 1) == "process"


def test_progress_is_told_within_runs_and_between_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10_000))
    monkeypatch.setattr("simulator.study.progress.perf_counter", lambda: float(next(ticks)))
    seen: list[Progress] = []
    make(out=tmp_path / "out", watch=seen.append)
    last = seen[-1]
    assert (last.done, last.total, last.share, last.eta_s) == (6, 6, 1.0, 0.0)
    assert last.simulated_s == last.simulated_total_s == 600.0
    assert last.events == 6 * 1000
    assert last.events_per_s == last.events / last.wall_s
    within = [p for p in seen if p.done == 0]
    assert [p.simulated_s for p in within][:10] == [10.0 * k for k in range(1, 11)]
    assert within[4].eta_s == pytest.approx(within[4].wall_s * 11)
    assert all(a.simulated_s <= b.simulated_s for a, b in pairwise(seen))
    # What need not run again counts as done.
    seen.clear()
    make(out=tmp_path / "out", resume=True, watch=seen.append)
    assert [p.done for p in seen] == [1, 2, 3, 4, 5, 6]


def test_the_pool_ends_at_once_when_its_user_does() -> None:
    waiting: list[Future[None]] = []

    def interrupted() -> None:
        with pool.executor("process", 1) as workshop:
            waiting.extend(workshop.submit(_sleep) for _ in range(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not wait(waiting, timeout=20).not_done


def _sleep() -> None:
    time.sleep(60)
