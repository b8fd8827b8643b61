"""The agent of a node: it polls, agrees, has containers started and stopped, and asks whether its agreements stand.

Agreements are on its disk and outlive a reboot, as do the containers, which their engine restarts whatever the hub
says; but the agent governs nothing until the Exchange has answered its start-up sync. Model: anax governance.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.control.agreements.attempts import Attempts
from simulator.control.agreements.calls import Calls
from simulator.control.agreements.exchange import Exchange
from simulator.control.agreements.mailbox import ACK, CANCEL, INVALID, PROPOSAL, VALID, Mail, Offer
from simulator.control.agreements.poller import Poller
from simulator.control.agreements.settings import AgentSettings
from simulator.control.api.objects import Node
from simulator.control.delivery.reach import OK, SILENT, Reach
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.runtime.agent import NodeAgent
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.runtime.ticks import next_tick
from simulator.streams import Rng, key
from simulator.world.network import Network

Placed = Callable[[int, str, int], None]  # node, service, uid: these containers answer at the node's address now


@dataclass(slots=True, eq=False)
class Agreement:
    """One agreement as the node has stored it."""

    offer: Offer
    started: bool = False  # acknowledged: its containers were ordered
    ended: bool = False  # cancelled: its containers are being stopped
    unanswered: int = 0
    timer: Timer | None = None  # the acknowledgement's, then the launch's, time-out
    question: Timer | None = None  # while it is open whether it stands: when to ask again


class HorizonAgent:
    """One node's agent. It is the node agent's upstream: what containers do is reported by it."""

    __slots__ = ("_agreements", "_calls", "_clock", "_exchange", "_govern_ns", "_index", "_names", "_network",
                 "_node_agent", "_placed", "_reach", "_recorder", "_row", "_seen", "_settings", "_start",
                 "_starting", "_sync", "_took", "poller")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        network: Network,
        reach: Reach,
        *,
        row: int,
        exchange: Exchange,
        node: Node,
        agent: NodeAgent,
        settings: AgentSettings,
        placed: Placed,
    ) -> None:
        self._clock, self._recorder, self._reach, self._row = clock, recorder, reach, row
        self._exchange, self._node_agent, self._settings, self._placed = exchange, agent, settings, placed
        self._network = network
        self._index = reach.rows[row]
        self._names: dict[int, str] = {}  # uid -> agreement
        self._agreements: dict[str, Agreement] = {}
        self._seen: set[int] = set()  # numbers of the messages that were handled
        self._starting = False  # the start-up sync has not been answered
        self._sync: Timer | None = None
        self._took = 0
        self._start = Attempts(0, 0, settings.retry_ns, settings.polls.syn_ns)
        self._govern_ns = clock.now + int(settings.govern_ns * rng.draw("agent-govern", key(node.name)))
        self._calls = Calls(
            clock, recorder, network, reach, row=row, name=node.name, exchange=exchange, settings=settings
        )
        self.poller = Poller(
            clock, rng, network, reach, row=row, name=node.name, exchange=exchange, settings=settings.polls,
            answered=self._answered, restored=self._restored, broke=self._heartbeat_failed,
        )  # fmt: skip
        exchange.register(self._index, node, self.poller)
        agent.connect(self)
        agent.up_hooks.append(self._powered)

    # What its node's way and power do.

    def path_changed(self, booted: bool) -> None:
        """The way to the Exchange, or the node itself, has failed or come back."""
        if booted:
            self._halt()
        elif self._starting:
            self._plan_sync()
        elif self._node_agent.up:
            self.poller.path_changed()
            self._calls.path_changed()

    def _powered(self, up: bool) -> None:
        """The agent has started after a power cut, behind the container engine; or power is gone."""
        if up:
            self._starting = True
            self._start.begin(self._clock.now)
            self._plan_sync()
        else:
            self._halt()

    def _halt(self) -> None:
        """What was under way is forgotten."""
        self.poller.halt()
        self._calls.forget()
        _cancel(self._sync)
        self._sync, self._starting, self._took = None, False, 0
        for agreement in self._agreements.values():
            _cancel(agreement.timer)
            self._settled(agreement)

    def _plan_sync(self) -> None:
        """The start-up sync is tried until it is answered; while the way is broken no try can be."""
        state = int(self._reach.state[self._row])
        _cancel(self._sync)
        timeout = self._settings.polls.timeout_ns
        self._start.pass_until(self._clock.now, self._took)
        self._took = timeout if state == SILENT else 0
        self._sync = None
        if state == OK:
            self._sync = self._clock.at(self._start.succeeds(self._clock.now, timeout), self._synced)

    def _synced(self) -> None:
        """The Exchange answers: the agent works. It asks about every agreement that it finds on its disk."""
        self._sync, self._starting = None, False
        self.poller.start()
        for agreement in list(self._agreements.values()):
            if not agreement.started:  # never acknowledged, and the question would be for nothing
                self._end(agreement, "ended")
            elif not agreement.ended:
                self.poller.agreed()
        self._report_all()
        self._verify_all()

    # What polls bring.

    def _answered(self, mails: tuple[Mail, ...]) -> None:
        """A poll has brought messages."""
        for mail in mails:
            again = mail.number in self._seen
            mail.arrived = True
            self._note(mail, "duplicate" if again else "delivered")
            if not again:
                self._seen.add(mail.number)
                self._take(mail)
        numbers = tuple(mail.number for mail in mails)
        self._call("delete", "", self._exchange.delete, self._index, numbers)

    def _take(self, mail: Mail) -> None:
        agreement = self._agreements.get(mail.agreement)
        if mail.kind == PROPOSAL and mail.offer is not None:
            self._consider(mail.offer)
        elif agreement is None or agreement.ended:
            return
        elif mail.kind == ACK:
            self._begin(agreement)
        elif mail.kind == VALID:
            self._settled(agreement)
        elif mail.kind in (CANCEL, INVALID):
            self._end(agreement, "ended" if mail.kind == INVALID else "")

    def _consider(self, offer: Offer) -> None:
        """A proposal: accepted unless the node has an agreement about this service already."""
        taken = any(a.offer.service == offer.service and not a.ended for a in self._agreements.values())
        if taken:
            self._to_hub("reject", offer.agreement)
            return
        agreement = self._agreements[offer.agreement] = Agreement(offer)
        self._names[offer.uid] = offer.agreement
        agreement.timer = self._clock.at(
            self._pass(self._clock.now + self._settings.accepted_ns + 1), self._not_acknowledged, agreement
        )
        self._to_hub("accept", offer.agreement)
        self.poller.reset()

    def _begin(self, agreement: Agreement) -> None:
        """The hub has acknowledged: record it, and have its containers started."""
        if agreement.started:
            return
        agreement.started = True
        _cancel(agreement.timer)
        agreement.timer = self._clock.at(
            self._pass(self._clock.now + self._settings.launch_ns + 1), self._not_launched, agreement
        )
        offer = agreement.offer
        self._call("agreement", offer.agreement, self._exchange.record, self._index, offer.service, offer.agreement)
        self.poller.agreed()
        self._placed(self._index, offer.service, offer.uid)
        self._node_agent.admit(DesiredPod(offer.uid, offer.agreement, offer.template))

    def _not_acknowledged(self, agreement: Agreement) -> None:
        agreement.timer = None
        self._end(agreement, "ended")

    def _not_launched(self, agreement: Agreement) -> None:
        agreement.timer = None
        self._end(agreement, "failed")

    def _end(self, agreement: Agreement, tell: str) -> None:
        """The agreement is over: its containers stop, its record goes, and the hub is told unless it knows."""
        offer = agreement.offer
        agreement.ended = True
        self._settled(agreement)
        _cancel(agreement.timer)
        if agreement.started:
            self._call("agreement", offer.agreement, self._exchange.unrecord, self._index, offer.service,
                       offer.agreement)  # fmt: skip
            self.poller.alert()
            self._node_agent.remove(offer.uid, None)
        else:
            self._forget(offer.uid)
        if tell:
            self._to_hub(tell, offer.agreement)

    # Asking whether agreements stand.

    def _heartbeat_failed(self) -> None:
        node = self._exchange.nodes[self._index].name
        self._recorder.events.add(self._clock.now, "HeartbeatFailed", node, node, "")
        for agreement in self._agreements.values():
            self._settled(agreement)

    def _restored(self, gap_ns: int) -> None:
        """The heartbeat is back: every agreement is verified. After a very long gap the change log no longer tells what
        has changed, and everything is read anew."""
        node = self._exchange.nodes[self._index].name
        self._recorder.events.add(self._clock.now, "HeartbeatRestored", node, node, "")
        if gap_ns > self._settings.change_log_ns:
            size = self._settings.resync_bytes
            self._note_list("sent")
            self._network.send(self._reach.api_node, self._index, size, self._note_list, "delivered")
        self._report_all()
        self._verify_all()

    def _verify_all(self) -> None:
        if not self._settings.verify:
            return
        for agreement in self._agreements.values():
            if agreement.started and not agreement.ended:
                agreement.unanswered = 0
                self._ask(agreement, "resync")

    def _ask(self, agreement: Agreement, cause: str) -> None:
        self._to_hub("verify", agreement.offer.agreement, cause)
        _cancel(agreement.question)
        again = self._pass(self._clock.now + self._settings.verify_ns + 1)
        agreement.question = self._clock.at(again, self._not_answered, agreement)

    def _not_answered(self, agreement: Agreement) -> None:
        agreement.unanswered += 1
        if agreement.unanswered > self._settings.verify_most:
            self._end(agreement, "ended")
        else:
            self._ask(agreement, "retry")

    def _settled(self, agreement: Agreement) -> None:
        """No question about it is open."""
        _cancel(agreement.question)
        agreement.question = None

    # What the containers do.

    def status(self, uid: int, status: PodStatus) -> None:
        """Report containers; an agreement whose containers run has been launched."""
        name = self._names.get(uid)
        if name is None:
            return
        agreement = self._agreements[name]
        if status.phase == "Running" and not agreement.ended:
            _cancel(agreement.timer)
            agreement.timer = None
        if not self._starting:
            self._report(name, status, "change")

    def gone(self, uid: int) -> None:
        """The containers of an ended agreement have stopped."""
        self._forget(uid)

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        """The Exchange does not want to know."""

    def _report_all(self) -> None:
        for uid, name in self._names.items():
            run = self._node_agent.find(uid)
            if run is not None:
                self._report(name, PodStatus(run.phase, run.ready, run.reason, run.restarts), "resync")

    def _report(self, name: str, status: PodStatus, cause: str) -> None:
        self._calls.make(
            "status", name, self._settings.status_bytes, self._exchange.status, name, status, key=name, cause=cause
        )

    def _forget(self, uid: int) -> None:
        name = self._names.pop(uid, None)
        if name is not None:
            del self._agreements[name]

    # Ways to the hub.

    def _to_hub(self, kind: str, agreement: str, cause: str = "change") -> None:
        self._call(kind, agreement, self._exchange.to_hub, self._index, kind, agreement, cause=cause)

    def _call(self, kind: str, about: str, at_hub: Callable[..., object], *args: object, cause: str = "change") -> None:
        self._calls.make(kind, about, self._settings.message_bytes, at_hub, *args, cause=cause)

    def _pass(self, at: int) -> int:
        return next_tick(self._govern_ns, self._settings.govern_ns, at)

    def _note_list(self, event: str) -> None:
        node, size = self._exchange.nodes[self._index].name, self._settings.resync_bytes
        self._recorder.deliveries.add(self._clock.now, node, "down", "list", "", event, "resync", size)

    def _note(self, mail: Mail, event: str) -> None:
        node = self._exchange.nodes[self._index].name
        size = self._settings.message_bytes
        self._recorder.deliveries.add(
            self._clock.now, node, "down", mail.kind, mail.agreement, event, "change", size
        )  # fmt: skip


def _cancel(timer: Timer | None) -> None:
    if timer is not None:
        timer.cancel()
