"""An orchestrator's page as the settings of its mechanisms: field by field, nothing decided here."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.control.api.queue import RetrySettings
from simulator.control.controllers.daemonset import DaemonSettings
from simulator.control.controllers.job import JobSettings
from simulator.control.controllers.manager import ManagerSettings
from simulator.control.delivery.proxy import ProxySettings
from simulator.control.delivery.watch import WatchSettings
from simulator.control.liveness.gc import GcSettings
from simulator.control.liveness.leader import LeaderSettings
from simulator.control.liveness.lease import LeaseSettings
from simulator.control.liveness.monitor import MonitorSettings
from simulator.control.liveness.zones import ZoneSettings
from simulator.control.scheduling.settings import Sampling, SchedulerSettings
from simulator.facts import Catalogue
from simulator.physics.distributions import Distribution
from simulator.physics.tcp import TcpBounds
from simulator.runtime.image_settings import ImageGcSettings
from simulator.runtime.settings import AgentSettings, MemorySettings
from simulator.simulation.settings.connection import channel
from simulator.simulation.settings.pulling import disk_pressure, pulls
from simulator.spec.mechanism import (
    Autonomy,
    ControllerManager,
    EndpointsFromApi,
    Framework,
    Kubelet,
    Lease,
    NodeAgent,
    Taints,
    Watch,
)
from simulator.spec.orchestrator import Orchestrator
from simulator.world.message import Retransmission

# Kubernetes' labels for the two domains over which it spreads pods by itself.
_DOMAINS: Mapping[str, str] = {"hostname": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}


def retransmission(catalogue: Catalogue, protocol: str = "tcp") -> Retransmission:
    """A protocol's, for links that lose packets."""
    tcp = catalogue.model("protocols", protocol)
    least, most = tcp.quantity("retransmit.least"), tcp.quantity("retransmit.most")
    return Retransmission(int(least), int(most), int(tcp.quantity("retransmit.tries")))


def bounds(catalogue: Catalogue) -> TcpBounds:
    """TCP's, for bulk transfers."""
    tcp = catalogue.model("protocols", "tcp")
    return TcpBounds(int(tcp.quantity("window")), int(tcp.quantity("segment")))


def lease(page: Orchestrator, tcp: Retransmission) -> LeaseSettings:
    """How agents renew their leases."""
    of = page.get(Lease)
    return LeaseSettings(of.renew, of.jitter, of.retry_first, of.retry_cap, tcp)


def watch(page: Orchestrator) -> WatchSettings:
    """How pods travel to the node agents, and their statuses back."""
    of = page.get(Watch)
    return WatchSettings(channel(page, of.request_bytes), of.pod_bytes, of.status_bytes)


def proxy(page: Orchestrator) -> ProxySettings:
    """How endpoints travel to the service proxies."""
    of = page.get(EndpointsFromApi)
    connection = channel(page, page.get(Watch).request_bytes)
    return ProxySettings(connection, of.min_sync, of.burst, of.slice_bytes, of.endpoint_bytes)


def manager(page: Orchestrator) -> ManagerSettings:
    """The controller manager and all its controllers."""
    of, beat, taints = page.get(ControllerManager), page.get(Lease), page.get(Taints)
    return ManagerSettings(
        qps=of.qps,
        burst=of.burst,
        latency_ns=page.get(Watch).write_latency,
        retry=RetrySettings(of.retry.first, of.retry.cap, of.retry_qps, of.retry_burst),
        workers=of.workers,
        daemon_workers=of.daemon_workers,
        create_burst=of.most_per_sync,
        history=of.history,
        daemon=DaemonSettings(of.daemons_per_sync, of.daemon_backoff.first, of.daemon_backoff.cap),
        job=JobSettings(of.job_backoff.first, of.job_backoff.cap),
        gc=GcSettings(taints.gc_period, taints.gc_quarantine),
        monitor=MonitorSettings(
            monitor_ns=beat.monitor,
            work_ns=beat.pass_work,
            grace_ns=beat.grace,
            loop_ns=taints.loop,
            zones=ZoneSettings(
                taints.node_rate,
                taints.secondary_rate,
                taints.unhealthy_zone,
                taints.unhealthy_nodes,
                taints.large_zone,
            ),
        ),
        leader=leader(page),
    )  # fmt: skip


def leader(page: Orchestrator, copies: int = 1) -> LeaderSettings:
    """How the copies of a component elect one that works."""
    of = page.get(Lease).leader
    return LeaderSettings(of.lease, of.renew_deadline, of.retry, of.jitter, copies, of.elect)


def scheduler(page: Orchestrator, thinking: Distribution | None, on_policy_error: str) -> SchedulerSettings:
    """The scheduler, with what the scenario says of its policy."""
    of = page.get(Framework)
    sample, back, left = of.sample, of.backoff, of.leftover
    spread = ((_DOMAINS["hostname"], of.default_spread.hostname), (_DOMAINS["zone"], of.default_spread.zone))
    return SchedulerSettings(
        filters=of.filters,
        scores=tuple(of.scores.items()),
        sampling=Sampling(
            sample.least_nodes, sample.base_percent, sample.nodes_per_percent, sample.least_percent
        ),
        cycle_ns=of.cycle,
        backoff_first_ns=back.first,
        backoff_cap_ns=back.cap,
        backoff_flush_ns=back.flush,
        leftover_age_ns=left.age,
        leftover_flush_ns=left.flush,
        unset_cpu_m=of.unset.cpu,
        unset_ram_bytes=of.unset.ram,
        image_least_bytes=of.image_locality.least,
        image_most_bytes=of.image_locality.most,
        default_spread=spread,
        hard_affinity_weight=of.hard_affinity_weight,
        thinking=thinking,
        on_policy_error="stop" if on_policy_error == "stop" else "fallback",
    )  # fmt: skip


def agent(page: Orchestrator) -> AgentSettings:
    """The node agent."""
    of, installed = page.get(Kubelet), page.find(NodeAgent)
    gc = of.image_gc
    return AgentSettings(
        pulls=pulls(
            of,
            parallel=of.image_pulls == "parallel",
            registry=(of.registry_qps, of.registry_burst),
            gc=None if gc is None else ImageGcSettings(gc.high, gc.low, gc.least_age, gc.check),
        ),
        memory=MemorySettings(
            reserved_bytes=of.reserved_ram,
            threshold_bytes=of.memory_eviction,
            check_ns=of.eviction_check,
            cleanup_ns=of.eviction_cleanup,
            transition_ns=of.pressure_transition,
        ),
        reserved_cpu_m=of.reserved_cpu,
        crash_first_ns=of.crash_backoff.first,
        crash_cap_ns=of.crash_backoff.cap,
        crash_factor=of.crash_backoff.factor,
        crash_reset_ns=of.crash_backoff.reset,
        relist_ns=of.relist,
        resync_ns=of.sync_retry,
        resync_jitter=of.sync_jitter,
        status_ns=of.status_update,
        after_reboot=page.get(Autonomy).after_reboot_offline,
        start_ns=(installed and installed.start) or 0,
        network_ns=(installed and installed.network) or 0,
        waits_for_server=installed is not None and installed.waits_for_server,
        disk=disk_pressure(of),
    )
