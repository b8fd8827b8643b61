"""The scheduler: one cycle at a time from the queue to a reservation, and bindings that run behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node, Pod, Service
from simulator.control.api.server import ApiServer
from simulator.control.scheduling.admission import could_take
from simulator.control.scheduling.answering import Answerer, Left, Policy
from simulator.control.scheduling.asking import Asker
from simulator.control.scheduling.beliefs import Atlas, Beliefs
from simulator.control.scheduling.binding import Bindings
from simulator.control.scheduling.cycle import Cycle, cluster_view
from simulator.control.scheduling.decision import Ask, counted, said
from simulator.control.scheduling.events import NODE_EVENTS, NOTHING, Event
from simulator.control.scheduling.feedback import Feedback
from simulator.control.scheduling.framework import Framework
from simulator.control.scheduling.info import HeardNs, NodeInfo
from simulator.control.scheduling.moves import Moves
from simulator.control.scheduling.placed import PlacedPods, Refuses
from simulator.control.scheduling.preempting import Preemptor
from simulator.control.scheduling.queue import Queued, SchedulingQueue
from simulator.control.scheduling.ranking import Ranking
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.control.scheduling.truth import Known, Truth
from simulator.engine.clock import Clock, Timer
from simulator.policy import Bind, ClusterView, Decision, Placement, Reason, Reject, Wait
from simulator.policy.view import Floats
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.units import duration

# What was decided about a pod, its node's name, what it waits for, who is deleted for it.
Step = tuple[Queued, Decision, str, Event, Sequence[Pod]]


class Scheduler:
    """Pops a pod, asks where it goes, reserves, binds through the client, and takes the reservation back if refused.

    `policy` answers each ask at once. Without one (None) the scheduler stops at `pending` until `answer` is called.
    `heard_ns(node, now)` tells when a node was last heard of; without it, what its object says. `atlas` knows what
    nodes do not report, if there is one; `truth` how nodes really are, which only perfect knowledge looks at.
    """

    __slots__ = (
        "_answerer",
        "_atlas",
        "_bindings",
        "_client",
        "_clock",
        "_cycling",
        "_decided",
        "_feedback",
        "_framework",
        "_gathered",
        "_gathering",
        "_heard_ns",
        "_own",
        "_preemptor",
        "_recorder",
        "_rng",
        "_server",
        "_settings",
        "_start",
        "_truth",
        "_unlisted",
        "_unseen",
        "_withdrawn",
        "info",
        "moves",
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
        atlas: Atlas | None = None,
        truth: Truth | None = None,
    ) -> None:
        self._clock, self._rng, self._recorder = clock, rng, recorder
        self._server, self._client, self._settings = server, client, settings
        self._heard_ns = heard_ns
        self._atlas = atlas
        self._truth = truth if settings.perfect_knowledge else None
        if self._truth is not None:
            self._truth.tell(self._really_changed)
        self._framework = Framework(settings)
        self._own = policy
        self._feedback: Feedback | None = None
        self._answerer = Answerer(clock, recorder, policy, settings)
        self._tell(policy)
        self._decided: Timer | None = None  # a decision that is still taking its time
        self.pending: Ask | None = None  # asked, and waiting for an answer from outside
        self.witness: Callable[[Ask], None] | None = None  # shown each ask before it is answered
        self.up = True
        self.moves = Moves()
        self._gathering: Timer | None = None  # pods are gathered for a batch
        self._gathered = False
        self._cycling = False  # in the loop of cycles
        self._unseen: dict[tuple[str, int], ApiObject] = {}  # changes told while an ask was pending
        self._withdrawn = 0  # pods that left the queue without an answer
        for kind in (Node, Pod, Service):
            server.watch(kind, self._told)
        server.up_hooks.append(self._server_changed)
        # Its ticks began when it was started, some time before this simulation.
        self._live(round(rng.draw("scheduler-phase") * settings.leftover_flush_ns))

    # Who answers

    def release(self) -> None:
        """Let the policy that it began with answer again."""
        self.set_policy(self._own)

    def set_policy(self, policy: Policy | None, left: Left | None = None) -> None:
        """Let this policy answer from now on, the pending ask included; None: asks stay pending for `answer`. With
        `left`, a pod that no node can take is left waiting then, without being asked about, and that is called."""
        self._answerer.set_policy(policy, left)
        self._tell(policy)
        if self.pending is not None:
            decision = self._answerer.answer(self.pending)
            if decision is not None:
                self._resume(self.pending, decision)

    def _tell(self, policy: Policy | None) -> None:
        """Only who learns is told what became of its pods."""
        self._feedback = None
        if isinstance(policy, Placement) and type(policy).heard is not Placement.heard:
            self._feedback = Feedback(policy.heard, self.asker())

    def answer(self, decision: Decision | int) -> None:
        """Answer the pending ask. Raises ValueError if there is none."""
        if self.pending is None:
            raise ValueError("nothing has been asked")
        self._resume(self.pending, self._answerer.checked(self.pending, decision))

    def _resume(self, ask: Ask, decision: Decision) -> None:
        self.pending = None
        self._cycling = True  # what it catches up with starts no cycle before this one is over
        self._decide([ask], [decision])
        self._cycling = False
        self._next()

    def asker(self) -> Asker:
        """How other policies of this scheduler are asked."""
        stops = self._settings.on_policy_error == "stop"
        return Asker(self._clock, self._recorder, stops=stops, limit_s=self._settings.answer_limit_s)

    def look(
        self, name: str, without: Collection[int] = (), *, fixed: Collection[str] = (), refuses: Refuses | None = None
    ) -> tuple[ClusterView, PlacedPods] | None:
        """The nodes and the placed pods as they are believed now; None where it does not run, knows nothing yet, or
        waits for an answer. `name` is of the draws; the pods of the uids `without` are left out; `fixed` and `refuses`
        as `PlacedPods` has them."""
        if not self.up or self._unlisted or self.pending is not None:
            return None
        info, now = self.info, self._clock.now
        info.refresh()
        known = self._known()

        def uniform(of: str) -> Floats:
            return self._rng.draws(f"policy/{of}", info.keys, key(name))

        def cycle_of(pod: Pod) -> Cycle:
            return Cycle(self._framework, info, pod, attempt=1, now=now, start=0, uniform=uniform, known=known)

        view = cluster_view(info, now, Beliefs(info, (), now, uniform, self._atlas, known=known))
        return view, PlacedPods(info, now, doomed=without, cycle_of=cycle_of, fixed=fixed, refuses=refuses)

    def _known(self) -> Known | None:
        return None if self._truth is None else self._truth.look(self.info)

    def _really_changed(self) -> None:
        if self.up:
            self.queue.happened(Event.NODE_TAINTS)

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
        if self._preemptor is not None:
            self._preemptor.die()
        self.moves.clear()
        self._unseen.clear()
        if self._feedback is not None:
            self._feedback.clear()
        self.pending = None
        for timer in (self._decided, self._gathering):
            if timer is not None:
                timer.cancel()
        self._decided, self._gathering, self._gathered = None, None, False

    def _live(self, ticks_ns: int) -> None:
        settings = self._settings
        self.info = NodeInfo(settings.unset_cpu_m, settings.unset_ram_bytes, self._heard_ns)
        rank = None
        if settings.order is not None:
            rank = Ranking(self._clock, self.info, settings.order, self.asker())
        self.queue = SchedulingQueue(self._clock, settings, ticks_ns, self._next, rank)
        self._bindings = Bindings(
            self._clock, self._recorder, self._server, self._client, info=self.info, queue=self.queue
        )
        self._preemptor: Preemptor | None = None
        if settings.preemption is not None:
            self._preemptor = Preemptor(
                self._clock, self._recorder, self._server, self._client, info=self.info, policy=settings.preemption,
                asker=self.asker(),
            )  # fmt: skip
        self._start = 0  # where in the order of nodes the next search begins
        self._unlisted = True  # it has not seen yet what is there
        self._clock.after(0, self._list)

    def _list(self) -> None:
        if not self.up or not self._unlisted or not self._server.up:
            return
        self._unlisted = False
        self._cycling = True  # no cycle before all has been seen
        for kind in (Node, Service, Pod):
            for obj in self._server.list(kind):
                self._see(obj)
        self._cycling = False
        self._next()

    # What the watches tell

    def _server_changed(self, _up: bool) -> None:
        self._list()

    def _told(self, _event: str, obj: ApiObject) -> None:
        if not self.up or self._unlisted:
            return
        if self.pending is not None:
            self._unseen[obj.kind, obj.uid] = obj  # what was asked about stays as it was until the answer
        else:
            self._see(obj)

    def _see(self, obj: ApiObject) -> None:
        if isinstance(obj, Pod):
            self._see_pod(obj)
        elif isinstance(obj, Node):
            self._see_node(obj)
        else:
            self.info.set_services(self._server.list(Service))

    def _see_node(self, node: Node) -> None:
        if node.deleted:
            self.queue.happened(self.info.drop_node(node.name))
            return
        change = self.info.set_node(node) & NODE_EVENTS
        if change:
            self.queue.happened(change, lambda pod: could_take(self.info, node.name, pod.template))

    def _see_pod(self, pod: Pod) -> None:
        uid = pod.uid
        if self._feedback is not None:
            self._feedback.seen(pod, self._clock.now)
        if pod.deleted or pod.phase in ("Succeeded", "Failed"):
            self._withdrawn += self.queue.forget(uid)
            self._bindings.confirm(uid)
            nominated = self.info.nominated.pop(uid, None) is not None
            if self.info.release(uid) or nominated:
                self.queue.happened(Event.POD_REMOVED)
        elif pod.node:
            self._see_bound(pod)
        elif pod.deletion_ns is not None:
            self._withdrawn += self.queue.forget(uid)
            if self.info.nominated.pop(uid, None) is not None:
                self.queue.happened(Event.POD_REMOVED)
        elif uid not in self.queue and uid not in self._bindings:
            self.queue.add(pod)

    def _see_bound(self, pod: Pod) -> None:
        uid, news = pod.uid, self._bindings.confirm(pod.uid)
        if uid not in self.info.placed:  # bound by somebody else, or before this life
            self._withdrawn += self.queue.forget(uid)
            self.info.place(uid, self.info.profile(pod.template), pod.node, pod.devices, pod)
            news = True
        if news:
            self.queue.happened(Event.POD_PLACED)
        if pod.deletion_ns is not None:
            self.info.leave(uid)

    # The cycle

    def _next(self) -> None:
        """Start cycles until one takes time, waits for an answer, or nothing is due."""
        if self._cycling:
            return
        self._cycling = True
        try:
            while self.up and self.pending is None and self._decided is None:
                items = self._due()
                if not items:
                    return
                asks = self._ask(items)
                if self.witness is not None:
                    for ask in asks:
                        self.witness(ask)
                decisions = self._answers(asks)
                if decisions is None:
                    self.pending = asks[0]
                    self._clock.pause()
                else:
                    self._decide(asks, decisions)
        finally:
            self._cycling = False

    def _answers(self, asks: list[Ask]) -> list[Decision] | None:
        """Where moved pods were meant to go, and what the policy says of the others; None: somebody outside must."""
        if self._answerer.batch is None:
            (ask,) = asks
            bind = self.moves.bind(ask)
            ask.of_policy = bind is None
            self._withdrawn += bind is not None
            decision = bind or self._answerer.answer(ask)
            return None if decision is None else [decision]
        meant = [self.moves.bind(ask) for ask in asks]
        for ask, bind in zip(asks, meant, strict=True):
            ask.of_policy = bind is None
        left = [ask for ask in asks if ask.of_policy]
        rest = iter(self._answerer.answer_all(left) if left else ())
        return [next(rest) if bind is None else bind for bind in meant]

    def _due(self) -> list[Queued]:
        """The pods of the next cycle: one; for a batch all that are due, once they have been gathered."""
        batch = self._answerer.batch
        if batch is None:
            item = self.queue.pop()
            return [] if item is None else [item]
        if not self._gathered and batch.window_s > 0:
            if self._gathering is None and self.queue.due:
                self._gathering = self._clock.after(duration(batch.window_s), self._gather)
            return []
        self._gathered = False
        return list(iter(self.queue.pop, None))

    def _gather(self) -> None:
        self._gathering, self._gathered = None, True
        self._next()

    def _ask(self, items: list[Queued]) -> list[Ask]:
        """One ask for each pod, with one view for all."""
        self.info.refresh()
        known, keys, first = self._known(), self.info.keys, items[0]
        moment = first.pod.name, first.attempts

        def uniform(name: str) -> Floats:
            return self._rng.draws(f"policy/{name}", keys, key("{}/{}".format(*moment)))

        cycles = [
            Cycle(
                self._framework,
                self.info,
                item.pod,
                attempt=item.attempts,
                now=self._clock.now,
                start=self._start,
                uniform=uniform,
                atlas=self._atlas,
                known=known,
            )
            for item in items
        ]
        if len(items) == 1:
            return [Ask(cycles[0], first, withdrawn=self._withdrawn)]
        view = cycles[0].view(cycles[1:])
        return [Ask(cycle, item, view) for cycle, item in zip(cycles, items, strict=True)]

    def _decide(self, asks: list[Ask], decisions: list[Decision]) -> None:
        """Record what was decided; carry it out when the cycles and the policy's thinking have taken their time."""
        settings = self._settings
        steps: list[Step] = []
        for ask, decision in zip(asks, decisions, strict=True):
            cycle, names = ask.cycle, self.info.names
            node = names[decision.node] if isinstance(decision, Bind) else ""
            kind = type(decision).__name__
            self._recorder.decisions.add(
                self._clock.now, ask.subject, kind, node, ask.item.attempts, cycle.examined, cycle.found
            )  # fmt: skip
            if cycle.examined:
                self._start = (cycle.start + cycle.examined) % len(names)
            waits_for = NOTHING
            victims: Sequence[Pod] = ()
            if isinstance(decision, Wait):
                waits_for = self._explain_wait(ask, decision.reasons)
                victims = () if self._preemptor is None else self._preemptor.clear(ask)
            elif self._feedback is not None and node and ask.of_policy:
                self._feedback.bound(ask.item.pod.uid, ask.pod, node, self._clock.now)
            steps.append((ask.item, decision, node, waits_for, victims))
        if self._unseen:
            unseen, self._unseen = self._unseen, {}
            for obj in unseen.values():
                self._see(obj)
        took = settings.cycle_ns * len(asks)
        if settings.thinking is not None:
            first = asks[0].pod
            u = self._rng.draw("policy-thinking", key(first.name), first.attempt)
            took += round(float(settings.thinking.sample(np.array([u]))[0]))
        if took:
            self._decided = self._clock.after(took, self._after_thought, steps)
        else:
            self._carry_out(steps)

    def _explain_wait(self, ask: Ask, reasons: tuple[Reason, ...]) -> Event:
        """Say why, once for as long as it stays the same; which events may change it."""
        refused, events = ask.cycle.verdict().refusals()
        if ask.item.why != (refused, reasons):
            ask.item.why = (refused, reasons)
            text = said(reasons) or counted(ask.cycle)
            self._recorder.events.add(self._clock.now, "FailedScheduling", ask.subject, "", text)
        return events

    def _after_thought(self, steps: list[Step]) -> None:
        self._decided = None
        self._carry_out(steps)
        self._next()

    def _carry_out(self, steps: list[Step]) -> None:
        for item, decision, node, waits_for, victims in steps:
            if item.pod.uid not in self.queue:
                continue  # it was deleted, or bound by somebody else, meanwhile
            if isinstance(decision, Bind):
                self._bindings.reserve(item, node, decision.devices)
            elif isinstance(decision, Reject):
                self._bindings.reject(item, said(decision.reasons))
            else:
                if victims and self._preemptor is not None:
                    self._preemptor.delete(victims, item.pod.name)
                self.queue.fail(item, waits_for)
