"""The tables of a run: one row per fact, the unit in the column's name. This file is their documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# "time" is recorded in integer ns and leaves as float seconds; "code" is a string, stored once per value.
Kind = Literal["time", "int", "float", "bool", "code"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name (with unit), how it is stored, and what it means."""

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table: its name, what one row is, and its columns in the order in which rows are added."""

    name: str
    row: str
    columns: tuple[Column, ...]


EVENTS = Table(
    "events",
    "something that happened, in the words of `kubectl get events` where Kubernetes has a word",
    (
        Column("time_s", "time", "when"),
        Column("kind", "code", "NodeNotReady, TaintAdded, Pulling, Started, Killing, CutStarted, …"),
        Column("subject", "code", "the pod, node, link or component that it happened to"),
        Column("node", "code", "the node where it happened, or empty"),
        Column("detail", "code", "reason or mode, or empty"),
    ),
)

PODS = Table(
    "pods",
    "a change of one truth about one pod",
    (
        Column("time_s", "time", "when that truth changed"),
        Column("pod", "code", "pod name (a replacement has another name)"),
        Column("owner", "code", "workload that it belongs to"),
        Column("node", "code", "node, or empty while it has none"),
        Column("truth", "code", "believed (API server), stored (node's agent) or running (containers)"),
        Column(
            "state",
            "code",
            "believed: Pending Scheduled Running Ready NotReady Terminating Failed Succeeded Deleted; "
            "stored: desired removed; running: started stopped",
        ),
    ),
)

NODES = Table(
    "nodes",
    "a change of one truth about one node",
    (
        Column("time_s", "time", "when that truth changed"),
        Column("node", "code", "node name"),
        Column(
            "truth",
            "code",
            "believed (its Ready condition at the API server), running (what it is), "
            "or path (the network between it and its API server)",
        ),
        Column("state", "code", "believed: Ready NotReady Unknown; running: up down; path: open cut"),
    ),
)

MEMORY = Table(
    "memory",
    "a change of what the pods of one node hold of its memory",
    (
        Column("time_s", "time", "when"),
        Column("node", "code", "node name"),
        Column("held_bytes", "int", "all of them together, with their runtimes' own and what they share, from then on"),
    ),
)

LINKS = Table(
    "links",
    "a change of a link's state",
    (
        Column("time_s", "time", "when"),
        Column("link", "code", "link name"),
        Column("state", "code", "up, cut, or apart: a radio's link to a cell that does not serve it"),
        Column("mode", "code", "silent, refused, lossy or one-way of one that is cut, or apart; empty when up"),
    ),
)

CARRIED = Table(
    "carried",
    "what one direction of a link carried in one interval, where it was at least a byte. Only where a scenario asks "
    "for it (`record: {links: true}`)",
    (
        Column("start_s", "time", "start of the interval"),
        Column("link", "code", "link name"),
        Column("sender", "code", "the node at the end from which it went"),
        Column(
            "carried_bytes",
            "float",
            "of transfers, requests and readings as they were sent; of control messages that arrived in the interval",
        ),
        Column("room_bytes", "float", "what it carries at its rate in that time, whether or not it was cut"),
    ),
)

REQUESTS = Table(
    "requests",
    "one sampled request of a user (not its inner calls), by the time it was issued",
    (
        Column("issued_s", "time", "when it was issued"),
        Column("flow", "code", "workload item that issued it"),
        Column("source", "code", "node that issued it"),
        Column("zone", "code", "zone of the source"),
        Column("target", "code", "service asked for"),
        Column("outcome", "code", "completed, timeout, no-endpoint, refused, lost, died, or in-flight at the end"),
        Column("latency_s", "float", "from issue to outcome, in seconds; NaN while in flight"),
        Column("attempts", "int", "tries made; 0 while in flight"),
    ),
)

TRAFFIC = Table(
    "traffic",
    "requests of one flow, source zone and interval; exact counts, each at its own event's time",
    (
        Column("start_s", "time", "start of the interval"),
        Column("flow", "code", "workload item that issued them"),
        Column("zone", "code", "zone of the sources"),
        Column("issued", "int", "requests issued in the interval"),
        Column("completed", "int", "requests completed in the interval"),
        Column("timeout", "int", "requests whose last try timed out in the interval"),
        Column("no_endpoint", "int", "requests that found no endpoint"),
        Column("refused", "int", "requests refused: a cut in mode refused, or a pod that does not listen"),
        Column("lost", "int", "requests lost on a link and never answered (no time-out was set)"),
        Column("died", "int", "requests in service at a pod or node that died"),
        Column("mean_latency_s", "float", "mean latency of those completed, in seconds; NaN if none"),
        Column("p50_latency_s", "float", "median, from a sketch with 1 % relative error"),
        Column("p95_latency_s", "float", "95th percentile, likewise"),
        Column("p99_latency_s", "float", "99th percentile, likewise"),
        Column("max_latency_s", "float", "the largest, exact"),
    ),
)

MESSAGES = Table(
    "messages",
    "telemetry of one flow, source zone and interval; exact counts, each at its own event's time",
    (
        Column("start_s", "time", "start of the interval"),
        Column("flow", "code", "workload item that sent them"),
        Column("zone", "code", "zone of the sources"),
        Column("created", "int", "readings made"),
        Column("delivered", "int", "readings that arrived at the target"),
        Column("lost", "int", "readings lost: on the way, dropped where there was no room, or gone with a memory"),
        Column(
            "late",
            "int",
            "readings, among those delivered, that took over one interval of their flow longer than an unloaded way",
        ),
        Column("superseded", "int", "values of a device twin that a newer one replaced before they were sent"),
        Column("mean_age_s", "float", "mean age at arrival, in seconds; NaN if none arrived"),
        Column("max_age_s", "float", "largest age at arrival, in seconds"),
        Column(
            "mean_stamped_age_s",
            "float",
            "mean age at arrival as the receiver computes it, from its clock and the stamp of the device's; NaN where "
            "no clock has been wrong",
        ),
    ),
)

SPOOLS = Table(
    "spools",
    "messages of one telemetry flow, source zone and interval at gateways that keep what they cannot send on; those in "
    "a spool at any time are came + returned - left - full - expired - wiped, up to then",
    (
        Column("start_s", "time", "start of the interval"),
        Column("flow", "code", "workload item that sent them"),
        Column("zone", "code", "zone of the sources"),
        Column("came", "int", "messages that came to the gateway"),
        Column("left", "int", "messages that the gateway began to send on"),
        Column("returned", "int", "messages that were under way when the connection broke, and wait again"),
        Column("full", "int", "messages lost because there was no room"),
        Column("expired", "int", "messages lost because they had waited for too long"),
        Column("wiped", "int", "messages lost with the gateway's memory"),
        Column("duplicate", "int", "messages that arrived once more: nobody knew that they had"),
    ),
)

COMMANDS = Table(
    "commands",
    "commands of one flow, zone of the devices and interval, each at its own event's time; those in spools at any time "
    "are came + returned - left - full - expired - wiped, up to then",
    (
        Column("start_s", "time", "start of the interval"),
        Column("flow", "code", "workload item that sent them"),
        Column("zone", "code", "zone of the devices"),
        Column("given", "int", "commands given"),
        Column("delivered", "int", "commands that arrived at their device"),
        Column("lost", "int", "commands lost: on the way, or in a spool, for whichever reason"),
        Column(
            "late", "int", "commands delivered that took over one interval of their flow longer than an unloaded way"
        ),
        Column("came", "int", "commands that came to a spool"),
        Column("left", "int", "commands that began to be sent on from there"),
        Column("returned", "int", "commands that were under way when the connection broke, and wait again"),
        Column("full", "int", "commands lost because there was no room"),
        Column("expired", "int", "commands lost because they had waited for too long"),
        Column("wiped", "int", "commands lost with a gateway's memory"),
        Column("duplicate", "int", "commands that arrived once more: nobody knew that they had"),
        Column("mean_delay_s", "float", "mean time from being given to arrival, in seconds; NaN if none arrived"),
        Column("max_delay_s", "float", "the longest, in seconds"),
    ),
)

AGES = Table(
    "ages",
    "age of information of one telemetry flow, source zone and interval: how old the newest reading is that has "
    "arrived from a source, as time goes by, from the first arrival on",
    (
        Column("start_s", "time", "start of the interval"),
        Column("flow", "code", "workload item that sent the readings"),
        Column("zone", "code", "zone of the sources"),
        Column("known_s", "float", "time, added up over the sources, in which a reading had arrived already"),
        Column("mean_s", "float", "mean age over that time, in seconds"),
        Column("peak_s", "float", "largest age, in seconds"),
    ),
)

DECISIONS = Table(
    "decisions",
    "one answer of a placement policy",
    (
        Column("time_s", "time", "when it was answered"),
        Column("pod", "code", "pod asked about; of Scale the Deployment, of Pull the image"),
        Column("decision", "code", "Bind, Wait, Reject, Evict, Migrate, Scale (a change), Pull or policy_error"),
        Column("node", "code", "node bound to, cleared, moved to, or to pull; or empty"),
        Column("attempt", "int", "how often this pod was asked about, from 1; 0: a loop asked, not the scheduler"),
        Column("examined", "int", "nodes examined in this cycle"),
        Column("feasible", "int", "nodes found feasible in this cycle"),
    ),
)

MIGRATIONS = Table(
    "migrations",
    "one running pod's way to another node (live or state), when it was over",
    (
        Column("time_s", "time", "when its twin, prepared, asked for its memory"),
        Column("pod", "code", "the pod that ran; empty if its node never agreed"),
        Column("twin", "code", "the pod that goes on in its place"),
        Column("source", "code", "the node that it left"),
        Column("target", "code", "the node that it went to"),
        Column("how", "code", "live (pre-copy) or state (stop and copy)"),
        Column("outcome", "code", "done, or failed: the source went on"),
        Column("rounds", "int", "of pre-copy, while the source ran"),
        Column("sent_bytes", "float", "in all rounds, and in the stop"),
        Column("downtime_s", "float", "neither answered; NaN where the target died before it went on"),
        Column("took_s", "float", "from the question to the end"),
    ),
)

DELIVERIES = Table(
    "deliveries",
    "one event in the life of one control message between a control plane and a node; renewals of leases, polls and "
    "keep-alives are not among them",
    (
        Column("time_s", "time", "when"),
        Column("node", "code", "the node at the other end"),
        Column("direction", "code", "down (to the node) or up (from it)"),
        Column("kind", "code", "what it carries: pod, status, node, request (for a list), list, endpoints, proposal, "
               "reply, object, model, …"),
        Column("about", "code", "the object that it is about: a pod's name, a service's, what a list is of, or empty"),
        Column("event", "code", "sent (first given to its connection, whether or not the way is open), resent; its one "
               "end: delivered, lost (with a node's power or a connection that was given up; at that instant, or when "
               "it would have arrived if it was under way), superseded (by a newer one of the same object), dropped "
               "(nobody waited for it); duplicate (arrived again)"),
        Column("cause", "code", "of this or the latest sending: change (something happened), resync (a connection came "
               "back), or retry (nothing had answered)"),
        Column("size_bytes", "int", "its size"),
    ),
)  # fmt: skip

CLUSTERS = Table(
    "clusters",
    "a change of one truth about one member cluster of a multi-cluster control plane",
    (
        Column("time_s", "time", "when that truth changed"),
        Column("cluster", "code", "the member's name"),
        Column(
            "truth",
            "code",
            "believed (its Ready condition at the hub), running (its API server), or path (the network between both)",
        ),
        Column("state", "code", "believed: Ready NotReady Unknown; running: up down; path: open cut"),
    ),
)

FUNCTIONS = Table(
    "functions",
    "requests and instances of one function in one interval in which it had any; each counted at its own event's time",
    (
        Column("start_s", "time", "start of the interval"),
        Column("function", "code", "its name"),
        Column("issued", "int", "requests that arrived at the platform"),
        Column("begun", "int", "requests that began to be worked on"),
        Column("cold_starts", "int", "those of them that had waited for an instance to boot"),
        Column("completed", "int", "requests that were answered"),
        Column("refused", "int", "requests that found no room where no more instances are allowed"),
        Column("died", "int", "requests that ended with their instance"),
        Column("mean_cold_wait_s", "float", "mean wait of the cold starts, from arrival to begin; NaN if none"),
        Column("mean_latency_s", "float", "mean time from arrival to answer, of those completed; NaN if none"),
        Column("started", "int", "instances that the platform decided to start"),
        Column("gone", "int", "instances that it stopped or lost"),
        Column("mean_life_s", "float", "mean time from start to end, of those that are gone; NaN if none"),
        Column("instance_s", "float", "integral of the number of instances, booting ones among them"),
        Column("busy_s", "float", "integral of the number of instances with a request"),
        Column("idle_s", "float", "integral of the number of instances that are up and have none"),
        Column("idle_byte_s", "float", "the same times the memory that an instance asks for"),
    ),
)

ENERGY = Table(
    "energy",
    "what one part of a machine took in one interval, for one pod or for itself; the rows of a machine add up "
    "to the integral of its power, exactly. Only where a scenario asks for it, or has batteries, carbon or prices",
    (
        Column("start_s", "time", "start of the interval"),
        Column("node", "code", "node name"),
        Column("pod", "code", "pod name; empty: the machine itself (starts, unpacking, components, idle cores)"),
        Column(
            "part",
            "code",
            "cores (with all else of power.idle and power.max), radio, or port (of links that are no radio)",
        ),
        Column("supply", "code", "grid or battery"),
        Column("busy_core_s", "float", "core seconds of work; those beyond the machine's cores take no energy"),
        Column("energy_j", "float", "its work, and its share of the idle power, by the cores that it asks for"),
        Column("carbon_g", "float", "of that, if it came from the grid; NaN where no intensity is given"),
    ),
)

BATTERIES = Table(
    "batteries",
    "a change of what flows into or out of one battery; until its next row every power stays as it is",
    (
        Column("time_s", "time", "when"),
        Column("node", "code", "the machine that it feeds"),
        Column("state", "code", "on, or off: empty, and not charged enough to start again"),
        Column("charge_j", "float", "its charge at that instant"),
        Column("panel_w", "float", "what the panel can give"),
        Column("load_w", "float", "what the machine takes"),
        Column("curtailed_w", "float", "what nobody takes of the panel's"),
        Column("loss_w", "float", "what the battery loses"),
    ),
)

COSTS = Table(
    "costs",
    "what one thing with a price has cost after the warm-up",
    (
        Column("item", "code", "node, egress, data or energy"),
        Column("name", "code", "the node or link; empty for energy"),
        Column("cost_usd", "float", "price times quantity"),
    ),
)

TABLES = {
    t.name: t
    for t in (
        EVENTS, PODS, NODES, MEMORY, LINKS, CARRIED, REQUESTS,
        TRAFFIC, MESSAGES, SPOOLS, AGES, COMMANDS, DELIVERIES, CLUSTERS, DECISIONS, MIGRATIONS, FUNCTIONS,
        ENERGY, BATTERIES, COSTS,
    )
}  # fmt: skip
