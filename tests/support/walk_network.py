"""Readings, spools, links and the pages of links and protocols, one key at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walk import SITE, Move, fault, page, telling, wan

FREE = {"topology.links.wan": {"name": "wan", "between": ["cloud", "gw"], "model": "lte"}}  # all that the page says
# Readings wait at the gateway from 30 s to 90 s.
AWAY = fault("cut", link="wan", duration="60s")
CUT = fault("cut", link="lan", duration="20s")
RANKED = {"name": "box", "size": "64kB", "drop": "least-important"}
ONE, LONG = wan(), wan(latency="400ms")
RADIO = {"name": "lan", "between": ["d", "gw"], "model": "lorawan", "loss": 0}


def kept(**given: Any) -> dict[str, Any]:
    """Readings kept at the gateway, in a spool with these keys."""
    return AWAY | telling(qos=1, spool={"size": "1MB", **given})


def pair(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two flows of readings, with their spools."""
    log, _, reading, *_ = SITE["workloads"]
    flows = [{**reading, "name": name, "qos": 1, **more} for name, more in (("a", first), ("b", second))]
    return AWAY | {"workloads": [log, *flows]}


READINGS = [
    Move("Telemetry.source", {}, telling(source="[dg]*"), "messages.created", "+"),
    Move(
        "Telemetry.target",
        {},
        telling(target="api") | {"workloads": [*SITE["workloads"][:2], {**SITE["workloads"][2], "target": "api"}]},
        "mean_message_age_s",
        "-",
    ),
    Move("Telemetry.every", telling(), telling(every="4s"), "messages.created", "-"),
    Move("Telemetry.size", telling(), telling(size="100kB"), "mean_message_age_s", "+"),
    Move("Telemetry.properties", telling(), telling(properties=100), "mean_message_age_s", "+"),
    Move("Telemetry.protocol", telling(), telling(protocol="http"), "mean_message_age_s", "+"),
    Move(
        "Telemetry.qos",
        AWAY | LONG | telling(every="100ms", qos=0, spool={"size": "1MB"}),
        AWAY | LONG | telling(every="100ms", qos=1, spool={"size": "1MB"}),
        "messages.lost",
        "-",
    ),
    Move("Telemetry.spool", AWAY | telling(qos=1), kept(), "messages.lost", "-"),
    Move(
        "Telemetry.importance",
        pair({"spool": RANKED}, {"spool": RANKED}),
        pair({"spool": RANKED, "importance": 9}, {"spool": RANKED}),
        "spools.full?flow=a",
        "-",
    ),
    Move(
        "Spool.name",
        pair({"spool": {"size": "64kB"}}, {"spool": {"size": "64kB"}}),
        pair({"spool": {"name": "box", "size": "64kB"}}, {"spool": {"name": "box", "size": "64kB"}}),
        "spools.full",
        "+",
    ),
    Move(
        "Spool.at",
        CUT | ONE | telling(spool={"size": "1MB"}),
        CUT | ONE | telling(spool={"size": "1MB", "at": "device"}),
        "messages.lost",
        "-",
    ),
    Move("Spool.size", kept(), kept(size="10kB"), "spools.full", "+"),
    *(
        Move(
            "Spool.store",
            *(
                {"faults": [AWAY["faults"][0], {"kind": "power-cut", "node": "gw", "at": "60s", "duration": "5s"}]}
                | telling(qos=1, spool={"size": "1MB", "store": store})
                for store in ("memory", "disk")
            ),
            "spools.wiped",
            "-",
        ),
    ),
    Move("Spool.ttl", kept(), kept(ttl="5s"), "spools.expired", "+"),
    Move("Spool.drop", kept(size="10kB"), kept(size="10kB", drop="newest"), "mean_message_age_s", "+"),
    Move(
        "Telemetry.via",
        *({"orchestrator": "kubeedge", "duration": "5min"} | AWAY | telling(via=via) for via in ("message", "twin")),
        "messages.superseded",
        "+",
    ),
]
LINKS = [
    Move("LinkSpec.between", {}, {"topology.links.lan.between": ["cloud", "d"]}, "mean_message_age_s", "-"),
    Move(
        "LinkSpec.rate_trace",
        wan(rate_trace="rates.csv#fast"),
        wan(rate_trace="rates.csv#slow"),
        "mean_message_age_s",
        "+",
    ),
    Move(
        "LinkSpec.up_trace",
        wan(up_trace="rates.csv#fast"),
        wan(up_trace="rates.csv#slow"),
        "requests.latency_s?flow=far",
        "+",
    ),
    Move(
        "LinkSpec.down_trace",
        wan(down_trace="rates.csv#fast"),
        wan(down_trace="rates.csv#slow"),
        "mean_message_age_s",
        "+",
    ),
]


