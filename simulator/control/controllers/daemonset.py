"""DaemonSets: one pod on every node that is eligible, whatever has become of the node."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import Final

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, DaemonSet, Node, Pod, Taint
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller, slow_start
from simulator.control.controllers.deployment import template_hash
from simulator.control.controllers.index import PodIndex
from simulator.control.controllers.pods import delete_pod, free_name
from simulator.control.liveness.taints import (
    DISK_PRESSURE,
    MEMORY_PRESSURE,
    NOT_READY,
    PID_PRESSURE,
    UNREACHABLE,
    UNSCHEDULABLE,
)
from simulator.engine.clock import Clock
from simulator.world.pod import PodTemplate, Toleration

# What the controller adds to every daemon pod: it stays on a lost node for ever, and starts under any pressure.
TOLERATIONS: Final = (
    *(Toleration(key, "Exists", effect="NoExecute") for key in (NOT_READY, UNREACHABLE)),
    *(
        Toleration(key, "Exists", effect="NoSchedule")
        for key in (DISK_PRESSURE, MEMORY_PRESSURE, PID_PRESSURE, UNSCHEDULABLE)
    ),
)


@dataclass(frozen=True, slots=True)
class DaemonSettings:
    """Pods created in one sync at most, and the back-off of pods that fail: first × 2ⁿ up to the cap (ns)."""

    burst: int
    backoff_first_ns: int
    backoff_cap_ns: int


def eligible(template: PodTemplate, node: Node) -> tuple[bool, bool]:
    """Whether a daemon pod should start on the node, and whether one that is there may stay.

    Both want the selector and the affinity met; starting also wants every taint tolerated, staying only NoExecute.
    """
    labels = node.labels
    fits = all(labels.get(key) == value for key, value in template.node_selector.items())
    if template.node_affinity:
        fits = fits and any(all(each.matches(labels) for each in term) for term in template.node_affinity)
    if not fits:
        return False, False
    borne = {
        taint[2]
        for taint in node.taints
        if taint[2] in ("NoSchedule", "NoExecute") and not any(t.tolerates(taint) for t in template.tolerations)
    }
    return not borne, "NoExecute" not in borne


class DaemonSetController(Controller[DaemonSet]):
    """Its pods name their node in the template; the scheduler binds them to it, or leaves them pending."""

    __slots__ = ("_admission", "_backoff", "_marks", "_named", "_pods", "_rolling", "_settings", "_shapes",
                 "_templates")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        server: ApiServer,
        client: Client,
        pods: PodIndex,
        admission: Admission,
        *,
        workers: int,
        settings: DaemonSettings,
        retry: RetrySettings,
    ) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._pods = pods
        self._admission = admission
        self._settings = settings
        self._named: dict[str, int] = defaultdict(lambda: 1)  # set and node -> pods named so far
        self._templates: dict[tuple[int, str], tuple[PodTemplate, PodTemplate]] = {}
        self._marks: dict[int, tuple[PodTemplate, str]] = {}  # set -> its template, and what marks pods of it
        self._rolling: set[int] = set()  # sets with pods of an older template
        self._backoff: dict[tuple[str, str], tuple[int, int]] = {}  # (set, node) -> (last wait, since when)
        self._shapes: dict[str, tuple[dict[str, str], tuple[Taint, ...]] | None] = {}  # node -> labels and taints
        server.watch(DaemonSet, self._changed)
        server.watch(Node, self._node_changed)
        pods.hooks.append(self._pod_changed)

    def everything(self) -> list[DaemonSet]:
        """Every set."""
        return list(self.server.list(DaemonSet))

    def stop(self) -> None:
        """Lead no longer: what failed how often is forgotten."""
        super().stop()
        self._backoff.clear()

    def sync(self, key: DaemonSet) -> Sync:
        """A pod where one is missing, none where none may be."""
        by_node: dict[str, list[Pod]] = {}
        for pod in self._pods.owned(key):
            by_node.setdefault(pod.node or pod.template.node_name, []).append(pod)
        missing, surplus, old = [], [], list[Pod]()
        unavailable, mark = 0, self._mark(key)
        gone = key.deleted or key.deletion_ns is not None
        wanted = self._with_tolerations(key)
        for node in self.server.list(Node):
            start, stay = (False, False) if gone else eligible(wanted, node)
            present = by_node.pop(node.name, [])  # one that is being deleted still takes the place
            living = [pod for pod in present if pod.active]
            ended = [pod for pod in present if pod.phase in ("Failed", "Succeeded") and pod.deletion_ns is None]
            if not stay:
                surplus += living + ended
                continue
            surplus += living[1:]
            old += [pod for pod in living[:1] if pod.hash != mark]
            unavailable += bool(start or present) and not any(pod.ready for pod in living)
            if ended:
                surplus += [pod for pod in ended if self._may_go(key, node.name)]
            elif start and not present:
                missing.append(node)
        if gone:
            surplus += [pod for pods in by_node.values() for pod in pods]
        surplus += self._outdated(key, old, unavailable)
        yield self.call_all([(delete_pod, (self.server, pod)) for pod in surplus])
        for batch in slow_start(min(len(missing), self._settings.burst)):
            yield self.call_all([(self._create, (key, node)) for node in missing[:batch]])
            del missing[:batch]
        if missing:
            self.queue.add(key)
        return None

    def _outdated(self, key: DaemonSet, old: list[Pod], unavailable: int) -> list[Pod]:
        """Pods of an older template that may go now (rollingUpdate): those that are not available, and as many of the
        others as nodes may be without an available pod."""
        if old:
            self._rolling.add(key.uid)
        else:
            self._rolling.discard(key.uid)
        broken = [pod for pod in old if not pod.ready]
        return broken + [pod for pod in old if pod.ready][: max(0, key.max_unavailable - unavailable)]

    def _mark(self, key: DaemonSet) -> str:
        found = self._marks.get(key.uid)
        if found is None or found[0] is not key.template:
            found = self._marks[key.uid] = (key.template, template_hash(key.template))
        return found[1]

    def _may_go(self, key: DaemonSet, node: str) -> bool:
        """Whether the failed pod on this node may be replaced now; if not, the set is looked at again when it may."""
        s, now = self._settings, self.clock.now
        wait, since = self._backoff.get((key.name, node), (0, now))
        if now < since + wait:
            self.queue.add_after(key, since + wait - now)
            return False
        if now - since > 2 * s.backoff_cap_ns:
            wait = 0
        self._backoff[key.name, node] = (min(max(s.backoff_first_ns, 2 * wait), s.backoff_cap_ns), now)
        return True

    def _with_tolerations(self, key: DaemonSet) -> PodTemplate:
        return self._cached(key, "", key.template)

    def _cached(self, key: DaemonSet, node: str, source: PodTemplate) -> PodTemplate:
        found = self._templates.get((key.uid, node))
        if found is None or found[0] is not source:
            if node:
                made = self._admission.admit(replace(source, node_name=node))
            else:
                made = replace(source, tolerations=source.tolerations + TOLERATIONS)
            found = self._templates[key.uid, node] = (source, made)
        return found[1]

    def _create(self, key: DaemonSet, node: Node) -> None:
        if key.deleted or node.deleted:
            return
        name = f"{key.name}-{node.name}"
        if self.server.named(Pod, name):
            name = free_name(self.server, name, self._named)
        template = self._cached(key, node.name, self._with_tolerations(key))
        self._pods.add(self.server.create(Pod(name=name, template=template, owner=key, hash=self._mark(key))))

    def _changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, DaemonSet)
        self.enqueue(obj)

    def _node_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Node)
        shape = None if obj.deleted else (dict(obj.labels), tuple(obj.taints))
        if shape != self._shapes.get(obj.name):  # of a node's other changes none makes it eligible
            self._shapes[obj.name] = shape
            for each in self.server.list(DaemonSet):
                self.enqueue(each)

    def _pod_changed(self, event: str, pod: Pod) -> None:
        if isinstance(pod.owner, DaemonSet) and (
            event == "DELETED" or not pod.active or pod.owner.uid in self._rolling
        ):
            self.enqueue(pod.owner)
