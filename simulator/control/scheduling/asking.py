"""How a loop asks its policy: within its time, and with an error of the policy told like those of placement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.control.scheduling.decision import fault_in
from simulator.control.scheduling.watchdog import Overtime, limited
from simulator.engine.clock import Clock
from simulator.errors import RunFailed
from simulator.record.buffer import Recorder
from simulator.units import seconds


class Asker:
    """Lets only sound answers through. `stops`: a policy error ends the run. `limit_s` is of the wall clock."""

    __slots__ = ("_clock", "_limit_s", "_recorder", "_stops")

    def __init__(self, clock: Clock, recorder: Recorder, *, stops: bool, limit_s: float) -> None:
        self._clock, self._recorder, self._stops, self._limit_s = clock, recorder, stops, limit_s

    def ask(
        self, subject: str, fault_of: Callable[[Any], str], decide: Callable[..., Any], *ask: Any, attempt: int = 0,
        at: int | None = None,
    ) -> Any:  # fmt: skip
        """What `decide` answers, if `fault_of` finds nothing wrong with it; None in its place. Raises RunFailed for a
        policy that hangs, and for any error of it where that is to stop the run. `at`: when, if not now (ns)."""
        try:
            answer = limited(self._limit_s, decide, *ask)
            fault = fault_of(answer)
        except Overtime:
            said = f"the policy took over {self._limit_s:g} s of wall clock to decide about {subject}"
            raise RunFailed(said) from None
        except RunFailed:
            raise
        except (Exception, SystemExit) as error:
            fault = fault_in(error)
        if not fault:
            return answer
        now = self._clock.now if at is None else at
        self._recorder.decisions.add(now, subject, "policy_error", "", attempt, 0, 0)
        self._recorder.events.add(now, "PolicyError", subject, "", fault)
        if self._stops:
            raise RunFailed(f"policy error at {seconds(now):g} s, {subject}: {fault}")
        return None
