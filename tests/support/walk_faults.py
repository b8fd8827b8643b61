"""Faults, one key at a time."""

from __future__ import annotations

from typing import Any

from walk import SITE, Move, fault


def faulty(parameter: str, usual: dict[str, Any], column: str, sign: str, **other: Any) -> Move:
    """A fault as usual, and with something else; None takes a key away."""
    (item,) = usual["faults"]
    changed = {key: value for key, value in {**item, **other}.items() if value is not None}
    return Move(parameter, usual, {**usual, "faults": [changed]}, column, sign)


OUT = fault("outages", at="0s", link="lan", up="20s", down="5s")
SPLIT = fault("partition", between=["d", "gw"], duration="20s")
ZONE = fault("zone-outage", zone="site", duration="20s")
DARK = fault("power-cut", node="gw", duration="20s")
FAIL = fault("failures", at="0s", node="gw", up="20s", down="5s")
HOT = fault("slow", node="gw", factor=0.5, duration="60s")
FULL = fault("disk-fill", node="gw", share="99%", duration="20s")
WORN = fault("wear", node="gw", endurance="1GB", worn="50%", writes="20MB/s")
LOSSY = {"mode": "lossy", "loss": "5%"}
MEANWHILE = {"kind": "update", "at": "30s", "workload": "api", "image": "j"}
TWO_IMAGES = {"images": {"i": SITE["images"]["i"], "j": SITE["images"]["i"]}}
DEAF = {"faults": [{"kind": "stop", "component": "scheduler", "at": "0s", "duration": "30s"}]}
OFF = {"kind": "crash", "node": "gw", "at": "60s", "reboot_after": "5s"}
LOSS = {"kind": "clock-loss", "node": "gw", "at": "0s"}
TWO_BOARDS = {"topology.nodes.d.model": "raspberry-pi-4b"}
FAULTS = [
    Move(
        "ClockLoss.at",
        {"faults": [OFF, LOSS]},
        {"faults": [OFF, LOSS | {"at": "90s"}]},
        "events.kind?kind=ClockWrong",
        "-",
    ),
    Move(
        "ClockLoss.node",
        TWO_BOARDS | {"faults": [OFF, LOSS | {"node": "d"}]},
        TWO_BOARDS | {"faults": [OFF, LOSS]},
        "events.kind?kind=ClockWrong",
        "+",
    ),
    faulty("Crash.at", fault("crash", node="gw"), "events.time_s?kind=NodeCrashed", "+", at="60s"),
    faulty("Outages.at", OUT, "link_up_ratio", "+", at="60s"),
    faulty("Outages.link", OUT, "links.link?link=wan", "+", link="wan"),
    faulty("Outages.node", OUT, "links.link?link=wan", "+", link=None, node="gw"),
    faulty("Outages.zone", OUT, "links.link?link=wan", "+", link=None, zone="site"),
    faulty("Outages.up", OUT, "link_up_ratio", "+", up="50s"),
    faulty("Outages.down", OUT, "link_up_ratio", "-", down="15s"),
    faulty("Outages.mode", OUT, "traffic.refused", "+", mode="refused"),
    faulty(
        "Outages.loss",
        fault("outages", at="0s", link="lan", up="1s", down="60s", **LOSSY),
        "requests.latency_s",
        "+",
        loss="60%",
    ),
    faulty(
        "Outages.direction",
        fault("outages", at="0s", link="lan", up="20s", down="5s", mode="one-way", direction="up"),
        "lost_messages",
        "+",
        direction="down",
    ),
    faulty("Outages.trace", fault("outages", link="lan", trace="early.csv"), "link_up_ratio", "-", trace="often.csv"),
    faulty(
        "Outages.windows",
        fault("outages", link="lan", windows=[{"at": "5s", "duration": "5s"}]),
        "link_up_ratio",
        "-",
        windows=[{"at": "5s", "duration": "5s"}, {"at": "15s", "duration": "5s"}],
    ),
    faulty(
        "Window.at",
        fault("outages", link="lan", windows=[{"at": "5s", "duration": "5s"}]),
        "links.time_s",
        "+",
        windows=[{"at": "25s", "duration": "5s"}],
    ),
    faulty(
        "Window.duration",
        fault("outages", link="lan", windows=[{"at": "5s", "duration": "5s"}]),
        "link_up_ratio",
        "-",
        windows=[{"at": "5s", "duration": "25s"}],
    ),
    faulty("Partition.at", SPLIT, "links.time_s", "+", at="60s"),
    faulty("Partition.between", SPLIT, "links.link?link=wan", "+", between=[["d", "gw"], "cloud"]),
    faulty("Partition.duration", SPLIT, "link_up_ratio", "-", duration="50s"),
    faulty("Partition.mode", SPLIT, "traffic.refused", "+", mode="refused"),
    faulty("Partition.loss", fault("partition", between=["d", "gw"], **LOSSY), "requests.latency_s", "+", loss="60%"),
    faulty("ZoneOutage.at", ZONE, "links.time_s", "+", at="60s"),
    faulty(
        "ZoneOutage.zone",
        fault("zone-outage", zone="site", what="power"),
        "nodes.node?node=cloud&state=down",
        "+",
        zone="cloud",
    ),
    faulty("ZoneOutage.what", ZONE, "events.kind?kind=PowerLost", "+", what="power"),
    faulty("ZoneOutage.duration", ZONE, "link_up_ratio", "-", duration="50s"),
    faulty("ZoneOutage.mode", ZONE, "links.mode?mode=refused", "+", mode="refused"),
    faulty("ZoneOutage.loss", fault("zone-outage", zone="site", **LOSSY), "mean_message_age_s", "+", loss="60%"),
    faulty("PowerCut.at", DARK, "events.time_s?kind=PowerLost", "+", at="60s"),
    faulty("PowerCut.node", fault("power-cut", node="d"), "nodes.node?node=gw&state=down", "+", node="gw"),
    faulty("PowerCut.zone", DARK, "nodes.node?node=d&state=down", "+", node=None, zone="site"),
    faulty("PowerCut.duration", DARK, "down_nodes", "+", duration="50s"),
    faulty("Failures.at", FAIL, "events.time_s?kind=NodeCrashed", "+", at="30s"),
    faulty(
        "Failures.node",
        fault("failures", at="0s", node="d", up="20s", down="5s"),
        "nodes.node?node=gw&state=down",
        "+",
        node="gw",
    ),
    faulty("Failures.zone", FAIL, "nodes.node?node=d&state=down", "+", node=None, zone="site"),
    faulty("Failures.up", FAIL, "node_losses", "-", up="50s"),
    faulty("Failures.down", FAIL, "down_nodes", "+", down="30s"),
    faulty(
        "Failures.repairers",
        fault("failures", at="0s", node="[gd]*", up="20s", down="30s", repairers=2),
        "down_nodes",
        "+",
        repairers=1,
    ),
    faulty("Slow.at", HOT, "requests.latency_s", "-", at="110s"),
    faulty("Slow.node", fault("slow", node="cloud", factor=0.5), "requests.latency_s", "+", node="gw"),
    faulty("Slow.factor", HOT, "requests.latency_s", "+", factor=0.25),
    faulty("Slow.duration", HOT, "requests.latency_s", "-", duration="10s"),
    faulty("DiskFill.at", FULL, "events.time_s?kind=NodeHasDiskPressure", "+", at="60s"),
    faulty(
        "DiskFill.node",
        fault("disk-fill", node="cloud", share="99%"),
        "events.kind?kind=NodeHasDiskPressure&subject=gw",
        "+",
        node="gw",
    ),
    faulty(
        "DiskFill.size",
        fault("disk-fill", node="gw", size="1GB"),
        "events.kind?kind=NodeHasDiskPressure",
        "+",
        size="200GB",
    ),
    faulty(
        "DiskFill.share",
        fault("disk-fill", node="gw", share="50%"),
        "events.kind?kind=NodeHasDiskPressure",
        "+",
        share="99%",
    ),
    faulty("DiskFill.duration", FULL, "events.time_s?kind=DiskFreed", "+", duration="50s"),
    faulty("Wear.at", WORN, "events.time_s?kind=DiskWornOut", "+", at="60s"),
    faulty(
        "Wear.node",
        fault("wear", node="cloud", endurance="1GB", worn="50%", writes="20MB/s"),
        "events.kind?kind=DiskWornOut&subject=gw",
        "+",
        node="gw",
    ),
    faulty("Wear.endurance", WORN, "events.time_s?kind=DiskWornOut", "+", endurance="2GB"),
    faulty("Wear.worn", WORN, "events.time_s?kind=DiskWornOut", "-", worn="90%"),
    faulty("Wear.writes", WORN, "events.time_s?kind=DiskWornOut", "-", writes="50MB/s"),
    faulty("Wear.then", WORN, "down_nodes", "+", then="dead"),
    Move("Stop.at", DEAF, {"faults": [DEAF["faults"][0] | {"at": "60s"}]}, "pods.time_s?owner=api&state=Ready", "-"),
    Move(
        "Update.at",
        TWO_IMAGES | {"faults": [MEANWHILE]},
        TWO_IMAGES | {"faults": [MEANWHILE | {"at": "60s"}]},
        "pods.time_s?owner=api&truth=running&state=stopped",
        "+",
    ),
    Move(
        "Update.workload",
        TWO_IMAGES | {"faults": [MEANWHILE]},
        TWO_IMAGES | {"faults": [MEANWHILE | {"workload": "log"}]},
        "pods.pod?owner=log&state=Pending",
        "+",
    ),
    Move(
        "Update.image",
        TWO_IMAGES | {"faults": [MEANWHILE | {"image": "i"}]},
        TWO_IMAGES | {"faults": [MEANWHILE]},
        "pods.pod?owner=api&state=Pending",
        "+",
    ),
]
