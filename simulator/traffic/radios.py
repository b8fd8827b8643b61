"""How readings keep radios awake: each source is a run at its period, at the radio on its way.

A reading counts as traffic from when it would get there at the earliest. What has waited in a spool or a channel meets
the radio as it leaves, but counts as if it had not waited; a spool's connection wakes the radio as it opens.
"""

from __future__ import annotations

from simulator.errors import Problem, UserError
from simulator.physics.capacity import Traced
from simulator.traffic.buffers.gateway import Gateway
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.sources import Session, Source
from simulator.world.network import Network
from simulator.world.promotion import Promotion

# The radio, ns from a reading's creation until it gets there, ns to send it, and what follows a trace there.
_Run = tuple[Promotion, int, int, Traced | None]


class Radios:
    """The radios that sleep, as readings meet them. `any` is whether there are some."""

    __slots__ = ("_network", "_runs", "any")

    def __init__(self, network: Network) -> None:
        self._network = network
        self.any = any(network.radios)
        self._runs: dict[tuple[int, int], _Run] = {}  # by flow and identity of the source

    def follow(self, source: Source, flow: TelemetryFlow, now: int) -> None:
        """A source's readings go from now on where its sessions say. What is left at a place is no traffic."""
        if source.sensor.here is not source:
            return
        key, run = (source.flow, source.identity), self._run(source, flow)
        old = self._runs.get(key)
        if run == old:
            return
        if old is not None:
            old[0].end(key, now)
            del self._runs[key]
        if run is not None:
            radio, lead, sends, traced = self._runs[key] = run
            made = max(0, (now - source.base) // source.every + 1)
            radio.begin(key, source.base + made * source.every + lead, source.every, sends, traced)

    def _run(self, source: Source, flow: TelemetryFlow) -> _Run | None:
        session, hub = source.session, source.session.hub
        if session.steps is None:
            return None
        found = self._on(session, 0)
        if hub is not None:
            onward = hub.way(flow) if isinstance(hub, Gateway) else source.onward
            beyond = self._on(onward, session.delay_ns)
            if beyond and beyond[0][1] != session.delay_ns:
                what = "wait on their way, which leads to a radio that sleeps, but not at once"
                raise self._refused(flow, what, onward)
            found += beyond
        if len(found) > 1:
            raise self._refused(flow, "lead over two radios that sleep", session)
        return found[0] if found else None

    def _on(self, session: Session, lead: int) -> list[_Run]:
        """The radios on the way of a session that begins so long after a reading was made."""
        runs = list[_Run]()
        for i, step in enumerate(session.steps or ()):
            radio = session.radios[i] if session.radios else None
            if radio is not None:
                capacity = self._network.capacities[step[0]]
                runs.append((radio, lead, step[1], None if capacity is None else (capacity, step[5])))
            lead += step[1] + step[2] - (session.odd[i][0] if session.odd else 0)
        return runs

    def _refused(self, flow: TelemetryFlow, what: str, session: Session) -> UserError:
        hop = next(
            step[0] for step, radio in zip(session.steps or (), session.radios, strict=True) if radio is not None
        )
        link = self._network.links[hop >> 1]
        hint = f"let it be awake: facts.links.{link.model}.promotion.delay: 0s" if link.model else ""
        return UserError(Problem(f"readings of {flow.name} {what}: link {link.name}", hint=hint))
