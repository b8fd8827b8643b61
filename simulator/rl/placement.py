"""Placement as an environment: one step is one answered ask of the scheduler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium import spaces

from simulator.control.api.objects import Pod
from simulator.control.scheduling.decision import Ask
from simulator.policy import Bind, Wait
from simulator.policy.observation import Eye, Observation
from simulator.policy.view import Bools
from simulator.rl.episodes import Episodes
from simulator.rl.practice import practice
from simulator.rl.reward import DEFAULT, Reward, Step, term
from simulator.rl.spaces import space
from simulator.spec.scenario import Scenario
from simulator.units import SECOND


class PlacementEnv(Episodes[Observation]):
    """Where does this pod go? An action is the row of a node.

    There is no action that waits: a pod that no node can take is left waiting, as kube-scheduler does, without a step,
    so every ask that is shown has a feasible node and `action_masks()` is exactly `cluster.feasible(pod)`. An action
    that the mask forbids leaves the pod waiting, too (the term `masked` of the reward counts it).

    `scenario`: one, or the file or shipped experiment that has it; without one, `practice()`. `fidelity` replaces the
    scenario's. `reward`: weights by name (`simulator.rl.reward`). `max_steps`: after so many steps the episode is cut
    off (truncated); it is over (terminated) when the scenario's time is, or when nothing is left to be asked before.
    At least 5,000 steps a CPU second with a hundred nodes: `littoral bench environment`.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path | None = None,
        *,
        reward: Mapping[str, float] = DEFAULT,
        fidelity: Literal["full", "scheduling"] | None = None,
        max_steps: int | None = None,
        render_mode: None = None,
    ) -> None:
        """Build the scenario once, to learn its nodes. Raises UserError for what is wrong with it, or with `reward`."""
        super().__init__(practice() if scenario is None else scenario, fidelity, max_steps, render_mode)
        self.nodes = self.simulation.most_nodes
        self.observation_space = space(self.nodes)
        self.action_space = spaces.Discrete(self.nodes)
        self._reward = Reward(reward)
        self._eye = Eye(self.nodes, still=self.scenario.fidelity == "scheduling")
        self._asks: Iterator[Ask] = iter(())
        self._ask: Ask | None = None
        self._mask: Bools = np.zeros(self.nodes, np.bool_)
        self._pending: dict[str, Pod] = {}  # by name, those that have been asked about and have no node
        self._waiting_cpu_m = self._waiting_ram_bytes = 0  # that they request
        self._withdrawn = 0  # pods, as the last ask has them
        self._then = self._spent = 0.0  # up to when what they spent pending is counted, and pod seconds since the step

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode at its first ask. Raises ValueError where the scenario asks nothing, or has other nodes with
        this seed."""
        self._begin(seed, options)
        if (found := self.simulation.most_nodes) != self.nodes:
            raise ValueError(f"seed {self._seed} makes {found} nodes, and the first had {self.nodes}")
        self._asks = self.simulation.decisions(left=self._left)
        self._ask = None
        self._pending.clear()
        self._waiting_cpu_m = self._waiting_ram_bytes = 0
        self._then, self._withdrawn = self.simulation.now_s, 0
        self._go_on()
        if self._ask is None:
            raise ValueError("the scenario asks for no placement")
        return self._seen(self._ask), self._info()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Answer, and go on to the next ask. Raises ValueError for an action that is no row, or with nothing asked."""
        ask, row = self._ask, int(action)
        if ask is None:
            raise ValueError("nothing is asked: reset first")
        if not 0 <= row < self.nodes:
            raise ValueError(f"{row} is no row of {self.nodes} nodes")
        placed = bool(self._mask[row])
        pod = ask.pod
        if placed:
            self._waits_no_more(pod.name)
            self.simulation.answer(ask, Bind(row))
        else:
            self._waits(ask)
            self.simulation.answer(ask, Wait())
        pending_pod_s = self._go_on()
        self._steps += 1
        over = self._ask is None
        reward = self._reward.of(term, Step(placed, not placed, pod.waiting_s, pending_pod_s), ask.cluster)
        info = self._info()
        if over and self._reward.metrics:
            info["metrics"] = dict(self.simulation.finish().summary)
            reward += self._reward.at_end(info["metrics"])
        return self._seen(ask), reward, over, not over and self._steps == self._most, info

    def action_masks(self) -> Bools:
        """Which rows the pod that is asked about may be bound to: `cluster.feasible`, as the ask has it."""
        return self._mask

    @property
    def ask(self) -> Ask | None:
        """What is asked, with the `ClusterView` that a policy would see; None once nothing is."""
        return self._ask

    def _go_on(self) -> float:
        """Run to the next ask with a feasible node, if one comes; the pod seconds that were spent pending."""
        self._spent = 0.0
        self._ask = ask = next(self._asks, None)
        self._pass_time()
        if ask is None or ask.withdrawn != self._withdrawn:
            self._forget_the_gone()
            self._withdrawn = 0 if ask is None else ask.withdrawn
        if ask is None:
            self._mask = np.zeros(self.nodes, np.bool_)
        elif len(mask := ask.feasible()) == self.nodes:
            self._mask = mask
        else:
            self._mask = np.concatenate((mask, np.zeros(self.nodes - len(mask), np.bool_)))
        return self._spent

    def _left(self, ask: Ask) -> None:
        """No node can take this pod now."""
        self._pass_time()
        self._waits(ask)

    def _pass_time(self) -> None:
        now = self.simulation.now_s
        self._spent += len(self._pending) * (now - self._then)
        self._then = now

    def _forget_the_gone(self) -> None:
        """Who was deleted since the last step, or bound without being asked about, has waited no more since then."""
        for pod in [pod for pod in self._pending.values() if pod.node or pod.deletion_ns]:
            ended = pod.scheduled_ns if pod.node else pod.deletion_ns
            assert ended is not None
            self._spent -= self._then - ended / SECOND
            self._waits_no_more(pod.name)

    def _seen(self, last: Ask) -> Observation:
        """What is asked; once nothing is, the nodes as the last ask's view still shows them."""
        ask = self._ask
        seen = self._eye.see(last.cluster, None) if ask is None else self._eye.see(ask.cluster, ask.pod)
        left_s = self.simulation.duration_ns / SECOND - self.simulation.now_s
        seen["queue"] = self._eye.queue(len(self._pending), self._waiting_cpu_m, self._waiting_ram_bytes, left_s)
        return seen

    def _waits(self, ask: Ask) -> None:
        pod = ask.item.pod
        if pod.name not in self._pending:
            self._pending[pod.name] = pod
            self._waiting_cpu_m += pod.template.cpu_m
            self._waiting_ram_bytes += pod.template.ram_bytes

    def _waits_no_more(self, name: str) -> None:
        pod = self._pending.pop(name, None)
        if pod is not None:
            self._waiting_cpu_m -= pod.template.cpu_m
            self._waiting_ram_bytes -= pod.template.ram_bytes

    def _info(self) -> dict[str, Any]:
        pod = "" if self._ask is None else self._ask.pod.name
        return {"time_s": self.simulation.now_s, "pod": pod, "pending": len(self._pending)}
