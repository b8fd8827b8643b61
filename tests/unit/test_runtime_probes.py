"""Computed probe verdicts against a worker that really probes, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelets import container
from simulator.engine.clock import Clock
from simulator.runtime.probes import Health, ProbeRun
from simulator.units import MS, SECOND
from simulator.world.pod import Probe


@dataclass
class Change:
    at: int
    ok: bool
    hangs: bool


def probed(probe: Probe, origin: int, begin: int, changes: list[Change], until: int) -> list[tuple[int, bool]]:
    """The independent implementation: one probe after another. A probe that hangs fails after its time-out, unless
    the process answers before; one that finds nobody listening fails at once."""
    verdict, last, row, out = True, None, 0, []
    tick = origin
    while tick < begin + probe.initial_delay_ns:
        tick += probe.period_ns
    while tick <= until:
        state = [c for c in changes if c.at <= tick][-1]
        known = tick
        while state.hangs and known == tick:  # a probe that waits sees what comes within its time-out
            later = [c for c in changes if tick < c.at < tick + probe.timeout_ns and c.at > state.at]
            if not later:
                known = tick + probe.timeout_ns
                break
            state = later[0]
            if not state.hangs:
                known = state.at
        if known > until:
            break
        row = row + 1 if state.ok == last else 1
        last = state.ok
        if row >= (probe.success_threshold if last else probe.failure_threshold) and verdict != last:
            verdict = last
            out.append((known, verdict))
        tick += probe.period_ns
    return out


@st.composite
def histories(draw: st.DrawFn) -> tuple[Probe, int, list[Change]]:
    probe = Probe(
        period_ns=draw(st.integers(2, 12)) * SECOND,
        timeout_ns=draw(st.integers(1, 2)) * SECOND,
        initial_delay_ns=draw(st.integers(0, 15)) * SECOND,
        success_threshold=draw(st.integers(1, 3)),
        failure_threshold=draw(st.integers(1, 4)),
    )
    origin = draw(st.integers(0, 9_999)) * MS
    gaps = draw(st.lists(st.integers(1, 40_000), min_size=0, max_size=8))
    changes, at = [Change(0, True, False)], 0
    for gap in gaps:
        at += gap * MS + 1  # off the ticks' grid: at the very tick both orders are right
        kind = draw(st.sampled_from(["ok", "refused", "hangs"]))
        changes.append(Change(at, kind == "ok", kind == "hangs"))
    return probe, origin, changes


@given(histories())
@settings(max_examples=300, deadline=None)
def test_verdicts_change_when_a_real_worker_would_change_them(history: tuple[Probe, int, list[Change]]) -> None:
    probe, origin, changes = history
    clock, seen = Clock(), []
    run = ProbeRun(clock, probe, origin, True, lambda verdict: seen.append((clock.now, verdict)))
    clock.at(0, run.begin, 0, True, False)
    for change in changes[1:]:
        clock.at(change.at, run.find, change.ok, change.hangs)
    clock.run(400 * SECOND)
    assert seen == probed(probe, origin, 0, changes, 400 * SECOND)


def test_a_healthy_probe_costs_no_event() -> None:
    clock = Clock()
    run = ProbeRun(clock, Probe(), 0, True, lambda verdict: None)
    run.begin(0, True, False)
    clock.run(3600 * SECOND)
    assert clock.fired == 0


def health(clock: Clock, **probes: Probe) -> tuple[Health, list[tuple[str, int]]]:
    log: list[tuple[str, int]] = []
    made = Health(
        clock,
        container(**probes),
        lambda kind, probe: 0,
        lambda: log.append(("ready" if made.ready else "unready", clock.now)),
        lambda kind: log.append((kind, clock.now)),
    )
    return made, log


def test_startup_probe_holds_the_others_back() -> None:
    clock = Clock()
    made, log = health(clock, startup=Probe(failure_threshold=30), liveness=Probe(), readiness=Probe())
    made.begin(0)
    clock.at(95 * SECOND, made.answers, True)
    clock.run(200 * SECOND)
    # Nothing failed in 95 s without an answer; readiness is probed as soon as the startup probe has succeeded.
    assert set(log) == {("ready", 100 * SECOND)}


def test_startup_probe_that_fails_kills_once() -> None:
    clock = Clock()
    made, log = health(clock, startup=Probe(failure_threshold=3), liveness=Probe())
    made.begin(0)
    clock.run(500 * SECOND)
    assert log == [("startup", 20 * SECOND)]  # refused at 0, 10 and 20 s


@pytest.mark.parametrize(("delay_s", "ready_s"), [(0, 3), (2, 10), (25, 30)])
def test_readiness_is_probed_when_running_is_seen_and_then_at_its_ticks(delay_s: int, ready_s: int) -> None:
    clock = Clock()
    made, log = health(clock, readiness=Probe(initial_delay_ns=delay_s * SECOND))
    made.answers(True)
    clock.at(3 * SECOND, made.begin, 2 * SECOND)
    clock.run(60 * SECOND)
    assert log == [("ready", ready_s * SECOND)]


def test_a_new_process_answers_again() -> None:
    clock = Clock()
    made, log = health(clock, liveness=Probe())
    made.answers(True)
    made.begin(0)
    clock.at(5 * SECOND, made.hang, "liveness", True)
    clock.at(32 * SECOND, made.stop)
    clock.at(33 * SECOND, made.answers, True)
    clock.at(34 * SECOND, made.begin, 33 * SECOND)
    clock.run(300 * SECOND)
    assert log == [("liveness", 31 * SECOND)]
