"""The AgBot: it looks for nodes that match, negotiates, watches heartbeats, and cancels what it believes lost.

It works in passes: it reads messages and changes, searches, and governs, each at a period of its own. Passes that have
nothing to do cost no event. Model: anax agreementbot.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from simulator.control.agreements.exchange import Exchange
from simulator.control.agreements.mailbox import ACK, CANCEL, INVALID, PROPOSAL, VALID, Offer
from simulator.control.agreements.matching import targets
from simulator.control.agreements.settings import HubSettings
from simulator.control.api.objects import DaemonSet, Deployment, Node, Pod, ReplicaSet
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.runtime.ticks import next_tick
from simulator.streams import Rng
from simulator.world.pod import PodTemplate

Publishable = DaemonSet | Deployment | ReplicaSet | Pod


@dataclass(slots=True)
class _Service:
    """What is published: its versions, the newest first, and the nodes that match."""

    versions: list[PodTemplate]
    nodes: dict[int, None]


@dataclass(slots=True, eq=False)
class Deal:
    """What the AgBot has with one node about one service: at most one agreement at a time.

    `pod` is the agreement as the hub believes it; `final` once the node has accepted.
    """

    service: str
    node: int
    pod: Pod | None = None
    final: bool = False
    made: int = 0  # agreements so far, to name them
    failures: list[int] = field(default_factory=list)  # when its containers failed to start
    older: int = 0  # versions that it has been rolled back
    timer: Timer | None = None  # the reply's, then the record's, time-out


class AgBot:
    """One AgBot beside one Exchange."""

    __slots__ = ("_archive", "_by_agreement", "_clock", "_deals", "_due", "_exchange", "_inbox", "_overdue", "_parked",
                 "_passes", "_read", "_recorder", "_search", "_services", "_settings", "_up")  # fmt: skip

    def __init__(
        self, clock: Clock, rng: Rng, recorder: Recorder, exchange: Exchange, *, settings: HubSettings, name: str = ""
    ) -> None:
        self._clock, self._recorder, self._exchange, self._settings = clock, recorder, exchange, settings
        self._up = True
        periods = {
            "read": settings.poll_ns, "search": settings.search_ns, "policy": settings.policy_ns,
            "govern": settings.govern_ns, "scan": settings.scan_ns,
        }  # fmt: skip
        self._passes = {
            what: (int(period * rng.draw(f"agbot-{what}/{name}")), period) for what, period in periods.items() if period
        }
        self._services: dict[str, _Service] = {}
        self._deals: dict[int, dict[str, Deal]] = defaultdict(dict)  # by node, then by service
        self._by_agreement: dict[str, Deal] = {}
        self._archive: dict[str, int] = {}  # agreement -> when it was cancelled
        self._due: dict[tuple[str, int], int] = {}  # not before when a node may be found for a service
        self._parked: dict[int, dict[str, None]] = defaultdict(dict)  # found by nobody until they are heard again
        self._inbox: list[tuple[str, str, int]] = []
        self._read: Timer | None = None
        self._search: Timer | None = None
        self._overdue: dict[int, Timer] = {}
        exchange.hub = self
        exchange.server.up_hooks.append(lambda _up: self._resume())

    # What others do to it.

    def publish(self, workload: Publishable) -> list[Node]:
        """Somebody publishes a service, or a new version of it; the nodes that match now.

        Nodes with an agreement about an older version get another one, when the AgBot has seen the change.
        """
        found = targets(workload, self._exchange.nodes.values())
        chosen = {self._exchange.names[node.name]: None for node in found}
        known = self._services.get(workload.name)
        if known is None:
            self._services[workload.name] = _Service([workload.template], chosen)
        else:
            known.versions.insert(0, workload.template)
            known.nodes = chosen
        seen = self._pass("policy", self._clock.now)
        if known is not None:
            self._clock.at(seen, self._replace, workload.name, workload.template)
        for index in chosen:
            if self._deal(workload.name, index).pod is None:
                self._want(workload.name, index, seen)
        return found

    def set_up(self, up: bool) -> None:
        """Stop or start the AgBot. Its database, and the messages to it, stay."""
        if up != self._up:
            self._up = up
            if up:
                now, period = self._clock.now, self._settings.scan_ns
                if period:  # a new process looks at its first pass of governance
                    self._passes["scan"] = (self._pass("govern", now + 1), period)
                self._resume()

    # What the Exchange tells; the AgBot learns it when it reads.

    def receive(self, kind: str, agreement: str, node: int) -> None:
        """A message of a node."""
        self._inbox.append((kind, agreement, node))
        if self._read is None and self._works:
            self._read = self._clock.at(self._pass("read", self._clock.now), self._read_all)

    def record_changed(self, node: int, service: str) -> None:
        """A node has written or deleted its record of an agreement."""
        deal = self._deals[node].get(service)
        if deal is None:
            return
        if (node, service) not in self._exchange.records:
            self._want(service, node, self._pass("read", self._clock.now))
        elif deal.final and deal.pod is not None and self._exchange.records[node, service] == deal.pod.name:
            _cancel(deal.timer)
            deal.timer = None

    def pulse_changed(self, node: int) -> None:
        """A node polls otherwise from now on."""
        if node in self._parked and self._active(node):
            for service in self._parked.pop(node):
                self._want(service, node, self._clock.now)
        self._watch(node)

    # Searching.

    @property
    def _works(self) -> bool:
        return self._up and self._exchange.server.up

    def _want(self, service: str, node: int, at: int) -> None:
        """The node may be found for this service by the first search at or after `at`."""
        self._due[service, node] = at
        self._plan_search(at)

    def _plan_search(self, at: int) -> None:
        if not self._works:
            return
        time = self._pass("search", max(at, self._clock.now))
        if self._search is None or self._search.time > time:
            _cancel(self._search)
            self._search = self._clock.at(time, self._find)

    def _find(self) -> None:
        """One search: it proposes to so many nodes at most, the rest is found by the next."""
        self._search = None
        if not self._works:
            return
        now, left = self._clock.now, self._settings.batch
        for (service, node), at in list(self._due.items()):
            if at > now or not left:
                continue
            del self._due[service, node]
            deal = self._deal(service, node)
            if (node, service) in self._exchange.records or deal.pod is not None:
                continue
            if node not in self._services[service].nodes:
                continue
            if self._active(node):
                self._propose(deal)
                left -= 1
            elif (heard := self._exchange.next_poll(node)) is not None:
                self._due[service, node] = heard + 1
            else:
                self._parked[node][service] = None
        if self._due:
            first = min(self._due.values())
            self._plan_search(max(first, now + 1))

    def _active(self, node: int) -> bool:
        return self._clock.now - self._exchange.heard(node) <= self._settings.active_ns

    # Negotiating.

    def _propose(self, deal: Deal) -> None:
        versions = self._services[deal.service].versions
        template = versions[min(deal.older, len(versions) - 1)]
        node = self._exchange.nodes[deal.node]
        deal.made += 1
        now = self._clock.now
        pod = Pod(f"{deal.service}-{node.name}-{deal.made}", template=template, node=node.name, scheduled_ns=now)
        deal.pod = self._exchange.server.create(pod)
        deal.final = False
        self._by_agreement[pod.name] = deal
        deal.timer = self._clock.at(self._pass("govern", now + self._settings.reply_ns + 1), self._no_reply, deal)
        self._exchange.tell(deal.node, PROPOSAL, pod.name, Offer(pod.name, pod.uid, template))

    def _no_reply(self, deal: Deal) -> None:
        deal.timer = None
        if self._works:
            self._end(deal, "no reply")
            self._want(deal.service, deal.node, self._clock.now + self._settings.error_ns)

    def _read_all(self) -> None:
        """One pass over the messages that have come."""
        self._read = None
        if not self._works:
            return
        inbox, self._inbox = self._inbox, []
        for kind, agreement, node in inbox:
            self._take(kind, agreement, node)

    def _take(self, kind: str, agreement: str, node: int) -> None:
        deal = self._by_agreement.get(agreement)
        match kind:
            case "accept" if deal is not None:
                if not deal.final:
                    self._finalize(deal)
                self._exchange.tell(node, ACK, agreement)
            case "accept":  # given up meanwhile
                self._exchange.tell(node, CANCEL, agreement)
            case "verify" if deal is not None:
                self._exchange.tell(node, VALID, agreement)
            case "verify":
                if self._clock.now - self._archive.get(agreement, -self._settings.purge_ns) < self._settings.purge_ns:
                    self._exchange.tell(node, INVALID, agreement)
            case "reject" | "ended" | "failed" if deal is not None:
                if kind == "failed":
                    self._roll_back(deal)
                self._end(deal, f"{kind} by node", tell=False)
                self._want(deal.service, node, self._clock.now + self._settings.error_ns)

    def _finalize(self, deal: Deal) -> None:
        _cancel(deal.timer)
        deal.final, deal.timer = True, None
        pod, settings = deal.pod, self._settings
        assert pod is not None
        self._recorder.events.add(self._clock.now, "AgreementReached", pod.name, pod.node, "")
        recorded = self._exchange.records.get((deal.node, deal.service)) == pod.name
        if settings.scan_ns and not recorded:
            late = self._pass("scan", self._clock.now + settings.check_ns + 1)
            deal.timer = self._clock.at(late, self._no_record, deal)
        self._watch(deal.node)

    def _no_record(self, deal: Deal) -> None:
        deal.timer = None
        if self._works:
            self._end(deal, "not recorded by node")
            self._want(deal.service, deal.node, self._clock.now + self._settings.error_ns)

    def _roll_back(self, deal: Deal) -> None:
        """A version that fails to start too often gives way to the one before."""
        now, settings = self._clock.now, self._settings
        deal.failures = [at for at in deal.failures if now - at < settings.window_ns] + [now]
        if len(deal.failures) > settings.start_retries and deal.older + 1 < len(self._services[deal.service].versions):
            deal.older += 1
            deal.failures.clear()

    def _replace(self, service: str, template: PodTemplate) -> None:
        """The AgBot sees that a service has changed: what was agreed about it before is cancelled."""
        if not self._works:
            self._clock.at(self._pass("policy", self._clock.now + 1), self._replace, service, template)
            return
        for deal in [deal for mine in self._deals.values() if (deal := mine.get(service)) is not None]:
            deal.older = 0
            deal.failures.clear()
            if deal.pod is not None and deal.pod.template is not template:
                self._end(deal, "service changed")
                self._want(service, deal.node, self._clock.now)

    def _end(self, deal: Deal, reason: str, tell: bool = True) -> None:
        """The hub gives an agreement up: it is archived, and the node is told if it can be."""
        pod = deal.pod
        if pod is None:
            return
        _cancel(deal.timer)
        deal.pod, deal.final, deal.timer = None, False, None
        del self._by_agreement[pod.name]
        self._archive[pod.name] = self._clock.now
        self._recorder.events.add(self._clock.now, "AgreementCancelled", pod.name, pod.node, reason)
        self._exchange.server.remove(pod)
        if tell:
            self._exchange.tell(deal.node, CANCEL, pod.name)
        self._watch(deal.node)

    # Governing.

    def _watch(self, node: int) -> None:
        """Plan the pass that will find this node's heartbeat missing, if one will."""
        _cancel(self._overdue.pop(node, None))
        if not self._works or not self._settings.scan_ns or not self._settings.missing_ns:
            return
        if any(deal.final for deal in self._deals[node].values()):
            origin, period = self._passes["scan"]
            at = self._exchange.overdue(node, self._settings.missing_ns, origin, period)
            if at is not None:
                self._overdue[node] = self._clock.at(at, self._check, node)

    def _check(self, node: int) -> None:
        del self._overdue[node]
        if not self._works:
            return
        if self._clock.now - self._exchange.heard(node) >= self._settings.missing_ns:
            believed = self._exchange.nodes[node]
            if believed.ready == "True":
                believed.ready = "Unknown"
                self._recorder.events.add(self._clock.now, "NodeNotReady", believed.name, believed.name, "heartbeat")
                self._exchange.server.changed(believed)
            for deal in [deal for deal in self._deals[node].values() if deal.final]:
                self._end(deal, "heartbeat missing")
                self._want(deal.service, node, self._clock.now + self._settings.error_ns)
        self._watch(node)

    def _deal(self, service: str, node: int) -> Deal:
        found = self._deals[node].get(service)
        if found is None:
            found = self._deals[node][service] = Deal(service, node)
        return found

    def _pass(self, what: str, at: int) -> int:
        origin, period = self._passes[what]
        return next_tick(origin, period, at)

    def _resume(self) -> None:
        """AgBot and Exchange work again, or one of them does not: plan anew what is to come."""
        if not self._works:
            return
        now = self._clock.now
        if self._inbox and self._read is None:
            self._read = self._clock.at(self._pass("read", now), self._read_all)
        if self._due:
            self._plan_search(max(now, min(self._due.values())))
        for deal in [deal for mine in self._deals.values() for deal in mine.values()]:
            if deal.pod is not None and not deal.final and deal.timer is None:
                deal.timer = self._clock.at(self._pass("govern", now), self._no_reply, deal)
            elif deal.final and deal.timer is None and (deal.node, deal.service) not in self._exchange.records:
                late = now + self._settings.check_ns + 1
                if self._settings.scan_ns:
                    deal.timer = self._clock.at(self._pass("scan", late), self._no_record, deal)
        for node in self._exchange.nodes:
            self._watch(node)


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()
