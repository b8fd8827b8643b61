"""How what is wanted reaches the nodes."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Count, Doubling, Ns, Part, Period, Rate, Some


class Watch(Part):
    """Agents list and watch the API server; changes are pushed to them, and a lost watch relists in full."""

    kind: Literal["watch"]
    write_latency: Ns  # of the API server, for one write
    watch_latency: Ns  # from a write to the control plane's own watchers
    relist: Literal["per-object-bytes"]
    pod_bytes: Bytes
    status_bytes: Bytes
    request_bytes: Bytes


class Agreement(Part):
    """A hub proposes, a node accepts, the hub acknowledges, all through mailboxes that the node polls."""

    kind: Literal["agreement"]
    poll_from: Period
    poll_to: Period
    poll_step: Period
    poll_quiet: Ns  # how long a node without an agreement polls as often as can be
    restored: Literal["previous", "shortest"]  # the interval once polls succeed again
    request_timeout: Period
    syn_timeout: Period
    poll_retries: Count
    poll_gap: Period
    heartbeat_failed: Ns
    call_retry: Period
    acknowledge_timeout: Period
    launch_timeout: Period
    hub_poll: Period
    search: Period
    search_batch: Some
    search_active: Period
    error_rescan: Period
    policy_check: Period
    proposal_timeout: Period
    message_ttl: Period
    start_retries: Count
    retry_window: Period
    change_log: Period
    poll_bytes: Bytes
    message_bytes: Bytes
    status_bytes: Bytes
    resync_bytes: Bytes
    agreement_ram: Bytes  # what the agent holds for each agreement
    agent_disk: Bytes


class ModelObjects(Part):
    """A sync service on each node polls that of the cloud for objects, and fetches them in chunks."""

    kind: Literal["model-objects"]
    poll: Period
    chunk: Bytes
    queue: Some
    resend: Period
    copies: Some
    bytes: Bytes


class AckedPush(Part):
    """Changes are pushed to each node's session, acknowledged when the node has written them, and looked up in a ledger
    each `ledger_resync`; of each object the newest `pending_per_object` wait. Agents without a session still watch."""

    kind: Literal["acked-push"]
    in_flight: Some
    pending_per_object: Some  # messages that wait; a newer one takes the place of the oldest
    ack_timeout: Period
    sends: Some  # of one message, before it goes back to the queue
    retry: Doubling
    retry_qps: Rate
    retry_burst: Some
    ledger_resync: Period
    write: Ns  # to the database on the node
    pod_bytes: Bytes
    status_bytes: Bytes
    ack_bytes: Bytes


class Propagation(Part):
    """A hub copies what it is given to member clusters: it writes there itself (push), or each has an agent (pull)."""

    kind: Literal["propagation"]
    mode: Literal["push", "pull"]  # of members that say nothing themselves
    qps: Rate  # of every client, of the hub's API server and of a member's
    burst: Some
    workers: Some
    retry: Doubling
    retry_qps: Rate
    retry_burst: Some
    write_latency: Ns  # of an API server, for one write
    watch_latency: Ns
    call_timeout: Period  # of a call to a member that answers nothing
    object_bytes: Bytes
    status_bytes: Bytes
    request_bytes: Bytes
