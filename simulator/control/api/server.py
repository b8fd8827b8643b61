"""The API server: one store of objects, told to its watchers; down, it answers nobody and everything else goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder

if TYPE_CHECKING:
    from simulator.control.delivery.intake import Intake

Watcher = Callable[[str, ApiObject], None]  # ("ADDED" | "MODIFIED" | "DELETED", object)
T = TypeVar("T", bound=ApiObject)


class ApiServer:
    """The store and its watches. Writers come through a `Client`, which limits their rate and adds latency.

    Watchers in the control plane are told `watch_ns` after the write, in order of subscription. Node agents are
    told over the network by `control.delivery`, which subscribes here too. `uids` are those of all servers of a world.
    """

    __slots__ = (
        "_clock",
        "_named",
        "_objects",
        "_uids",
        "_watchers",
        "intake",
        "recorder",
        "up",
        "up_hooks",
        "watch_ns",
        "writes",
    )

    def __init__(self, clock: Clock, recorder: Recorder, watch_ns: int, uids: Iterator[int] | None = None) -> None:
        self._clock = clock
        self.recorder = recorder  # also of those who carry its messages
        self.watch_ns = watch_ns
        self._objects: dict[str, dict[str, ApiObject]] = defaultdict(dict)
        self._watchers: dict[str, list[Watcher]] = defaultdict(list)
        self._named: dict[str, set[str]] = defaultdict(set)
        self._uids = uids if uids is not None else count(1)
        self.intake: Intake | None = None  # what nodes send waits here; None: it never waits
        self.up = True
        self.up_hooks: list[Callable[[bool], None]] = []  # called after `up` has changed
        self.writes = 0

    # Reading: what a client with an informer cache sees.
    def get(self, kind: type[T], name: str) -> T | None:
        """The object of that name, if the store has it."""
        return self._objects[kind.__name__].get(name)  # type: ignore[return-value]  # the key is the class's name

    def named(self, kind: type[ApiObject], name: str) -> bool:
        """Whether an object of this kind has that name, or had it."""
        return name in self._named[kind.__name__]

    def list(self, kind: type[T]) -> Iterator[T]:
        """All objects of a kind, in the order of their creation."""
        return iter(tuple(self._objects[kind.__name__].values()))  # type: ignore[arg-type]

    def watch(self, kind: type[ApiObject], watcher: Watcher) -> None:
        """Tell `watcher` of every later change to objects of this kind."""
        self._watchers[kind.__name__].append(watcher)

    # Writing: only through a Client, or at the very start.
    def create(self, obj: T) -> T:
        """Store a new object. Raises ValueError if the name is taken."""
        store = self._objects[obj.kind]
        if obj.name in store:
            raise ValueError(f"{obj.kind} {obj.name} exists")
        obj.uid, obj.created_ns = next(self._uids), self._clock.now
        store[obj.name] = obj
        self._named[obj.kind].add(obj.name)
        self._changed("ADDED", obj)
        return obj

    def changed(self, obj: ApiObject) -> None:
        """An object's fields were written: tell the watchers. Nothing happens if it is gone."""
        if not obj.deleted:
            self._changed("MODIFIED", obj)

    def mark_deleted(self, obj: ApiObject) -> None:
        """Set the deletionTimestamp. A pod on a node stays, Terminating, until its agent confirms."""
        if obj.deletion_ns is None and not obj.deleted:
            obj.deletion_ns = self._clock.now
            self._changed("MODIFIED", obj)

    def remove(self, obj: ApiObject) -> None:
        """Take the object out of the store."""
        if not obj.deleted:
            obj.deleted = True
            if obj.deletion_ns is None and isinstance(obj, Pod):
                obj.deletion_ns = self._clock.now
            self._objects[obj.kind].pop(obj.name, None)
            self._changed("DELETED", obj)

    def set_up(self, up: bool) -> None:
        """Stop or start the server. What it stored stays."""
        if up != self.up:
            self.up = up
            for hook in tuple(self.up_hooks):  # who has waited for this takes its own away
                hook(up)

    def _changed(self, event: str, obj: ApiObject) -> None:
        self.writes += 1
        now = self._clock.now
        if isinstance(obj, Pod):
            owner = obj.template.workload
            self.recorder.pods.add(now, obj.name, owner, obj.node, "believed", believed_state(obj))
        elif isinstance(obj, Node):
            state = {"True": "Ready", "False": "NotReady", "Unknown": "Unknown"}[obj.ready]
            self.recorder.nodes.add(now, obj.name, "believed", state if not obj.deleted else "Deleted")
        watchers = self._watchers.get(obj.kind)
        if watchers:
            self._clock.after(self.watch_ns, _tell, watchers, event, obj)


def _tell(watchers: list[Watcher], event: str, obj: ApiObject) -> None:
    for watcher in watchers:
        watcher(event, obj)


def believed_state(pod: Pod) -> str:
    """One word for what the API server says of a pod."""
    if pod.deleted:
        return "Deleted"
    if pod.deletion_ns is not None:
        return "Terminating"
    if pod.phase in ("Failed", "Succeeded"):
        return pod.phase
    if not pod.node:
        return "Pending"
    if pod.phase == "Pending":
        return "Scheduled"
    return "Ready" if pod.ready else "NotReady"
