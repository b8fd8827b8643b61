"""What a hub of agreements and its agents wait, count and send. Times in ns, sizes in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PollSettings:
    """An agent's polls of the Exchange.

    Their interval grows by `step_ns` from `least_ns` to `most_ns`; before a node's first agreement not until it has
    been registered for `quiet_ns`. A request that nobody answers ends after `timeout_ns`; a poll is `retries` + 1
    requests, `gap_ns` apart. Polls that have failed for `failed_ns` are a failed heartbeat. `restore`: the first poll
    that succeeds again brings back the interval of before, else the shortest one stays.
    """

    least_ns: int
    most_ns: int
    step_ns: int
    quiet_ns: int
    timeout_ns: int
    syn_ns: int  # a dial repeats its SYN after 1, 2, 4 … of these
    retries: int
    gap_ns: int
    failed_ns: int
    restore: bool
    bytes: int  # of a poll, and of its answer without messages

    @property
    def alert_ns(self) -> int:
        """The interval after something that deserves attention but is no negotiation."""
        return (self.least_ns + self.most_ns) // 2


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The agent of a node, beside its polls."""

    polls: PollSettings
    retry_ns: int  # after a call, or the start-up sync, that failed in transport; without limit
    accepted_ns: int  # AgreementTimeoutS: how long an accepted agreement may wait for its acknowledgement
    launch_ns: int  # MaxAgreementPrelaunchTimeM: how long until its containers run
    govern_ns: int  # period of its governance
    verify: bool  # ask about every agreement when the heartbeat is restored
    verify_ns: int  # ask again after more than this
    verify_most: int  # and cancel after more than so many questions without an answer
    change_log_ns: int  # older changes are gone from the Exchange: then everything is read anew
    message_bytes: int
    status_bytes: int
    resync_bytes: int


@dataclass(frozen=True, slots=True)
class HubSettings:
    """Exchange and AgBot."""

    poll_ns: int  # how often the AgBot reads its changes and messages
    search_ns: int  # NewContractIntervalS
    batch: int  # nodes that one search may propose to
    active_ns: int  # only nodes heard of within this are found
    error_ns: int  # a negotiation that failed is tried again after this
    policy_ns: int  # how often changed services are looked for
    govern_ns: int  # ProcessGovernanceIntervalS
    reply_ns: int  # ProtocolTimeoutS
    ttl_ns: int  # of a message in a node's mailbox
    purge_ns: int  # of archived agreements
    missing_ns: int  # a heartbeat older than this is missing; 0: never looked at
    check_ns: int  # how often heartbeats are looked at, and how long a final agreement may lack its record; 0: never
    half_above_ns: int  # a check period above this is halved
    start_retries: int  # a version that fails to start more often than this within `window_ns` gives way to an older
    window_ns: int
    message_bytes: int

    @property
    def scan_ns(self) -> int:
        """The real period of the heartbeat checks: halved where it is long, and whole passes of governance."""
        wanted = self.check_ns // 2 if self.check_ns > self.half_above_ns else self.check_ns
        return -(-wanted // self.govern_ns) * self.govern_ns


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How model objects reach the nodes: the sync service of a node polls that of the cloud."""

    poll_ns: int
    chunk_bytes: int
    at_once: int  # objects on their way to one node
    resend_ns: int  # a chunk that failed is asked for again after this
    copies: int  # of an object that a node's disk holds
    bytes: int  # of a request
