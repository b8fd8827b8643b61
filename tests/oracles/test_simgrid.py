"""Max–min fair transfers against SimGrid, which recorded when each flow of its random sets ends."""

import json
from pathlib import Path
from typing import Any

import pytest

from flows import finish_times
from simulator.units import MS, SECOND

SETS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("simgrid").joinpath("flows.json").read_text("utf-8"))


def test_the_record_is_of_at_least_two_hundred_sets_of_all_kinds() -> None:
    assert len(SETS) >= 200
    assert {each["kind"] for each in SETS} == {"mesh", "line", "tree", "sites"}


@pytest.mark.parametrize("kind", ["mesh", "line", "tree", "sites"])
def test_flows_end_when_simgrid_says(kind: str) -> None:
    for each in SETS:
        if each["kind"] != kind:
            continue
        flows = [
            (start * MS, path, size, cap * 8.0 if cap else float("inf")) for start, path, size, cap, _ in each["flows"]
        ]
        got = finish_times([rate * 8.0 for rate in each["links"]], flows)
        for end, (start, *_, theirs) in zip(got, each["flows"], strict=True):
            assert end / SECOND == pytest.approx(theirs, rel=1e-4), each  # of the 1 % asked for
            assert (end / SECOND - start / 1000) == pytest.approx(theirs - start / 1000, rel=0.01), each