def lte(fact: str, was: Any, now: Any, column: str, sign: str = "+", **also: Any) -> Move:
    """A fact of the page of LTE, over which the readings go to the cloud."""
    return page(f"links.lte.{fact}", was, now, column, sign, **FREE, **also)


FAIL_AS_SAID = {"faults": [{"kind": "outages", "link": "wan"}]}
FACTS = [
    lte("latency", "10ms", "200ms", "mean_message_age_s"),
    lte("jitter", 0, "10ms", "messages.max_age_s", **{"facts.links.lte.loss": 0}),
    lte("up", "10Mbps", "5kbps", "requests.latency_s?flow=far"),
    lte("down", "10Mbps", "50kbps", "mean_message_age_s"),
    lte("loss", "0%", "20%", "mean_message_age_s"),
    lte("outage.up", "20s", "50s", "link_up_ratio", "+", **FAIL_AS_SAID, **{"facts.links.lte.outage.down": "5s"}),
    lte("outage.down", "5s", "30s", "link_up_ratio", "-", **FAIL_AS_SAID, **{"facts.links.lte.outage.up": "20s"}),
    lte("promotion.idle", "10s", "100ms", "mean_message_age_s"),
    lte("promotion.delay", "100ms", "2s", "mean_message_age_s", **{"facts.links.lte.promotion.idle": "100ms"}),
    page(
        "links.fibre-wan.per_km",
        5,
        50,
        "mean_message_age_s",
        "+",
        **{"topology.links.wan": {"name": "wan", "between": ["cloud", "gw"], "model": "fibre-wan", "length": "1000km"}},
    ),
    page(
        "links.lorawan.duty_cycle",
        "10%",
        "1%",
        "mean_message_age_s",
        "+",
        **wan(),
        **{"topology.links.lan": RADIO},
        **telling(every="5s", size="20B", protocol="lorawan", spool={"size": "1kB", "at": "device"}),
    ),
    page("protocols.tcp.retransmit.least", "200ms", "2s", "mean_message_age_s", **wan(loss="20%")),
    page("protocols.tcp.retransmit.most", "250ms", "20s", "messages.max_age_s", **wan(loss="40%")),
    page("protocols.tcp.retransmit.tries", 15, 1, "messages.lost", **wan(loss="40%")),
    page("protocols.tcp.window", "3MiB", "4KiB", "events.time_s?kind=Pulled&node=gw", **wan()),
    page("protocols.tcp.segment", "1460B", "100B", "events.time_s?kind=Pulled&node=gw", **wan(loss="10%")),
    page("protocols.mqtt.overhead", "64B", "20kB", "mean_message_age_s"),
    page(
        "protocols.mqtt.acknowledgement",
        "44B",
        "20kB",
        "mean_message_age_s",
        **wan(),
        **telling(qos=2, spool={"size": "1MB"}),
    ),
    page("protocols.coap.datagram", False, True, "messages.lost", **wan(loss="20%"), **telling(protocol="coap")),
]
