"""A pod as it runs on one node, and its containers: state only. What moves it is the pod's worker."""

from __future__ import annotations

from simulator.engine.clock import Timer
from simulator.runtime.probes import Health
from simulator.streams import key
from simulator.world.device import Held
from simulator.world.pod import ContainerTemplate, PodTemplate


class Container:
    """One container of a pod. `state` is waiting, running or exited, which means for good; or prepared: all is there
    but the process, whose memory comes from another node (`simulator.runtime.migration`)."""

    __slots__ = (
        "answering",
        "due_ns",
        "exit_code",
        "finished_ns",
        "health",
        "identity",
        "init",
        "listen",
        "ran",
        "reason",
        "restarts",
        "seen",
        "started_ns",
        "state",
        "template",
        "timer",
    )

    def __init__(self, pod: str, template: ContainerTemplate, init: bool) -> None:
        self.template = template
        self.init = init
        self.identity = key(f"{pod}/{template.name}")
        self.state = "waiting"
        self.due_ns = 0  # while waiting: not before this
        self.reason = ""  # why it waits, or how it ended last
        self.exit_code = 0
        self.restarts = 0
        self.ran = False  # has run before, on this node
        self.seen = False  # the agent has noticed that it runs
        self.answering = False  # the process listens
        self.started_ns = 0
        self.finished_ns = 0
        self.timer: Timer | None = None  # the end of its process, when that is known
        self.listen: Timer | None = None  # when its process will listen
        self.health: Health | None = None

    @property
    def ready(self) -> bool:
        """Seen running, and its probes, if it has any, agree."""
        return self.state == "running" and self.seen and (self.health is None or self.health.ready)

    def trouble(self, now: int) -> str:
        """What keeps it from running well, as `kubectl get pods` says it; empty when nothing does."""
        if self.state == "waiting" and self.ran and self.due_ns > now and "Image" not in self.reason:
            return "CrashLoopBackOff"
        return "" if self.state == "running" or self.reason == "Completed" else self.reason

    @property
    def in_memory(self) -> bool:
        """Whether its process holds memory, or what is to be its process does."""
        return self.state in ("running", "prepared")

    def working_set(self, in_flight: int) -> int:
        """Bytes of RAM that its process holds while it works on so many requests."""
        if not self.in_memory:
            return 0
        return self.template.ram_idle_bytes + self.template.ram_per_request_bytes * in_flight


class PodRun:
    """One pod on one node. `phase` and `ready` are what its agent has seen; `serving` and `ram_bytes` are physical."""

    __slots__ = (
        "containers",
        "deleted",
        "devices",
        "freeze",
        "identity",
        "in_flight",
        "init_containers",
        "name",
        "node",
        "paused",
        "phase",
        "ram_bytes",
        "ready",
        "reason",
        "serving",
        "speed",
        "started_ns",
        "template",
        "uid",
    )

    def __init__(self, uid: int, name: str, template: PodTemplate, node: int, speed: float) -> None:
        self.uid = uid
        self.name = name
        self.template = template
        self.node = node
        self.freeze = (0, 0)  # ns to pause its process, and to resume it
        self.speed = speed  # of the work inside: the node's, divided by the runtime's slowdown
        self.identity = key(name)
        self.phase = "Pending"
        self.reason = ""
        self.ready = False
        self.serving = False  # the main container's process listens
        self.paused = False  # its processes stand still, while the last of their memory is sent
        self.devices: Held = {}  # accelerators, whole or in part
        self.deleted = False  # its deletion has reached the node
        self.started_ns: int | None = None  # when its main container first ran
        self.ram_bytes = 0
        self.in_flight = 0
        self.init_containers = [Container(name, c, init=True) for c in template.init_containers]
        self.containers = [Container(name, c, init=False) for c in template.containers]

    @property
    def main(self) -> Container:
        """The container that serves: the first."""
        return self.containers[0]

    @property
    def restarts(self) -> int:
        """Of all containers together."""
        return sum(c.restarts for c in self.containers) + sum(c.restarts for c in self.init_containers)

    @property
    def finished(self) -> bool:
        """Failed or Succeeded: never to run again."""
        return self.phase in ("Failed", "Succeeded")

    def observe(self, now: int) -> None:
        """Set phase, ready and reason to what the agent has seen of the containers. A phase only moves forward."""
        if self.finished:
            return
        everything = (*self.init_containers, *self.containers)
        self.ready = all(c.ready for c in self.containers)
        self.reason = next(filter(None, (c.trouble(now) for c in everything)), "")
        if any(c.state == "exited" and c.exit_code for c in self.init_containers):
            self.phase = "Failed"
        elif all(c.state == "exited" for c in self.containers):
            self.phase = "Failed" if any(c.exit_code for c in self.containers) else "Succeeded"
            self.reason = self.reason or "Completed"
        elif all(c.seen for c in self.containers):
            self.phase = "Running"

    def remember(self, past: PodRun) -> None:
        """Take over what the disk remembers of this pod from before its node lost power."""
        self.phase, self.reason, self.started_ns = past.phase, past.reason, past.started_ns
        before = (*past.init_containers, *past.containers)
        for container, was in zip((*self.init_containers, *self.containers), before, strict=True):
            container.restarts, container.ran, container.seen = was.restarts, was.ran, was.seen
            container.finished_ns = was.finished_ns
