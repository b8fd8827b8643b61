"""The scheduler: one cycle at a time from the queue to a reservation, and bindings that run behind it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node, Pod, Service
from simulator.control.api.server import ApiServer
from simulator.control.scheduling.admission import could_take
from simulator.control.scheduling.answering import Answerer, Policy
from simulator.control.scheduling.binding import Bindings
from simulator.control.scheduling.cycle import Cycle
from simulator.control.scheduling.decision import Ask, counted, said
from simulator.control.scheduling.events import NODE_EVENTS, Event
from simulator.control.scheduling.framework import Framework
from simulator.control.scheduling.info import HeardNs, NodeInfo
from simulator.control.scheduling.queue import Queued, SchedulingQueue
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.engine.clock import Clock, Timer
from simulator.policy import Bind, Decision, Reason, Reject, Wait
from simulator.policy.view import Floats
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key


class Scheduler:
    """Pops a pod, asks where it goes, reserves, binds through the client, and takes the reservation back if refused.

    `policy` answers each ask at once. Without one (None) the scheduler stops at `pending` until `answer` is called.
    `heard_ns(node, now)` tells when a node was last heard of; without it, what its object says.
    """

    __slots__ = (
        "_answerer",
        "_bindings",
        "_client",
        "_clock",
        "_decided",
        "_framework",
        "_heard_ns",
        "_recorder",
        "_rng",
        "_server",
        "_settings",
        "_start",
        "_unlisted",
        "info",
        "pending",
        "queue",
        "up",
        "witness",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        client: Client,
        *,
        policy: Policy | None,
        settings: SchedulerSettings,
        heard_ns: HeardNs | None = None,
    ) -> None:
        self._clock, self._rng, self._recorder = clock, rng, recorder
        self._server, self._client, self._settings = server, client, settings
        self._heard_ns = heard_ns
        self._framework = Framework(settings)
        self._answerer = Answerer(clock, recorder, policy, settings)
        self._decided: Timer | None = None  # a decision that is still taking its time
        self.pending: Ask | None = None  # asked, and waiting for an answer from outside
        self.witness: Callable[[Ask], None] | None = None  # shown each ask before it is answered
        self.up = True
        server.watch(Node, self._node_changed)
        server.watch(Pod, self._pod_changed)
        server.watch(Service, self._service_changed)
        server.up_hooks.append(self._server_changed)
        # Its ticks began when it was started, some time before this simulation.
        self._live(round(rng.draw("scheduler-phase") * settings.leftover_flush_ns))

    # Who answers

    def set_policy(self, policy: Policy | None) -> None:
        """Let this policy answer from now on, the pending ask included; None: asks stay pending for `answer`."""
        self._answerer.set_policy(policy)
        ask, self.pending = self.pending, None
        if ask is not None:
            self._put(ask)
            self._next()

    def answer(self, decision: Decision) -> None:
        """Answer the pending ask. Raises ValueError if there is none."""
        ask, self.pending = self.pending, None
        if ask is None:
            raise ValueError("nothing has been asked")
        self._decide(ask, self._answerer.checked(ask, decision))
        self._next()

    # Life and death

    def set_up(self, up: bool) -> None:
        """Kill or start the scheduler. Its queue, belief and reservations are memory; it lists everything again."""
        if up == self.up:
            return
        self.up = up
        if up:
            self._live(self._clock.now)
            return
        self.queue.clear()
        self._bindings.die()
        self.pending = None
        if self._decided is not None:
            self._decided.cancel()
            self._decided = None

    def _live(self, ticks_ns: int) -> None:
        settings = self._settings
        self.info = NodeInfo(settings.unset_cpu_m, settings.unset_ram_bytes, self._heard_ns)
        self.queue = SchedulingQueue(self._clock, settings, ticks_ns, self._next)
        self._bindings = Bindings(
            self._clock, self._recorder, self._server, self._client, info=self.info, queue=self.queue
        )
        self._start = 0  # where in the order of nodes the next search begins
        self._unlisted = True  # it has not seen what is there
        self._list()

    def _list(self) -> None:
        if not self._server.up:
            return
        self._unlisted = False
        for node in self._server.list(Node):
            self.info.set_node(node)
        self.info.set_services(self._server.list(Service))
        for pod in self._server.list(Pod):
            self._pod_changed("ADDED", pod)

    # What the watches tell

    def _server_changed(self, up: bool) -> None:
        if up and self.up and self._unlisted:
            self._list()

    def _node_changed(self, _event: str, node: ApiObject) -> None:
        if not self.up or self._unlisted or not isinstance(node, Node):
            return
        name = node.name
        if node.deleted:
            self.queue.happened(self.info.drop_node(name))
            return
        change = self.info.set_node(node) & NODE_EVENTS
        if change:
            self.queue.happened(change, lambda pod: could_take(self.info, name, pod.template))

    def _pod_changed(self, _event: str, pod: ApiObject) -> None:
        if not self.up or self._unlisted or not isinstance(pod, Pod):
            return
        uid = pod.uid
        if pod.deleted or pod.phase in ("Succeeded", "Failed"):
            self.queue.forget(uid)
            self._bindings.confirm(uid)
            if self.info.release(uid):
                self.queue.happened(Event.POD_REMOVED)
        elif pod.node:
            self._seen_bound(pod)
        elif pod.deletion_ns is not None:
            self.queue.forget(uid)
        elif uid not in self.queue and uid not in self._bindings:
            self.queue.add(pod)

    def _seen_bound(self, pod: Pod) -> None:
        uid, news = pod.uid, self._bindings.confirm(pod.uid)
        if uid not in self.info.placed:  # bound by somebody else, or before this life
            self.queue.forget(uid)
            self.info.place(uid, self.info.profile(pod.template), pod.node)
            news = True
        if news:
            self.queue.happened(Event.POD_PLACED)
        if pod.deletion_ns is not None:
            self.info.leave(uid)

    def _service_changed(self, _event: str, _service: ApiObject) -> None:
        if self.up and not self._unlisted:
            self.info.set_services(self._server.list(Service))

    # The cycle

    def _next(self) -> None:
        """Start cycles until one takes time, waits for an answer, or nothing is due."""
        while self.up and self.pending is None and self._decided is None:
            item = self.queue.pop()
            if item is None:
                return
            self._put(self._ask(item))

    def _ask(self, item: Queued) -> Ask:
        self.info.refresh()
        keys, moment = self.info.keys, key(f"{item.pod.name}/{item.attempts}")

        def uniform(name: str) -> Floats:
            return self._rng.draws(f"policy/{name}", keys, moment)

        cycle = Cycle(
            self._framework,
            self.info,
            item.pod,
            attempt=item.attempts,
            now=self._clock.now,
            start=self._start,
            uniform=uniform,
        )
        return Ask(cycle, item)

    def _put(self, ask: Ask) -> None:
        if self.witness is not None:
            self.witness(ask)
        decision = self._answerer.answer(ask)
        if decision is None:
            self.pending = ask
        else:
            self._decide(ask, decision)

    def _decide(self, ask: Ask, decision: Decision) -> None:
        """Record the decision; carry it out when the cycle and the policy's thinking have taken their time."""
        cycle, settings = ask.cycle, self._settings
        node = ask.cluster.names[decision.node] if isinstance(decision, Bind) else ""
        kind = type(decision).__name__
        self._recorder.decisions.add(
            self._clock.now, ask.pod.name, kind, node, ask.pod.attempt, cycle.examined, cycle.found
        )  # fmt: skip
        if cycle.examined:
            self._start = (cycle.start + cycle.examined) % len(ask.cluster)
        took = settings.cycle_ns
        if settings.thinking is not None:
            u = self._rng.draw("policy-thinking", key(ask.pod.name), ask.pod.attempt)
            took += round(float(settings.thinking.sample(np.array([u]))[0]))
        if took:
            self._decided = self._clock.after(took, self._after_thought, ask, decision, node)
        else:
            self._carry_out(ask, decision, node)

    def _after_thought(self, ask: Ask, decision: Decision, node: str) -> None:
        self._decided = None
        self._carry_out(ask, decision, node)
        self._next()

    def _carry_out(self, ask: Ask, decision: Decision, node: str) -> None:
        item = ask.item
        if item.pod.uid not in self.queue:
            return  # it was deleted, or bound by somebody else, meanwhile
        if isinstance(decision, Bind):
            self._bindings.reserve(item, node)
        elif isinstance(decision, Reject):
            self._bindings.reject(item, said(decision.reasons))
        elif isinstance(decision, Wait):
            self._wait(ask, decision.reasons)

    def _wait(self, ask: Ask, reasons: tuple[Reason, ...]) -> None:
        """Back into the queue; why is said once for as long as it stays the same."""
        refused, events = ask.cycle.refusals()
        if ask.item.why != (refused, reasons):
            ask.item.why = (refused, reasons)
            text = said(reasons) or counted(ask.cycle)
            self._recorder.events.add(self._clock.now, "FailedScheduling", ask.pod.name, "", text)
        self.queue.fail(ask.item, events)
