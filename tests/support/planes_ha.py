"""Control planes of several machines around a switch, for tests of what happens when machines are lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.control.api.datastore import Datastore, DatastoreSettings
from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import Reach
from simulator.control.liveness.leader import LeaderSettings, Leadership
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable

LEADER = LeaderSettings(15 * SECOND, 10 * SECOND, 2 * SECOND, 1.2)


@dataclass
class Plane:
    """Machines 0 to n − 1 are the control plane, n is an agent's, n + 1 the switch that joins them."""

    clock: Clock
    recorder: Recorder
    network: Network
    server: ApiServer
    reach: Reach
    store: Datastore
    manager: Leadership
    ups: list[tuple[float, bool]] = field(default_factory=list)  # when the API began and ceased to answer
    moves: list[tuple[float, int]] = field(default_factory=list)  # what agents were told: when, which machine

    def at(self, seconds: float, machine: int, up: bool) -> None:
        """A machine loses power, or has it again."""
        self.clock.at(round(seconds * SECOND), self.network.set_node, machine, up)

    def run(self, seconds: float) -> None:
        self.clock.run(round(seconds * SECOND))

    def back(self, after: float = 0.0) -> float:
        """When the API answered again first after this; NaN: never."""
        return next((t for t, up in self.ups if up and t > after), float("nan"))

    def elected(self) -> list[tuple[float, str]]:
        """(seconds, machine) of each new leader of the datastore."""
        rows = self.recorder.events.frame().to_dicts()
        return [(r["time_s"], r["node"]) for r in rows if r["subject"] == "datastore"]


def plane(settings: DatastoreSettings, machines: int = 3, seed: int = 0, clock: Clock | None = None) -> Plane:
    """A control plane with its agent; several may share a clock."""
    clock, recorder, rng = clock or Clock(), Recorder(), Rng(seed)
    names = [*(f"m{i}" for i in range(machines)), "agent", "switch"]
    nodes = NodeTable([_machine(name) for name in names])
    switch = len(names) - 1
    links = [LinkRow(f"l-{name}", i, switch, 1 * MS, 1e9, 1e9) for i, name in enumerate(names[:-1])]
    network = Network(clock, nodes, links, recorder, rng)
    server = ApiServer(clock, recorder, 50 * MS)
    reach = Reach(network, server, 0, [machines], 300)
    manager = Leadership(
        clock,
        rng,
        recorder,
        server,
        "controller-manager",
        settings=LeaderSettings(
            LEADER.lease_ns, LEADER.renew_deadline_ns, LEADER.retry_ns, LEADER.jitter, machines, machines > 1
        ),
        begin=lambda: None,
        end=lambda: None,
    )
    store = Datastore(
        clock,
        rng,
        recorder,
        nodes,
        network,
        server=server,
        reach=reach,
        machines=range(machines),
        settings=settings,
        hosted=[manager],
    )
    made = Plane(clock, recorder, network, server, reach, store, manager)
    server.up_hooks.append(lambda up: made.ups.append((clock.now / SECOND, up)))
    reach.tell(lambda _rows, _booted: made.moves.append((clock.now / SECOND, reach.api_node)))
    manager.start()
    return made


def _machine(name: str) -> NodeRow:
    return NodeRow(name, "test", "z", "worker", "linux/amd64", 4, 1.0, 8 << 30, 64 << 30, 1e9, 30 * SECOND)
