"""Which way each metric of the glossary is better: what a rank table and a Pareto front need to know."""

from __future__ import annotations

from typing import Final, Literal

Better = Literal["up", "down"]

UP: Final = frozenset(
    {
        *("availability", "requests_completed", "delivered_messages", "commands_delivered", "offline_running_ratio"),
        *("pods_started", "start_rate", "allocated_accelerators"),
        *("all_up_ratio", "link_up_ratio", "majority_links_up_ratio", "lowest_charge_j", "solar_j"),
    }
)

# More of these is neither good nor bad: what was asked for, and what a policy did for it.
NEITHER: Final = frozenset(
    {
        *("requests_issued", "requests_in_flight", "superseded_messages", "pod_seconds", "decisions"),
        *("mean_instances", "busy_instances", "instance_life_s", "host_commits"),
        *("spooled_messages", "messages_in_flight", "handovers", "migrations"),
        *("commands_given", "commands_waiting", "commands_in_flight"),
    }
)

# What is weighed against each other when a policy is chosen: latency, loss, energy and money.
TRADED: Final = frozenset(
    {
        *("mean_latency_s", "p50_latency_s", "p95_latency_s", "p99_latency_s"),
        *("lost_messages", "energy_j", "cost_usd"),
    }
)


def better(metric: str) -> Better | None:
    """`up` where more of a metric is better, `down` where less is; None where neither is.

    Most metrics are a time until something, a loss, or something spent, of which less is better.
    """
    if metric in NEITHER:
        return None
    return "up" if metric in UP else "down"
