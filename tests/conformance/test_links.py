"""The links' pages against the recommended defaults of the reference."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator.facts import Catalogue
from simulator.physics.distributions import from_spec
from simulator.units import parse

PAGES = {
    "wifi-4": "WiFi 4",
    "wifi-5": "WiFi 5",
    "lte": "4G LTE",
    "5g-nsa": "5G NSA low-band",
    "5g-nsa-mmwave": "5G NSA mmWave",
    "5g-sa": "5G SA low-band",
    "starlink": "Starlink stationary",
    "starlink-moving": "Starlink moving",
    "geo": "GEO satellite",
    "nb-iot": "NB-IoT",
    "lorawan": "LoRaWAN SF7",
    "lorawan-sf12": "LoRaWAN SF12",
    "ethernet": "Ethernet LAN 1 GbE",
    "wan-access": "Fibre access",
    "cloud-region": "WAN to cloud region, Europe",
}
UNITS = {"Mbit/s": "Mbps"}


@pytest.fixture(scope="module")
def defaults(shared_data: Path) -> dict[tuple[str, str], tuple[float, str]]:
    """Value and unit by name and quantity."""
    with (shared_data.parent / "reference" / "defaults.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind_of_thing"] == "link"]
    return {(row["name"], row["quantity"]): (float(row["value"]), row["unit"]) for row in rows}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_the_reference_recommends(
    page: str, defaults: dict[tuple[str, str], tuple[float, str]]
) -> None:
    model = Catalogue().model("links", page)

    def wanted(quantity: str, dimension: str) -> float:
        value, unit = defaults[PAGES[page], quantity]
        return float(parse(f"{value}{UNITS.get(unit, unit)}", dimension)) if dimension else value

    assert model.quantity("up") == pytest.approx(wanted("up", "bitrate"))
    assert model.quantity("down") == pytest.approx(wanted("down", "bitrate"))
    assert model.quantity("loss") == pytest.approx(wanted("loss", ""))
    for which, quantity in (("up", "mtbf"), ("down", "mttr")):
        assert from_spec(model.distribution(f"outage.{which}")).mean == pytest.approx(wanted(quantity, "duration"))
    if not page.startswith("lorawan"):  # there a round trip is that of 20 B
        assert model.quantity("latency") == pytest.approx(wanted("rtt_median", "duration") / 2)
