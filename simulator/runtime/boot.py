"""A node comes up in stages: power, operating system, container engine, agent, pods.

The first two are the machine's (`simulator.faults.power`); what follows runs on it. Each stage leaves an event:
Booting, NodeBooted, EngineStarted, AgentStarted.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Timer
from simulator.runtime.host import Host


class Boot:
    """What starts on one machine once its operating system is up. Times in ns; a stage of no length takes no event.

    `engine` is called when the container engine runs, `agent` when the agent does. An agent that waits for its server
    starts only once `reached` has called back: that is how it is told that the server answers.
    """

    __slots__ = ("_agent", "_engine", "_engine_ns", "_host", "_power", "_timer", "reached")

    def __init__(self, host: Host, engine_ns: int, *, engine: Callable[[], None], agent: Callable[[], None]) -> None:
        self._host = host
        self._engine_ns = engine_ns
        self._engine = engine
        self._agent = agent
        self._timer: Timer | None = None
        self._power = 0  # counts power cuts: what was waited for before one is not waited for any more
        self.reached: Callable[[Callable[[], None]], None] | None = None

    def begin(self) -> None:
        """The operating system is up."""
        self._next(self._engine_ns, self._engine_up)

    def cut(self) -> None:
        """Power is gone."""
        self._power += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _engine_up(self) -> None:
        self._host.note("EngineStarted", self._host.name)
        self._engine()
        if self._host.settings.waits_for_server and self.reached is not None:
            power = self._power
            self.reached(lambda: self._server_answers(power))
        else:
            self._start_agent()

    def _server_answers(self, power: int) -> None:
        if power == self._power:
            self._start_agent()

    def _start_agent(self) -> None:
        self._next(self._host.settings.start_ns, self._agent_up)

    def _agent_up(self) -> None:
        self._host.note("AgentStarted", self._host.name)
        self._agent()

    def _next(self, after_ns: int, stage: Callable[[], None]) -> None:
        if after_ns:
            self._timer = self._host.clock.after(after_ns, stage)
        else:
            stage()
