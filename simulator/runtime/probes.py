"""Probes without an event per probe: the next change of a verdict is computed from phase, period and thresholds."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Clock, Timer
from simulator.runtime.ticks import next_tick
from simulator.world.pod import ContainerTemplate, Probe


class ProbeRun:
    """One probe of one container. It runs at origin, origin + period, …, once the container is old enough.

    `verdict` is what the agent acts on; it changes after `success_threshold` or `failure_threshold` equal results in
    a row (None: no verdict yet). A probe that hangs takes its time-out to fail; one that is refused fails at once.
    Model: kubernetes pkg/kubelet/prober/worker.go. A time-out longer than the period does not delay the next probe.
    """

    __slots__ = (
        "_active",
        "_changed",
        "_clock",
        "_hangs",
        "_initial",
        "_last",
        "_next",
        "_ok",
        "_origin",
        "_row",
        "_timer",
        "probe",
        "verdict",
    )

    def __init__(
        self, clock: Clock, probe: Probe, origin: int, initial: bool | None, changed: Callable[[bool], None]
    ) -> None:
        self._clock = clock
        self.probe = probe
        self._origin = origin
        self._initial = initial
        self._changed = changed
        self.verdict = initial
        self._active = False
        self._ok = False  # what a probe finds now
        self._hangs = False  # and whether it takes its time-out to find out
        self._last: bool | None = None  # the last result
        self._row = 0  # how many of it in a row
        self._next = 0  # time of the next probe
        self._timer: Timer | None = None

    def begin(self, started: int, ok: bool, hangs: bool) -> None:
        """Probe a container that started at `started`, from now on."""
        self.stop()
        self.verdict, self._last, self._row = self._initial, None, 0
        self._active, self._ok, self._hangs = True, ok, hangs
        first = max(self._clock.now, started + self.probe.initial_delay_ns)
        self._next = next_tick(self._origin, self.probe.period_ns, first)
        self._plan()

    def find(self, ok: bool, hangs: bool) -> None:
        """From now on probes find this."""
        if self._active and (ok, hangs) != (self._ok, self._hangs):
            self._settle()
            self._judge()
            if not self._active:
                return  # that verdict was the container's end
            self._ok, self._hangs = ok, hangs
            self._settle()  # a probe that was waiting for its answer has it now
            self._judge()

    def probe_now(self, started: int) -> None:
        """One probe out of turn, as the kubelet makes when it sees a container that runs and is not ready."""
        if self._active and self._ok and not self.verdict:
            now = self._clock.now
            if now >= started + self.probe.initial_delay_ns:
                self._settle()
                self._count(1)
                self._judge()

    def stop(self) -> None:
        """The container has ended, or is about to."""
        self._active = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _settle(self) -> None:
        """Count the probes whose results are known by now."""
        delay = self.probe.timeout_ns if self._hangs else 0
        passed = (self._clock.now - delay - self._next) // self.probe.period_ns + 1
        if passed > 0:
            self._next += passed * self.probe.period_ns
            self._count(passed)

    def _count(self, results: int) -> None:
        if self._last == self._ok:
            self._row += results
        else:
            self._last, self._row = self._ok, results

    def _plan(self) -> None:
        """Set the timer for the probe that will change the verdict, if any will."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._active or self._ok == self.verdict:
            return
        missing = max(1, self._wanted() - (self._row if self._last == self._ok else 0))
        delay = self.probe.timeout_ns if self._hangs else 0
        self._timer = self._clock.at(self._next + (missing - 1) * self.probe.period_ns + delay, self._fire)

    def _wanted(self) -> int:
        return self.probe.success_threshold if self._ok else self.probe.failure_threshold

    def _fire(self) -> None:
        self._settle()
        self._judge()

    def _judge(self) -> None:
        changed = self._last == self._ok != self.verdict and self._row >= self._wanted()
        if changed:
            self.verdict = self._ok
        self._plan()
        if changed:
            self._changed(self._ok)


class Health:
    """The probes of one container: startup holds liveness and readiness back.

    `origin(kind, probe)` says when the first probe of a kind would run.
    `ready_changed()` tells that `ready` may have changed; `failed(kind)` that its liveness or startup probe has failed
    and that it must be killed.
    """

    __slots__ = (
        "_answers",
        "_failed",
        "_hangs",
        "_liveness",
        "_readiness",
        "_ready_changed",
        "_started_ns",
        "_startup",
        "ready",
    )

    def __init__(
        self,
        clock: Clock,
        template: ContainerTemplate,
        origin: Callable[[str, Probe], int],
        ready_changed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._ready_changed = ready_changed
        self._failed = failed
        self._answers = False
        self._hangs: set[str] = set()
        self._started_ns = 0
        self.ready = False

        def run(
            kind: str, probe: Probe | None, initial: bool | None, changed: Callable[[bool], None]
        ) -> ProbeRun | None:
            return None if probe is None else ProbeRun(clock, probe, origin(kind, probe), initial, changed)

        self._startup = run("startup", template.startup, None, self._startup_changed)
        self._liveness = run("liveness", template.liveness, True, self._liveness_changed)
        self._readiness = run("readiness", template.readiness, False, self._readiness_changed)

    def begin(self, started: int) -> None:
        """The agent has seen that the container runs, since `started`."""
        self._started_ns = started
        if self._startup is not None:
            self._startup.begin(started, *self._finds("startup"))
        else:
            self._up()

    def answers(self, answers: bool) -> None:
        """The process begins, or stops, to listen."""
        self._answers = answers
        self._look()

    def hang(self, kind: str, on: bool) -> None:
        """The probe of this kind stops, or begins, to be answered."""
        (self._hangs.add if on else self._hangs.discard)(kind)
        self._look()

    def hold(self) -> None:
        """The container is being killed: nothing can fail it any more. Its readiness is probed to the end."""
        for probe in (self._startup, self._liveness):
            if probe is not None:
                probe.stop()

    def stop(self) -> None:
        """The container has ended; the next one begins afresh."""
        self.ready = False
        self._answers = False
        self._hangs.clear()
        self.hold()
        if self._readiness is not None:
            self._readiness.stop()

    def _finds(self, kind: str) -> tuple[bool, bool]:
        hangs = kind in self._hangs
        return self._answers and not hangs, hangs

    def _look(self) -> None:
        for kind, probe in (("startup", self._startup), ("liveness", self._liveness), ("readiness", self._readiness)):
            if probe is not None:
                probe.find(*self._finds(kind))

    def _up(self) -> None:
        """The startup probe, if there is one, has succeeded. kubelet probes readiness out of turn when it sees that."""
        if self._liveness is not None:
            self._liveness.begin(self._started_ns, *self._finds("liveness"))
        if self._readiness is None:
            self.ready = True
        else:
            self._readiness.begin(self._started_ns, *self._finds("readiness"))
            self._readiness.probe_now(self._started_ns)

    def _startup_changed(self, verdict: bool) -> None:
        if self._startup is not None:
            self._startup.stop()
        if verdict:
            self._up()
            self._ready_changed()
        else:
            self._failed("startup")

    def _liveness_changed(self, verdict: bool) -> None:
        if not verdict:
            self._failed("liveness")

    def _readiness_changed(self, verdict: bool) -> None:
        self.ready = verdict
        self._ready_changed()
