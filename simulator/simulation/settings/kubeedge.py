"""KubeEdge's page as the settings of its mechanisms."""

from __future__ import annotations

from simulator.control.api.queue import RetrySettings
from simulator.control.delivery.acked_push import AckedPushSettings
from simulator.control.delivery.dial_cycle import DialSettings
from simulator.control.delivery.edge_pods import EdgePodSettings
from simulator.control.delivery.push import PushSettings
from simulator.control.delivery.session import SessionSettings
from simulator.errors import Problem, UserError
from simulator.spec.mechanism import AckedPush, Autonomy, DialCycle, Session
from simulator.spec.orchestrator import Orchestrator
from simulator.world.message import Retransmission


def session(page: Orchestrator, tcp: Retransmission) -> SessionSettings:
    """How a node's connection to CloudCore is kept, lost and restored."""
    of, back = page.get(Session), page.get(DialCycle)
    return SessionSettings(
        keepalive_ns=of.keepalive,
        timeout_ns=of.cloud_timeout,
        dial_bytes=back.handshake_bytes,
        dial=DialSettings(
            back.dials, back.gap, back.pause, back.pause_first, back.handshake_timeout, back.syn_timeout
        ),
        tcp=tcp,
    )  # fmt: skip


def push(page: Orchestrator) -> AckedPushSettings:
    """How objects travel to the edge nodes."""
    of = page.get(AckedPush)
    retry = RetrySettings(of.retry.first, of.retry.cap, of.retry_qps, of.retry_burst)
    return AckedPushSettings(
        PushSettings(of.in_flight, of.pending_per_object, of.ack_timeout, of.sends, retry),
        of.ledger_resync,
        of.ack_bytes,
    )  # fmt: skip


def pods(page: Orchestrator) -> EdgePodSettings:
    """What an edge node stores of its pods, and reports. Raises UserError where it has nowhere to store them."""
    of, rules = page.get(AckedPush), page.get(Autonomy)
    if rules.cache is None:
        hint = "what a node has acknowledged is not sent again: write cache: edge-database under autonomy"
        raise UserError(Problem(f"{page.name} pushes objects to nodes that have no database", hint=hint))
    restores = bool({"keep", "restart"} & set(rules.after_reboot_offline))
    return EdgePodSettings(of.pod_bytes, of.status_bytes, of.write, page.get(DialCycle).status_flush, restores)
