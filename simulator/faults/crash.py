"""A node loses power, and may boot again."""

from __future__ import annotations

from typing import Protocol

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.network import Network
from simulator.world.node import NodeTable


class PowerCycled(Protocol):
    """What lives on a node: a node agent."""

    def crash(self) -> None:
        """Power is gone, at this instant."""

    def boot(self) -> None:
        """The node has booted."""


def apply_crash(
    clock: Clock,
    network: Network,
    nodes: NodeTable,
    recorder: Recorder,
    node: int,
    *,
    at: int,
    reboot_after: int | None,
    agent: PowerCycled | None,
) -> None:
    """Take power from `node` at `at` (ns); `reboot_after` ns later (None: never) it is given back, and after the node's
    own boot time, of firmware and operating system, the node is up. `agent` is told of both; a router, say, has none.

    The network goes down before the agent is told of the crash, and comes up before it is told of the boot. A node
    that is down already cannot crash: then nothing happens, and the earlier crash decides when it boots.
    """
    name = nodes.names[node]

    def crash() -> None:
        if not network.is_up(node):
            return
        recorder.events.add(clock.now, "NodeCrashed", name, name, "")
        network.set_node(node, False)
        if agent is not None:
            agent.crash()
        if reboot_after is not None:
            clock.after(reboot_after, power)

    def power() -> None:
        recorder.events.add(clock.now, "Booting", name, name, "")
        clock.after(nodes.rows[node].boot_ns, boot)

    def boot() -> None:
        recorder.events.add(clock.now, "NodeBooted", name, name, "")
        network.set_node(node, True)
        if agent is not None:
            agent.boot()

    clock.at(at, crash)
