"""The page of a hub as the settings of its mechanisms: field by field, nothing decided here."""

from __future__ import annotations

from typing import Literal

from simulator.control.api.queue import RetrySettings
from simulator.control.clusters.division import DivisionSettings
from simulator.control.clusters.failover import FailoverSettings
from simulator.control.clusters.hub import HubSettings
from simulator.control.clusters.lease import GraceSettings
from simulator.control.clusters.probe import ProbeSettings
from simulator.control.clusters.remote import RemoteSettings
from simulator.control.clusters.roster import RosterSettings
from simulator.control.clusters.wire import WireSettings
from simulator.control.liveness.lease import LeaseSettings
from simulator.control.scheduling.settings import Draws
from simulator.simulation.settings.connection import channel
from simulator.spec.mechanism import ClusterFailover, ClusterLease, ClusterStatus, Division, Propagation, Reconnect
from simulator.spec.orchestrator import Orchestrator
from simulator.world.message import Retransmission


def hub(
    page: Orchestrator,
    tcp: Retransmission,
    on_policy_error: Literal["fallback", "stop"],
    thinking: Draws | None = None,
) -> HubSettings:
    """The whole hub. `thinking` is what its policy takes for an answer, in ns."""
    of = page.get(Propagation)
    return HubSettings(
        qps=of.qps,
        burst=of.burst,
        latency_ns=of.write_latency,
        workers=of.workers,
        retry=RetrySettings(of.retry.first, of.retry.cap, of.retry_qps, of.retry_burst),
        remote=RemoteSettings(
            of.qps, of.burst, of.call_timeout, of.write_latency, of.object_bytes, of.request_bytes
        ),
        wire=WireSettings(channel(page, of.request_bytes), of.object_bytes, of.status_bytes),
        roster=roster(page, tcp),
        division=division(page, on_policy_error, thinking),
        failover=failover(page),
    )  # fmt: skip


def roster(page: Orchestrator, tcp: Retransmission) -> RosterSettings:
    """How members are heard of, in both modes."""
    poll, beat = page.get(ClusterStatus), page.get(ClusterLease)
    return RosterSettings(
        probe=ProbeSettings(
            poll.period, poll.timeout, poll.failure, poll.success, page.get(Reconnect).syn_timeout, tcp
        ),
        renew=LeaseSettings(beat.renew, beat.jitter, beat.retry_first, beat.retry_cap, tcp),
        grace=GraceSettings(beat.monitor, beat.pass_work, beat.grace, page.get(Propagation).watch_latency),
        status_bytes=poll.bytes,
    )  # fmt: skip


def division(
    page: Orchestrator, on_policy_error: Literal["fallback", "stop"], thinking: Draws | None
) -> DivisionSettings:
    """The scheduler."""
    of = page.get(Division)
    return DivisionSettings(of.cycle, of.history_step, of.history_samples, on_policy_error, thinking)


def failover(page: Orchestrator) -> FailoverSettings:
    """What becomes of the copies of a lost member."""
    of = page.get(ClusterFailover)
    return FailoverSettings(of.no_execute, of.gate, of.timeout, of.toleration, of.rate, of.purge, of.graceful)
