"""NodeInfo: what the scheduler believes of its nodes, in columns. It is told by watches, and never reads the world."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

from simulator.control.api.objects import Node, Pod, Service
from simulator.control.scheduling.belief import NodeBelief
from simulator.control.scheduling.columns import RowColumn, read_only
from simulator.control.scheduling.devices import DeviceColumns
from simulator.control.scheduling.events import NOTHING, Event
from simulator.control.scheduling.profile import Count, Profile
from simulator.streams import key
from simulator.world.device import Held
from simulator.world.pod import PodAffinityTerm, PodTemplate, Term

if TYPE_CHECKING:
    from simulator.control.scheduling.framework import Framework
    from simulator.control.scheduling.verdict import Verdict

Ints = NDArray[np.int64]
# template -> what the column depends on of it, and the function of a node
Make = Callable[[PodTemplate], tuple[Hashable, Callable[[NodeBelief], Any]]]
HeardNs = Callable[[Node, int], int]  # (node, now) -> when it was last heard of
# Columns that a policy sees, as read-only views of the very same memory.
SHOWN: Final = (
    "allocatable_cpu_m",
    "allocatable_ram_bytes",
    "free_cpu_m",
    "free_ram_bytes",
    "pods",
    "max_pods",
    "ready",
    "speed",
)


class Placed:
    """A pod that is counted on a node: bound, or assumed."""

    __slots__ = ("devices", "leaving", "node", "pod", "profile")

    def __init__(self, profile: Profile, node: str, devices: Held, pod: Pod | None = None) -> None:
        self.profile = profile
        self.pod = pod  # its object, where somebody may move or preempt it
        self.node = node
        self.devices = devices  # accelerators; none given: those that the node's row has free first
        self.leaving = False  # it has a deletionTimestamp


class NodeInfo:
    """One row per node, in the order in which they became known. Integer columns are int64.

    `free_…` is allocatable minus the requests of placed pods, and negative where a node shrank under its pods;
    `scored_…` are requests as the allocation scores see them. A node that joins or leaves makes the columns stale
    until `refresh`; every other change is entered at once, in O(1). `shown` is what every `ClusterView` shows of it.
    """

    allocatable_cpu_m: Ints
    allocatable_ram_bytes: Ints
    free_cpu_m: Ints
    free_ram_bytes: Ints
    free_extended: dict[str, Ints]
    scored_cpu_m: Ints
    scored_ram_bytes: Ints
    pods: Ints
    max_pods: Ints
    ready: NDArray[np.bool_]
    speed: NDArray[np.float64]
    shown: dict[str, Any]

    def __init__(
        self, unset_cpu_m: int, unset_ram_bytes: int, heard_ns: Callable[[Node, int], int] | None = None
    ) -> None:
        self._unset = unset_cpu_m, unset_ram_bytes
        self._heard_ns = heard_ns or (lambda node, _now: node.heard_ns)
        self._beliefs: dict[str, NodeBelief] = {}
        self._profiles: dict[int, Profile] = {}
        self._counts: dict[Hashable, Count] = {}
        self._row_columns: dict[Hashable, RowColumn] = {}
        self._domains: dict[str, dict[str, int]] = {}
        self._selectors: tuple[Term, ...] = ()
        self.placed: dict[int, Placed] = {}  # by pod uid
        self.nominated: dict[int, Placed] = {}  # by uid: pods without a node, and the node that was cleared for them
        self.changes = 0  # of anything that a filter may read here, so far; of nodes that join or leave, at `refresh`
        self.stale = True
        self.refresh()

    # Nodes

    def set_node(self, node: Node) -> Event:
        """Take a snapshot of the object; which events its change is."""
        self.changes += 1
        new, old = NodeBelief(node), self._beliefs.get(node.name)
        self._beliefs[node.name] = new
        if old is None:
            self.stale = True
            return Event.NODE_ADDED
        changes = old.changes(new)
        if old.extended.keys() != new.extended.keys() or (old.zone, old.accelerators) != (new.zone, new.accelerators):
            self.stale = True
        if self.stale:
            return changes
        row = self.index[node.name]
        self.nodes[row] = new
        self.ready[row], self.speed[row] = new.ready, new.speed
        if changes & Event.NODE_ALLOCATABLE:
            self.free_cpu_m[row] += new.allocatable_cpu_m - old.allocatable_cpu_m
            self.free_ram_bytes[row] += new.allocatable_ram_bytes - old.allocatable_ram_bytes
            for kind, amount in new.extended.items():
                self.free_extended[kind][row] += amount - old.extended[kind]
            self._set_capacity(row, new)
        if changes & Event.NODE_LABELS or old.platform != new.platform:
            self.labels = tuple(belief.labels for belief in self.nodes)
            self.platforms = tuple(belief.platform for belief in self.nodes)
            self.shown = {**self.shown, "labels": self.labels, "platforms": self.platforms}
        if changes & (Event.NODE_LABELS | Event.NODE_TAINTS) or old.images != new.images:
            self.changed.append(row)
        return changes

    def drop_node(self, name: str) -> Event:
        """Forget the node. Its pods stay counted, and count again if it returns."""
        if self._beliefs.pop(name, None) is None:
            return NOTHING
        self.stale = True
        return Event.NODE_REMOVED

    # Pods

    def profile(self, template: PodTemplate) -> Profile:
        """The template as it is accounted for; one per template object."""
        found = self._profiles.get(id(template))
        if found is None:
            found = self._profiles[id(template)] = Profile(template, *self._unset)  # keeps the template, and so its id
            for count in self._counts.values():
                self._enter(found, count)
            for kind, terms in (("near", template.pod_affinity), ("anti", template.pod_anti_affinity)):
                for term in terms:
                    self.count((kind, term), partial(_has_term, kind, term))
        return found

    def place(
        self, uid: int, profile: Profile, node: str, devices: Held = MappingProxyType({}), obj: Pod | None = None
    ) -> Held:
        """Count a pod on a node from now on; the accelerators that it is counted on, the `devices` if they are told."""
        self.changes += 1
        self.nominated.pop(uid, None)
        pod = self.placed[uid] = Placed(profile, node, devices, obj)
        profile.placed += 1
        if not self.stale and (row := self.index.get(node)) is not None:
            self.account(row, pod, 1)
            for count in profile.early_counts:
                count.values[row] += 1
        return pod.devices

    def leave(self, uid: int) -> None:
        """The pod is being deleted: it holds its resources until it is gone, but is spread against no more."""
        pod = self.placed[uid]
        if not pod.leaving:
            self.changes += 1
            pod.leaving = True
            if not self.stale and (row := self.index.get(pod.node)) is not None:
                for count in pod.profile.early_counts:
                    count.values[row] -= 1

    def release(self, uid: int) -> bool:
        """Count the pod no more. Harmless for one that was not counted; whether it was."""
        if uid not in self.placed:
            return False
        self.leave(uid)
        self.changes += 1
        pod = self.placed.pop(uid)
        pod.profile.placed -= 1
        if not self.stale and (row := self.index.get(pod.node)) is not None:
            self.account(row, pod, -1)
        return True

    def account(self, row: int, pod: Placed, sign: int) -> None:
        """Enter a pod into the columns of this row, or with sign -1 take it out."""
        self.changes += 1
        profile = pod.profile
        self.free_cpu_m[row] -= sign * profile.cpu_m
        self.free_ram_bytes[row] -= sign * profile.ram_bytes
        self.scored_cpu_m[row] += sign * profile.scored_cpu_m
        self.scored_ram_bytes[row] += sign * profile.scored_ram_bytes
        self.pods[row] += sign
        for kind, amount in profile.extended:
            if kind in self.free_extended and kind not in self.nodes[row].accelerators:
                self.free_extended[kind][row] -= sign * amount
        if profile.needs and self.nodes[row].accelerators:
            if sign > 0:
                pod.devices = self.devices.choose(row, profile.needs, pod.devices)
            self.devices.account(row, profile.needs, pod.devices, sign)
            for kind in pod.devices:
                self.free_extended[kind][row] = self.devices.whole(kind, row)
        for count in profile.counts:
            count.values[row] += sign

    # Services, for the default spread

    def set_services(self, services: Iterable[Service]) -> None:
        """The services that there are now."""
        self._selectors = tuple(service.selector for service in services if service.selector)
        for profile in self._profiles.values():
            profile.plans.clear()

    def services_of(self, profile: Profile) -> tuple[Term, ...]:
        """The selectors of the services that select this template's pods."""
        return tuple(term for term in self._selectors if all(r.matches(profile.labels) for r in term))

    # Columns for filters and scores

    def row_column(self, profile: Profile, user: str, make: Make, dtype: DTypeLike) -> NDArray[Any]:
        """A filter's or score's column over nodes alone. Templates for which `make` gives one key share it."""
        column = profile.row_columns.get(user)
        if column is None:
            of, value_of = make(profile.template)
            column = self._row_columns.get((user, of))
            if column is None:
                column = self._row_columns[user, of] = RowColumn(value_of, self.nodes, len(self.changed), dtype)
            profile.row_columns[user] = column
        return column.current(self.nodes, self.changed)

    def count(self, of: Hashable, matches: Callable[[Profile], bool], leaves_early: bool = False) -> Count:
        """The count of placed pods whose profile matches; kept up to date once somebody has asked for it."""
        found = self._counts.get(of)
        if found is None:
            found = self._counts[of] = Count(matches, leaves_early)
            matching = [self._enter(profile, found) and profile.placed > 0 for profile in self._profiles.values()]
            found.values = self._tally(found) if any(matching) else np.zeros(len(self.nodes), np.int32)
        return found

    def terms(self, kind: str) -> list[tuple[PodAffinityTerm, Count]]:
        """The affinity (`near`) or anti-affinity (`anti`) terms of all templates, each with the count of its pods."""
        return [(of[1], count) for of, count in self._counts.items() if isinstance(of, tuple) and of[0] == kind]

    def plan(self, profile: Profile, user: str, make: Callable[[], Any]) -> Any:
        """What a filter or score has compiled for a template, and compiles again when there are other counts."""
        found = profile.plans.get(user)
        if found is None or found[0] != len(self._counts):
            made = make()  # which may add counts of its own
            found = profile.plans[user] = (len(self._counts), made)
        return found[1]

    def verdict(self, profile: Profile, framework: Framework, make: Callable[[], Verdict]) -> Verdict:
        """What the filters of this scheduler say of a template, found again once anything here has changed."""
        found = profile.verdict
        if found is None or found[0] != self.changes or found[1] is not framework:
            found = profile.verdict = (self.changes, framework, make())
        return found[2]

    def _enter(self, profile: Profile, count: Count) -> bool:
        if not count.matches(profile):
            return False
        (profile.early_counts if count.leaves_early else profile.counts).append(count)
        return True

    def _tally(self, count: Count) -> NDArray[np.int32]:
        values = np.zeros(len(self.nodes), np.int32)
        for pod in self.placed.values():
            row = self.index.get(pod.node)
            if row is not None and not (pod.leaving and count.leaves_early) and count.matches(pod.profile):
                values[row] += 1
        return values

    def domains(self, topology_key: str) -> Ints:
        """A column: the number of the node's domain, from 1; 0 where it has no such label."""
        numbers = self._domains.setdefault(topology_key, {})

        def number(node: NodeBelief) -> int:
            value = node.labels.get(topology_key)
            return 0 if value is None else numbers.setdefault(value, len(numbers) + 1)

        column = self._row_columns.get(("domain", topology_key))
        if column is None:
            column = RowColumn(number, self.nodes, len(self.changed), np.int64)
            self._row_columns["domain", topology_key] = column
        return column.current(self.nodes, self.changed)

    def age_ns(self, now: int) -> Ints:
        """A column: how long ago each node was last heard of. O(nodes) Python."""
        return now - np.fromiter((self._heard_ns(belief.node, now) for belief in self.nodes), np.int64, len(self.nodes))

    # Joining and leaving

    def refresh(self) -> None:
        """Build the columns again after nodes joined or left. O(nodes + placed pods) Python."""
        if not self.stale:
            return
        self.changes += 1
        self.stale = False
        self.nodes = list(self._beliefs.values())
        n = len(self.nodes)
        self.names = tuple(node.name for node in self.nodes)
        self.index = {name: row for row, name in enumerate(self.names)}
        self.zones = tuple(node.zone for node in self.nodes)
        self.platforms = tuple(node.platform for node in self.nodes)
        self.labels = tuple(node.labels for node in self.nodes)
        self.keys: NDArray[np.uint64] = np.fromiter(map(key, self.names), np.uint64, n)
        self.order = _across_zones(self.zones)
        self.changed: list[int] = []
        self._row_columns.clear()
        self._domains.clear()
        for profile in self._profiles.values():
            profile.row_columns.clear()
        self.allocatable_cpu_m, self.allocatable_ram_bytes, self.max_pods = (np.zeros(n, np.int64) for _ in range(3))
        self.pods, self.scored_cpu_m, self.scored_ram_bytes = (np.zeros(n, np.int64) for _ in range(3))
        self.ready = np.array([node.ready for node in self.nodes], np.bool_)
        self.speed = np.array([node.speed for node in self.nodes], np.float64)
        for row, node in enumerate(self.nodes):
            self._set_capacity(row, node)
        self.free_cpu_m, self.free_ram_bytes = self.allocatable_cpu_m.copy(), self.allocatable_ram_bytes.copy()
        self.free_extended = {
            kind: np.array([node.extended.get(kind, 0) for node in self.nodes], np.int64)
            for kind in sorted({kind for node in self.nodes for kind in node.extended})
        }
        self.devices = DeviceColumns([node.accelerators for node in self.nodes])
        for count in self._counts.values():
            count.values = np.zeros(n, np.int32)
        for pod in self.placed.values():
            row_of = self.index.get(pod.node)
            if row_of is not None:
                self.account(row_of, pod, 1)
                if not pod.leaving:
                    for count in pod.profile.early_counts:
                        count.values[row_of] += 1
        self.shown = {
            "names": self.names,
            "zones": self.zones,
            "platforms": self.platforms,
            "labels": self.labels,
            "free_extended": {kind: read_only(column) for kind, column in self.free_extended.items()},
            "free_devices": self.devices.shown,
            "free_device_bytes": self.devices.shown_bytes,
            **{name: read_only(getattr(self, name)) for name in SHOWN},
        }

    def _set_capacity(self, row: int, node: NodeBelief) -> None:
        self.allocatable_cpu_m[row] = node.allocatable_cpu_m
        self.allocatable_ram_bytes[row] = node.allocatable_ram_bytes
        self.max_pods[row] = node.max_pods


def _has_term(kind: str, term: PodAffinityTerm, profile: Profile) -> bool:
    return term in (profile.template.pod_affinity if kind == "near" else profile.template.pod_anti_affinity)


def _across_zones(zones: tuple[str, ...]) -> Ints:
    """Rows in the order in which kube-scheduler looks at nodes: one of each zone in turn."""
    rank: dict[str, int] = {}
    taken: dict[str, int] = {}
    place = []
    for zone in zones:
        taken[zone] = taken.get(zone, -1) + 1
        place.append((taken[zone], rank.setdefault(zone, len(rank))))
    return np.array(sorted(range(len(zones)), key=place.__getitem__), np.int64)
