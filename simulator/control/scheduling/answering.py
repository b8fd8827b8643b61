"""Who answers an ask: a policy, held to its contract, and the orchestrator's default where it breaks it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from simulator.control.scheduling.decision import Ask, fault_in, fault_of
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.control.scheduling.watchdog import Overtime, limited
from simulator.engine.clock import Clock
from simulator.errors import RunFailed
from simulator.policy import Batch, Decision, Placement, Wait
from simulator.policy.api import PlacementFunction
from simulator.policy.reference import instantiate
from simulator.record.buffer import Recorder
from simulator.units import seconds

_WAIT: Final = Wait()
Policy = Placement | Batch | PlacementFunction
Left = Callable[[Ask], None]  # hears of each pod that is left waiting, since no node can take it


class Answerer:
    """Takes answers from `policy`, or from outside where there is none, and lets only sound decisions through."""

    __slots__ = ("_clock", "_fallback", "_left", "_place", "_recorder", "_settings", "batch")

    def __init__(self, clock: Clock, recorder: Recorder, policy: Policy | None, settings: SchedulerSettings) -> None:
        self._clock, self._recorder, self._settings = clock, recorder, settings
        self._fallback: Callable[..., Any] | None = None
        self._place: Callable[..., Any] | None = None
        self.batch: Batch | None = None  # the policy, if it takes all pods that are due at once
        self.set_policy(policy)

    def set_policy(self, policy: Policy | None, left: Left | None = None) -> None:
        """Who answers from now on; None: somebody outside, but of what no node can take, if `left` is to hear of it."""
        self._left = left
        self.batch = policy if isinstance(policy, Batch) else None
        self._place = policy.place if isinstance(policy, Placement) else None if isinstance(policy, Batch) else policy

    def answer(self, ask: Ask) -> Decision | None:
        """The policy's answer, or the default's in its place; None if somebody outside must answer.

        Raises RunFailed for a policy that hangs, and under `stop` for any policy error.
        """
        if self.batch is not None:
            return self.answer_all([ask])[0]
        if self._place is None:
            if self._left is None or ask.cycle.finds_any():
                return None
            self._left(ask)
            return _WAIT
        try:
            answer = self._asked(ask, self._place, ask.pod, ask.cluster)
        except RunFailed:
            raise
        except (Exception, SystemExit) as error:
            return self._instead(ask, fault_in(error))
        return self.checked(ask, answer)

    def answer_all(self, asks: Sequence[Ask]) -> list[Decision]:
        """The batch's answer to each ask, or the default's in its place. Raises as `answer` does."""
        assert self.batch is not None
        try:
            answers = self._asked(asks[0], self.batch.place_all, tuple(ask.pod for ask in asks), asks[0].cluster)
            if len(answers) != len(asks):
                raise ValueError(f"{len(answers)} answers for {len(asks)} pods")
        except RunFailed:
            raise
        except (Exception, SystemExit) as error:
            return [self._instead(ask, fault_in(error)) for ask in asks]
        return [self.checked(ask, answer) for ask, answer in zip(asks, answers, strict=True)]

    def _asked(self, ask: Ask, decide: Callable[..., Any], *args: Any) -> Any:
        limit_s = self._settings.answer_limit_s
        try:
            return limited(limit_s, decide, *args)
        except Overtime:
            raise RunFailed(f"the policy took over {limit_s:g} s of wall clock to place {ask.pod.name}") from None

    def checked(self, ask: Ask, answer: Any) -> Decision:
        """The answer, if it is a sound decision; the default's, if not. Raises as `answer` does."""
        fault = fault_of(answer, ask)
        if fault:
            return self._instead(ask, fault)
        decision: Decision = answer
        return decision

    def _instead(self, ask: Ask, fault: str) -> Decision:
        """Record a policy error, and decide by the orchestrator's own filters and scores, or stop the run."""
        now, cycle = self._clock.now, ask.cycle
        self._recorder.decisions.add(
            now, ask.pod.name, "policy_error", "", ask.pod.attempt, cycle.examined, cycle.found
        )  # fmt: skip
        self._recorder.events.add(now, "PolicyError", ask.pod.name, "", fault)
        if self._settings.on_policy_error == "stop":
            raise RunFailed(f"policy error at {seconds(now):g} s, pod {ask.pod.name}: {fault}")
        if self._fallback is None:
            self._fallback = instantiate("kube-default", {}, Path()).place
        ask.without_plugins()
        decision: Decision = self._fallback(ask.pod, ask.cluster)
        return decision
