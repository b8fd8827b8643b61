"""The pages of LoRaWAN against Semtech's formula for the time on air (SX1276 datasheet, section 4.1.1.7)."""

from __future__ import annotations

from math import ceil

import pytest

from simulator.facts import Catalogue
from simulator.units import SECOND

MAC = 13  # bytes around the payload: MHDR 1, FHDR 7, FPort 1, MIC 4


def airtime_s(payload: int, sf: int, bandwidth: float = 125e3, preamble: int = 8, coding: int = 1) -> float:
    """With explicit header and CRC; low data rates are optimised where a symbol takes longer than 16 ms."""
    symbol = 2**sf / bandwidth
    low = 1 if symbol > 0.016 else 0
    number = ceil((8 * (payload + MAC) - 4 * sf + 28 + 16) / (4 * (sf - 2 * low))) * (coding + 4)
    return float((preamble + 4.25 + 8 + max(number, 0)) * symbol)


@pytest.mark.parametrize(("name", "sf"), [("lorawan", 7), *((f"lorawan-sf{sf}", sf) for sf in range(8, 13))])
@pytest.mark.parametrize("payload", [10, 20, 51])
def test_a_frame_takes_as_long_as_the_formula_says(name: str, sf: int, payload: int) -> None:
    """The page is a line in the payload, the formula a staircase: one step is a block of symbols."""
    page = Catalogue().model("links", name)
    mine = float(page.quantity("latency")) / SECOND + 8 * payload / float(page.quantity("up"))
    theirs = airtime_s(payload, sf)
    step = 5 * 2**sf / 125e3
    assert mine == pytest.approx(theirs, abs=step)
    if payload == 20:
        assert mine == pytest.approx(theirs, rel=0.01)


def test_one_per_cent_of_the_time() -> None:
    """20 B at SF7: 71.9 ms, and the next frame 99 times as long after it ends."""
    page = Catalogue().model("links", "lorawan")
    assert float(page.quantity("duty_cycle")) == 0.01
    assert airtime_s(20, 7) * 99 == pytest.approx(7.1, abs=0.05)
