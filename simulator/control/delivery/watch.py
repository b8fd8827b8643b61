"""Pods on their way to the node agents, and what the agents say of them on its way back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.channel import Channel, ChannelSettings
from simulator.control.delivery.desired import desired
from simulator.control.delivery.reach import OK, Reach
from simulator.control.delivery.reports import apply_node_status, apply_status
from simulator.engine.clock import Clock
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.streams import Rng
from simulator.world.network import Network


class Agent(Protocol):
    """What delivery asks of a node agent."""

    def admit(self, desired: DesiredPod) -> None:
        """Store and start a pod; nothing if it is stored already."""

    def remove(self, uid: int, grace_ns: int | None) -> None:
        """End a pod, then confirm; at once if it is not known."""

    def sync(self, desired: Sequence[DesiredPod]) -> None:
        """Take the full list: what is not in it ends."""

    def stored(self) -> Iterable[int]:
        """The uids that it knows."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """Sizes in bytes: of one pod object, and of one status report."""

    channel: ChannelSettings
    pod_bytes: int
    status_bytes: int


@dataclass(frozen=True, slots=True)
class _Listed:
    """A pod in a full list: what is wanted, whether it is being deleted, and the status that the server believes."""

    desired: DesiredPod
    deleting: bool
    grace_ns: int
    phase: str
    ready: bool


class WatchChannel(Channel):
    """One agent's watch of its pods, and its way to report (`runtime.Upstream`).

    `pods` is the server's watch cache of this node. What the server believes and what the agent said may differ,
    because somebody else wrote (NotReady while it was silent): the agent, on seeing this, says it again.
    """

    __slots__ = ("_agent", "_applied", "_bytes", "_names", "_node_object", "_said", "pods")

    lists = "pods"

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        network: Network,
        server: ApiServer,
        *,
        api_node: int,
        node: int,
        agent: Agent,
        node_object: Node,
        settings: WatchSettings,
    ) -> None:
        super().__init__(
            clock, rng, network, server,
            api_node=api_node, node=node, client="kubelet", node_name=node_object.name, settings=settings.channel,
        )  # fmt: skip
        self._agent = agent
        self._node_object = node_object
        self._bytes = settings
        self.pods: dict[int, Pod] = {}
        self._names: dict[int, str] = {}  # for the record: of every pod that was ever here
        self._applied: dict[int, PodStatus] = {}  # at the server: the agent's last report of each pod
        self._said: dict[int, PodStatus] = {}  # at the node: the same, as the agent remembers it

    # At the server: what its watch tells of this node's pods.
    def pod_event(self, event: str, pod: Pod) -> None:
        """A pod of this node has changed."""
        uid = pod.uid
        if event == "DELETED":
            self._applied.pop(uid, None)
            if self.pods.pop(uid, None) is not None:  # removed by somebody else than its agent
                self._push_pod(pod, self._agent.remove, uid, pod.template.grace_ns)
            return
        if pod.deleted:
            return
        if uid not in self.pods:
            self.file(pod)
            self._push_pod(pod, self._agent.admit, desired(pod))
        applied = self._applied.get(uid)
        if pod.deletion_ns is not None:
            self._push_pod(pod, self._agent.remove, uid, pod.template.grace_ns)
        elif applied is not None and (applied.phase, applied.ready) != (pod.phase, pod.ready):
            self._push_pod(pod, self._reconcile, uid, pod.phase, pod.ready)

    def file(self, pod: Pod) -> None:
        """The server's watch cache has this pod of this node from now on."""
        self.pods[pod.uid] = pod
        self._names[pod.uid] = pod.name

    def _push_pod(self, pod: Pod, call: Callable[..., object], *args: Any) -> None:
        self.push(pod.uid, self._bytes.pod_bytes, call, *args, kind="pod", about=pod.name)

    def snapshot(self) -> tuple[list[_Listed], int]:
        """Every pod of this node."""
        listed = [
            _Listed(
                desired(pod),
                pod.deletion_ns is not None,
                pod.template.grace_ns,
                pod.phase,
                pod.ready,
            )
            for uid, pod in self.pods.items()
            if not pod.deleted
        ]
        return listed, self._bytes.channel.request_bytes + self._bytes.pod_bytes * len(listed)

    # At the node.
    def listed(self, snapshot: list[_Listed]) -> None:
        """Hand the agent all that is wanted, then what is to end; repeat what the server does not believe."""
        known = set(self._agent.stored())
        self._agent.sync([each.desired for each in snapshot if not each.deleting or each.desired.uid in known])
        for each in snapshot:
            uid = each.desired.uid
            if each.deleting:
                self._agent.remove(uid, each.grace_ns)
            else:
                self._reconcile(uid, each.phase, each.ready)

    def forgotten(self) -> None:
        """Power is gone: the agent remembers no report."""
        self._said.clear()

    def _reconcile(self, uid: int, phase: str, ready: bool) -> None:
        said = self._said.get(uid)
        if said is not None and (said.phase, said.ready) != (phase, ready):
            self._post_status(uid, self._apply, uid, said)

    # At the node: what the agent says (runtime.Upstream).
    def status(self, uid: int, status: PodStatus) -> None:
        """Report a pod's status."""
        self._said[uid] = status
        self._post_status(uid, self._apply, uid, status)

    def gone(self, uid: int) -> None:
        """Confirm that a deleted pod has ended."""
        self._said.pop(uid, None)
        self._post_status(uid, self._confirm, uid)

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        """Report the node's conditions and images."""
        size, name = self._bytes.status_bytes, self._node_object.name
        self.post("node", size, self._apply_node, dict(conditions), dict(images), kind="node", about=name)

    def _post_status(self, uid: int, call: Callable[..., object], *args: Any) -> None:
        self.post(uid, self._bytes.status_bytes, call, *args, kind="status", about=self._names.get(uid, ""))

    # At the server.
    def _apply(self, uid: int, status: PodStatus) -> None:
        pod = self.pods.get(uid)
        if pod is None or pod.deleted:
            return
        self._applied[uid] = status
        apply_status(self._server, pod, status, self.clock.now)

    def _confirm(self, uid: int) -> None:
        pod = self.pods.get(uid)
        if pod is not None and pod.deletion_ns is not None:
            del self.pods[uid]
            self._server.remove(pod)

    def _apply_node(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        apply_node_status(self._server, self._node_object, conditions, images, self.clock.now)


class PodWatches:
    """The API server's side of all agents' watches: one subscription, one channel per node."""

    __slots__ = ("_api_node", "_by_node", "_by_row", "_clock", "_network", "_reach", "_rng", "_server", "_settings")

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        network: Network,
        server: ApiServer,
        reach: Reach,
        *,
        api_node: int,
        settings: WatchSettings,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._network = network
        self._server = server
        self._reach = reach
        self._api_node = api_node
        self._settings = settings
        self._by_node: dict[str, WatchChannel] = {}
        self._by_row: dict[int, WatchChannel] = {}
        server.watch(Pod, self._pod_changed)
        reach.tell(self._paths_changed)

    def attach(self, agent: Agent, node_object: Node, row: int) -> WatchChannel:
        """The channel of the agent on this node, whose row in `reach` this is."""
        channel = WatchChannel(
            self._clock,
            self._rng,
            self._network,
            self._server,
            api_node=self._api_node,
            node=self._reach.rows[row],
            agent=agent,
            node_object=node_object,
            settings=self._settings,
        )
        self._by_node[node_object.name] = self._by_row[row] = channel
        self._reach.keep(row, lambda: channel.stands)
        channel.closed = partial(self._reach.closed, row)
        if self._reach.state[row] != OK or self._reach.loss[row]:
            self._paths_changed([row], [row] if self._reach.state[row] != OK else [])
        return channel

    def file(self, pod: Pod) -> None:
        """A pod that is on its node already: the server's watch cache has it, and there is nothing to tell."""
        self._by_node[pod.node].file(pod)

    def _pod_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        channel = self._by_node.get(obj.node)
        if channel is not None:
            channel.pod_event(event, obj)

    def _paths_changed(self, rows: list[int], booted: list[int]) -> None:
        for row in rows:
            channel = self._by_row.get(row)
            if channel is not None:
                path, lossy = int(self._reach.state[row]), bool(self._reach.loss[row])
                channel.path_changed(path, lossy, row in booted, self._reach.api_node)
