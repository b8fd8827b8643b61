"""What the request plane is told: how services behave, who asks for what, who sends readings. Plain, in base units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.physics.distributions import Distribution
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.units import SECOND
from simulator.world.message import Retransmission


@dataclass(frozen=True, slots=True)
class Call:
    """A request that a service makes while it serves one. `retries` are further tries after the first."""

    target: str  # service
    request_bytes: int
    response_bytes: int
    timeout_ns: int | None = None  # of each try; None: waits for ever
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a pod of one workload serves: its work, then its calls one after another, then the response.

    `work` is time (ns) on one reference core. `blocking` threads hold their worker while a call is under way,
    `async` ones give it back after the work.
    """

    work: Distribution
    workers: int = 1
    threads: Literal["blocking", "async"] = "blocking"
    calls: tuple[Call, ...] = ()

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError("a service needs a worker")


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent exponential gaps, drawn for each source by itself. `rate` in 1/s."""

    rate: float


@dataclass(frozen=True, slots=True)
class Every:
    """One request each `every_ns`, from a phase drawn for each source."""

    every_ns: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests at these times (ns, not decreasing), from each source."""

    times: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Closed:
    """Users who think (ns), ask, wait for the outcome, and think again; so many at each source."""

    users: int
    think: Distribution

    def __post_init__(self) -> None:
        if not self.think.mean > 0:
            raise ValueError("users must think for some time")


Arrivals = Poisson | Every | Trace | Closed


def mean_rate(arrivals: Arrivals) -> float:
    """Requests per second of one source, in the long run; of a trace up to its end, of users who never wait."""
    match arrivals:
        case Poisson(rate):
            return rate
        case Every(every_ns):
            return SECOND / every_ns
        case Trace(times):
            return len(times) * SECOND / max(1, int(times[-1])) if len(times) else 0.0
        case Closed(users, think):
            return users * SECOND / think.mean


@dataclass(frozen=True, slots=True)
class RequestFlow:
    """Requests from many sources to one service.

    `sources` are node indices (a node named twice is two sources); `proxies` says, source by source, the node
    whose programmed endpoints it uses.
    """

    name: str
    sources: tuple[int, ...]
    proxies: tuple[int, ...]
    target: str
    arrivals: Arrivals
    request_bytes: int
    response_bytes: int
    timeout_ns: int | None = None
    retries: int = 0

    def __post_init__(self) -> None:
        if not self.sources or len(self.sources) != len(self.proxies):
            raise ValueError("a flow needs sources, and one proxy for each")


@dataclass(frozen=True, slots=True)
class TelemetryFlow:
    """Readings of `size_bytes`, one each `every_ns` from each source, to a service or to one node.

    A source sends `copies` of them, one for each property that is reported by itself; `twin`: they are values of a
    device twin. `resent`: where something waits at the proxy's node (a channel to the cloud, or a spool), the source
    keeps what does not get to that node, and sends it again when there is a way.

    `spool`: the proxy's node (or, `kept_at` the device, the source itself) keeps what it cannot send on, and sends it
    with quality of service `qos`; `ack_bytes` is a packet of the protocol that carries no message. Where others share
    the spool, `importance` says who goes first.
    `targets`: these are commands, of one sender at `sources` (or of the service `sender`, which says where), each for
    the node beside it, whose `proxies` are those by which the targets enter the cluster. A spool is for one target.

    A `datagram` that is lost on a link is repeated as `repeats` says, or not at all; anything else by TCP.
    """

    name: str
    sources: tuple[int, ...]
    proxies: tuple[int, ...]
    target: str | int  # service, or index of the node
    every_ns: int
    size_bytes: int
    copies: int = 1
    twin: bool = False
    resent: bool = False
    spool: SpoolLaw | None = None
    kept_at: Literal["gateway", "device"] = "gateway"
    qos: int = 0
    ack_bytes: int = 0
    importance: int = 0
    datagram: bool = False
    repeats: Retransmission | None = None
    targets: tuple[int, ...] = ()
    sender: str | None = None

    def __post_init__(self) -> None:
        if not self.sources or len(self.sources) != len(self.proxies):
            raise ValueError("a flow needs sources, and one proxy for each")
        if self.targets and len(self.targets) != len(self.sources):
            raise ValueError("commands need a target for each source")
        if self.every_ns < 1:
            raise ValueError("readings need a period")
