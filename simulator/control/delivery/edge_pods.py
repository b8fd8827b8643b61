"""Pods on their way to edge nodes through CloudCore, and what EdgeCore says of them on its way back."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.acked_push import AckedPush
from simulator.control.delivery.cloudcore import CloudCore
from simulator.control.delivery.deliveries import CHANGE, LOST, RESYNC, UP, Deliveries, Message
from simulator.control.delivery.desired import desired
from simulator.control.delivery.edge_store import EdgeStore, Taker
from simulator.control.delivery.ledger import Letter
from simulator.control.delivery.outbox import Reports
from simulator.control.delivery.reach import DOWN, Reach
from simulator.control.delivery.reports import apply_node_status, apply_status
from simulator.control.delivery.session import Session
from simulator.control.delivery.watch import Agent
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.streams import Rng
from simulator.streams import key as identity


@dataclass(frozen=True, slots=True)
class EdgePodSettings:
    """Sizes in bytes of a pod object and of a status report; `write_ns` is one write to the database on the node,
    `flush_ns` the period of the loop that posts what could not be posted. `restores`: an EdgeCore that starts while it
    is cut off acts upon its database; else only once it is connected."""

    pod_bytes: int
    status_bytes: int
    write_ns: int
    flush_ns: int
    restores: bool


@dataclass(frozen=True, slots=True)
class _PodContent:
    """A pod as EdgeCore is told of it: what is wanted, whether it is being deleted, and what the server believes."""

    desired: DesiredPod
    deleting: bool
    phase: str
    ready: bool


class EdgeNode:
    """One node's two ends: EdgeCore with its database, and what CloudCore applies of its reports (`runtime.Upstream`).

    While offline it keeps the latest report of each pod, in memory; a loop posts them once it is connected again.
    """

    __slots__ = ("_agent", "_clock", "_flush_timer", "_kept", "_node_object", "_phase", "_said", "_server", "_session",
                 "_settings", "_unrestored", "pods", "store", "takers")  # fmt: skip

    def __init__(self, pods: EdgePods, session: Session, agent: Agent, node_object: Node) -> None:
        self._clock = pods.clock
        self._server = pods.server
        self._settings = settings = pods.settings
        self._session = session
        self._agent = agent
        self._node_object = node_object
        self.pods: dict[int, Pod] = {}  # at the cloud: the pods of this node
        self.takers: dict[str, Taker] = {"pod": self._take}
        self.store = EdgeStore(pods.clock, settings.write_ns, self.takers)
        self._said: dict[int, PodStatus] = {}
        self._kept = Reports(
            Deliveries(pods.clock, pods.recorder, session.name),
            session.send_up,
            server=pods.server,
            hub=pods.core,
            sender=identity(session.name),
        )
        self._phase = round(settings.flush_ns * pods.rng.draw("post-phase", identity(f"edged/{session.name}")))
        self._flush_timer: Timer | None = None
        self._unrestored = False
        session.hooks.append(self._session_changed)
        pods.server.up_hooks.append(self._server_changed)

    # At the edge: what comes down.

    def _take(self, letter: Letter) -> None:
        content: _PodContent = letter.content
        uid = content.desired.uid
        if letter.delete or content.deleting:
            if content.deleting or uid in set(self._agent.stored()):
                self._agent.remove(uid, content.desired.template.grace_ns)
            return
        self._agent.admit(content.desired)
        said = self._said.get(uid)
        if said is not None and (said.phase, said.ready) != (content.phase, content.ready):
            self.status(uid, said)

    def power_lost(self) -> None:
        """What was in memory is gone."""
        self.store.cut_off()
        self._said.clear()
        self._kept.give_up(LOST)
        self._cancel_flush()

    def started(self) -> None:
        """EdgeCore runs again."""
        if self._settings.restores:
            self._clock.after(0, self.store.hand_over)  # its agent comes first
        else:
            self._unrestored = True

    # At the edge: what goes up.

    def status(self, uid: int, status: PodStatus) -> None:
        """Report a pod's status."""
        self._said[uid] = status
        self._post(uid, self._apply, uid, status)

    def gone(self, uid: int) -> None:
        """Confirm that a deleted pod has ended."""
        self._said.pop(uid, None)
        self._post(uid, self._confirm, uid)

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        """Report the node's conditions and images."""
        self._post("node", self._apply_node, dict(conditions), dict(images))

    def _post(self, key: Hashable, call: Callable[..., object], *args: Any) -> None:
        pod = self.pods.get(key) if isinstance(key, int) else None
        kind, about = ("node", "") if key == "node" else ("status", "" if pod is None else pod.name)
        self._kept.put(key, Message(UP, self._settings.status_bytes, call, args, kind=kind, about=about))
        if self._session.open:
            self._kept.send(key, CHANGE)

    def _session_changed(self, word: str) -> None:
        if word != "opened":
            self._cancel_flush()
            return
        if self._unrestored:
            self._unrestored = False
            self.store.hand_over()
        self._flush_later()

    def _server_changed(self, up: bool) -> None:
        if up and self._session.open:
            self._flush_later()

    def _flush_later(self) -> None:
        if self._kept and self._flush_timer is None:
            period = self._settings.flush_ns
            rounds = -(-(self._clock.now - self._phase) // period)
            self._flush_timer = self._clock.at(self._phase + max(0, rounds) * period, self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        for key in self._kept.idle():
            self._kept.send(key, RESYNC)

    def _cancel_flush(self) -> None:
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    # At the cloud.

    def _apply(self, uid: int, status: PodStatus) -> None:
        pod = self.pods.get(uid)
        if pod is not None:
            apply_status(self._server, pod, status, self._clock.now)

    def _confirm(self, uid: int) -> None:
        pod = self.pods.get(uid)
        if pod is not None and pod.deletion_ns is not None:
            self._server.remove(pod)

    def _apply_node(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        apply_node_status(self._server, self._node_object, conditions, images, self._clock.now)


class EdgePods:
    """CloudCore's side of all edge nodes' pods. `reach` is the look at the way between each node and CloudCore."""

    __slots__ = ("_by_name", "_by_row", "_push", "_reach", "_row", "_seen", "clock", "core", "recorder",
                 "rng", "server", "settings")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        core: CloudCore,
        *,
        push: AckedPush,
        reach: Reach,
        settings: EdgePodSettings,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.recorder = recorder
        self.server = server
        self.core = core
        self._push = push
        self._reach = reach
        self.settings = settings
        self._by_name: dict[str, EdgeNode] = {}
        self._by_row: dict[int, EdgeNode] = {}
        self._row: dict[str, int] = {}
        self._seen: dict[int, tuple[bool, str, bool, str, int]] = {}  # pod -> what its last letter said
        server.watch(Pod, self._pod_changed)
        reach.tell(self._powered)

    def attach(self, agent: Agent, node_object: Node, row: int) -> EdgeNode:
        """The node whose row in `reach` this is: its session stands from now on."""
        name = node_object.name
        session = self.core.attach(name, row)
        node = self._by_name[name] = self._by_row[row] = EdgeNode(self, session, agent, node_object)
        self._row[name] = row
        self._push.join(row, session, node.store)
        self.core.begin(row)
        if not session.served:  # it could not register
            node_object.ready = "Unknown"
            self.server.changed(node_object)
        return node

    def node(self, row: int) -> EdgeNode:
        """The edge node of this row."""
        return self._by_row[row]

    def file(self, pod: Pod) -> None:
        """A pod that is on its node already: written there, acknowledged, and there is nothing to tell."""
        self._by_name[pod.node].pods[pod.uid] = pod
        self._seen[pod.uid] = _seen(pod)
        self._push.file(self._row[pod.node], self._letter(pod))

    def _letter(self, pod: Pod, delete: bool = False) -> Letter:
        deleting = pod.deletion_ns is not None and not delete
        content = _PodContent(desired(pod), deleting, pod.phase, pod.ready)
        return Letter(
            pod.uid, self._push.next_version(), "pod", pod.name, self.settings.pod_bytes, content, delete
        )  # fmt: skip

    def _pod_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        node = self._by_name.get(obj.node)
        if node is None:
            return
        row = self._row[obj.node]
        if event == "DELETED":
            self._seen.pop(obj.uid, None)
            if node.pods.pop(obj.uid, None) is not None:
                self._push.publish(row, self._letter(obj, delete=True))
            return
        before, now = self._seen.get(obj.uid), _seen(obj)
        if obj.deleted or before == now:
            return
        node.pods[obj.uid], self._seen[obj.uid] = obj, now
        # EdgeController pushes what changes metadata or spec; a change of status alone is the ledger's to find.
        self._push.publish(row, self._letter(obj), later=before is not None and before[0] == now[0])

    def _powered(self, _rows: list[int], booted: list[int]) -> None:
        for row in booted:
            node = self._by_row.get(row)
            if node is not None:
                if self._reach.state[row] == DOWN:
                    node.power_lost()
                else:
                    node.started()


def _seen(pod: Pod) -> tuple[bool, str, bool, str, int]:
    return pod.deletion_ns is not None, pod.phase, pod.ready, pod.reason, pod.restarts
