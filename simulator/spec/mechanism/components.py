"""What is installed on which machine, and what it takes there.

`ram` is gone from what pods may use. `cpu` is for the reader: what is used idle, which takes nothing from pods here.
Node agents reserve none of it (kube-reserved and system-reserved are empty), so schedulers do not count it; and starts
in the catalogue were measured on machines on which these processes ran already.
"""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Count, Millicores, Ns, Part, Period, Rate, Ratio, Some, Words


class Minimum(Part):
    """The smallest machine that the component's makers support."""

    ram: Bytes
    cores: Some | None = None


class Datastore(Part):
    """Where the control plane keeps its objects: on one machine, in a group that elects a leader, or elsewhere."""

    kind: Literal["sqlite", "raft", "external"]
    quorum: Literal["one", "majority"]  # of the control plane's machines, without which the API is gone
    heartbeat: Period | None  # of a Raft leader
    election: Period | None  # a follower campaigns U(1, 2) times this after the leader's last heartbeat
    least_servers: Some
    most_servers: Some | None


class Station(Part):
    """What nodes send waits for one of `workers`, each busy with a message for `service`; first come, first served.

    A station adds the waiting only: what a write takes at a hub that has nothing else to do is `write_latency`.
    """

    workers: Some
    service: Period
    queue: Some | None = None  # messages that can wait; senders of others are held back
    qps: Rate | None = None  # of the calls that the workers make
    burst: Some | None = None
    heartbeat: Ratio  # of a message's service, that a heartbeat takes: 0 where other workers deal with it
    overtakes: Count | None = None  # messages sorted out for their workers, which such a heartbeat need not wait for


class Server(Part):
    """What runs on the control plane's machines, and what it takes there."""

    kind: Literal["server"]
    name: str
    on: Literal["control-plane"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words
    taints: Words  # key:effect, of machines whose role is control-plane
    station: Station | None = None  # where what nodes send waits; none: it never waits
    start: Ns | None = None  # from its machine's boot until it serves; none: at once
    datastore: Datastore | None = None  # none: the machine's power is all that counts

    @property
    def node_taints(self) -> list[tuple[str, str, str]]:
        """The taints as (key, value, effect)."""
        return [(key, "", effect) for key, _, effect in (text.rpartition(":") for text in self.taints)]


class NodeAgent(Part):
    """What runs on every node, and what it takes there."""

    kind: Literal["agent"]
    name: str
    on: Literal["every-node"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words
    start: Ns | None = None  # its own, once the container engine runs, until it can start pods; none: at once
    network: Ns | None = None  # after a reboot, from then until pods that are not static have a network; none: at once
    waits_for_server: bool = False  # whether it starts only once a server answers
