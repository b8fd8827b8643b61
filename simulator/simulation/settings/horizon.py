"""Open Horizon's page as the settings of its mechanisms: field by field, nothing decided here."""

from __future__ import annotations

from simulator.control.agreements.settings import AgentSettings, HubSettings, ModelSettings, PollSettings
from simulator.runtime.settings import AgentSettings as EngineSettings
from simulator.runtime.settings import MemorySettings
from simulator.simulation.settings.pulling import pulls
from simulator.spec.mechanism import Agreement, Autonomy, CancelAgreement, Docker, ModelObjects, NodeAgent, PollAge
from simulator.spec.orchestrator import Orchestrator
from simulator.units import SECOND


def polls(page: Orchestrator) -> PollSettings:
    """How an agent polls."""
    of = page.get(Agreement)
    return PollSettings(
        least_ns=of.poll_from,
        most_ns=of.poll_to,
        step_ns=of.poll_step,
        quiet_ns=of.poll_quiet,
        timeout_ns=of.request_timeout,
        syn_ns=of.syn_timeout,
        retries=of.poll_retries,
        gap_ns=of.poll_gap,
        failed_ns=of.heartbeat_failed,
        restore=of.restored == "previous",
        bytes=of.poll_bytes,
    )


def agent(page: Orchestrator) -> AgentSettings:
    """The agent."""
    of, cancel = page.get(Agreement), page.get(CancelAgreement)
    return AgentSettings(
        polls=polls(page),
        retry_ns=of.call_retry,
        accepted_ns=of.acknowledge_timeout,
        launch_ns=of.launch_timeout,
        govern_ns=cancel.governance,
        verify=cancel.verify_on_return,
        verify_ns=cancel.verify_every,
        verify_most=cancel.verify_most,
        change_log_ns=of.change_log,
        message_bytes=of.message_bytes,
        status_bytes=of.status_bytes,
        resync_bytes=of.resync_bytes,
    )


def hub(page: Orchestrator) -> HubSettings:
    """Exchange and AgBot."""
    of, age = page.get(Agreement), page.get(PollAge)
    return HubSettings(
        poll_ns=of.hub_poll,
        search_ns=of.search,
        batch=of.search_batch,
        active_ns=of.search_active,
        error_ns=of.error_rescan,
        policy_ns=of.policy_check,
        govern_ns=age.governance,
        reply_ns=of.proposal_timeout,
        ttl_ns=of.message_ttl,
        purge_ns=page.get(CancelAgreement).purge,
        missing_ns=age.missing,
        check_ns=age.check,
        half_above_ns=age.half_above,
        start_retries=of.start_retries,
        window_ns=of.retry_window,
        message_bytes=of.message_bytes,
    )


def models(page: Orchestrator) -> ModelSettings:
    """Model objects."""
    of = page.get(ModelObjects)
    return ModelSettings(of.poll, of.chunk, of.queue, of.resend, of.copies, of.bytes)


def engine(page: Orchestrator) -> EngineSettings:
    """The container engine, as what runs pods: it restarts by itself, keeps nothing in reserve and limits no pulls."""
    of = page.get(Docker)
    return EngineSettings(
        pulls=pulls(of, parallel=True, registry=(float(SECOND), SECOND)),  # one each nanosecond: it has no limiter
        memory=MemorySettings(
            reserved_bytes=0,
            threshold_bytes=None,
            check_ns=of.memory_check,
            cleanup_ns=of.memory_check,
            transition_ns=of.memory_check,
        ),
        reserved_cpu_m=0,
        crash_first_ns=of.restart_backoff.first,
        crash_cap_ns=of.restart_backoff.cap,
        crash_factor=of.restart_backoff.factor,
        crash_reset_ns=of.restart_backoff.reset,
        relist_ns=of.notice,
        resync_ns=of.notice,
        resync_jitter=0.0,
        status_ns=of.memory_check,
        after_reboot=page.get(Autonomy).after_reboot_offline,
        start_ns=page.get(NodeAgent).start or 0,
    )
