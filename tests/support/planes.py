"""A request plane on a small network, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from networks import node_row
from simulator.engine.clock import Clock
from simulator.physics.distributions import Constant, Distribution
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.traffic.flows import Arrivals, Behaviour, Call, RequestFlow
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeTable


class PlaneWorld:
    """n nodes with links, and a plane on it; pods are numbered as they come."""

    def __init__(
        self, n: int, links: Sequence[LinkRow], *, seed: int = 1, plane: Any = RequestPlane, tcp: Any = None,
        interval_ns: int = SECOND, sample: float = 1.0, **options: Any,
    ) -> None:  # fmt: skip
        self.clock, self.recorder, rng = Clock(), Recorder(), Rng(seed)
        self.nodes = NodeTable([node_row(f"n{i}") for i in range(n)])
        self.network = Network(self.clock, self.nodes, links, self.recorder, rng, retransmission=tcp)
        self.plane = plane(
            self.clock, rng, self.recorder, self.nodes, self.network, interval_ns=interval_ns, sample=sample,
            retransmission=tcp, **options,
        )  # fmt: skip
        self.services: dict[str, tuple[int, ...]] = {}

    def service(self, name: str, nodes: Sequence[int], work: Distribution | int = 0, **behaviour: Any) -> None:
        """A service with a pod on each of these nodes (uids 10, 11, … for the first, 20, … for the next), known to
        every node's proxy. `work` in ns if it is a number."""
        law = Constant(float(work)) if isinstance(work, int) else work
        self.plane.add_behaviour(name, Behaviour(law, **behaviour))
        first = 10 * (len(self.services) + 1)
        self.services[name] = tuple(range(first, first + len(nodes)))
        for uid, node in zip(self.services[name], nodes, strict=True):
            self.plane.pod_up(uid, name, node, 1.0)
        self.program(name, self.services[name])

    def program(self, name: str, pods: tuple[int, ...]) -> None:
        """Every proxy has these endpoints of a service from now on."""
        for proxy in range(len(self.nodes)):
            self.plane.program(proxy, name, pods)

    def flow(
        self, source: int | Sequence[int], target: str, arrivals: Arrivals, *, name: str = "f", **call: Any
    ) -> None:
        """Requests of 1000 bytes each way, unless said otherwise."""
        sources = (source,) if isinstance(source, int) else tuple(source)
        asked = Call(target, **({"request_bytes": 1000, "response_bytes": 1000} | call))
        self.plane.add_requests(
            RequestFlow(name, sources, sources, target, arrivals, asked.request_bytes, asked.response_bytes,
                        asked.timeout_ns, asked.retries)
        )  # fmt: skip

    def finish(self, until: int) -> None:
        """Let everything happen until then."""
        self.clock.run(until)
        self.plane.finish(until)

    def outcomes(self) -> list[tuple[str, int, int]]:
        """Of each request by the time it was issued: outcome, latency in ns (-1 while in flight), tries."""
        rows = self.recorder.requests.frame().select("outcome", "latency_s", "attempts").rows()
        return [(o, round(latency * SECOND) if o != "in-flight" else -1, tries) for o, latency, tries in rows]
