"""A machine whose stages were measured leaves an event after each, and begins again where its power goes meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from sensors import sense
from simulator.errors import UserError
from simulator.facts import Catalogue

STAGES = ("Booting", "FirmwareDone", "KernelBooted", "NodeBooted")


def boots(faults: list[dict[str, Any]], facts: dict[str, Any] | None = None, **sensor: Any) -> list[tuple[float, str]]:
    """Time and kind of each stage of the sensor's boots, a BeagleBone's."""
    sensor = {"model": "beaglebone-black"} | sensor
    settings = {f"topology.nodes.sensor.{key}": value for key, value in sensor.items()}
    got = sense({"duration": "4min", "record.energy": False, "faults": faults, **settings}, facts)
    events = got.table("events").filter(subject="sensor")
    return [(time, kind) for time, kind in events.select("time_s", "kind").iter_rows() if kind in STAGES]


OFF = {"kind": "crash", "name": "off", "node": "sensor", "at": "1min", "reboot_after": "30s"}


def test_stages_pass_one_after_the_other_and_user_space_takes_the_rest() -> None:
    assert boots([OFF]) == [
        (90, "Booting"), (93.2, "FirmwareDone"), (98.125, "KernelBooted"), (117.35, "NodeBooted")
    ]  # fmt: skip
    page = Catalogue().model("nodes", "beaglebone-black")
    assert page.number("boot") - 3.2 - 4.925 == pytest.approx(19.229, abs=0.01)  # as was measured


@pytest.mark.parametrize(
    ("fact", "value", "later"),
    [("firmware", "10s", ("FirmwareDone", "KernelBooted")), ("kernel", "10s", ("KernelBooted",))],
)
def test_a_longer_stage_moves_time_s_of_its_event_and_of_those_after_it(
    fact: str, value: str, later: tuple[str, ...]
) -> None:
    usual, longer = boots([OFF]), boots([OFF], {f"nodes.beaglebone-black.boot_stages.{fact}": value})
    moved = tuple(kind for (before, kind), (after, _) in zip(usual, longer, strict=True) if after > before)
    assert moved == later


def test_a_boot_that_is_cut_off_begins_again() -> None:
    again = {"kind": "power-cut", "name": "cut", "node": "sensor", "at": "95s", "duration": "5s"}
    assert boots([OFF, again]) == [
        (90, "Booting"), (93.2, "FirmwareDone"),
        (100, "Booting"), (103.2, "FirmwareDone"), (108.125, "KernelBooted"), (127.35, "NodeBooted"),
    ]  # fmt: skip


def test_a_boot_that_somebody_wrote_has_no_stages_and_one_too_short_for_them_is_refused() -> None:
    assert boots([OFF], boot="5s") == [(90, "Booting"), (95, "NodeBooted")]
    with pytest.raises(UserError, match="boots in less time than its firmware and kernel take"):
        boots([OFF], {"nodes.beaglebone-black.boot": "5s"})
