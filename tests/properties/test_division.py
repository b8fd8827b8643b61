"""Division of replicas: what must hold for every division, whatever the members and the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.policy import Divide, MembersView, Wait, WorkloadView
from simulator.policy.clusters import fault_of
from simulator.policy.division import aggregated, dynamic_weight, select, static_weight, webster
from simulator.policy.reference import instantiate, shipped_names

Ints = NDArray[np.int64]
counts = st.integers(0, 40)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Ints, Ints, int]:
    """Room and present copies of each member, and the wanted number."""
    n = draw(st.integers(1, 6))
    room = draw(st.lists(counts, min_size=n, max_size=n))
    now = draw(st.lists(st.integers(0, 12), min_size=n, max_size=n))
    return np.array(room, np.int64), np.array(now, np.int64), draw(st.integers(0, 60))


@given(st.integers(0, 60), st.lists(st.integers(1, 50), min_size=1, max_size=6), st.booleans())
def test_webster_gives_every_seat_and_no_transfer_would_be_fairer(seats: int, votes: list[int], back: bool) -> None:
    given_, v = webster(seats, np.array(votes, np.int64), backwards=back), np.array(votes)
    assert given_.sum() == seats
    # The defining inequality of a divisor method: nobody's last seat was cheaper than anybody's next.
    last = np.where(given_ > 0, v / np.maximum(2 * given_ - 1, 1), np.inf)
    assert last.min() >= (v / (2 * given_ + 1)).max() - 1e-12


@given(tables())
def test_capacity_is_never_exceeded_and_the_sum_is_what_is_wanted_or_it_is_unschedulable(table) -> None:
    room, now, wanted = table
    for divide in (dynamic_weight, aggregated):
        found = divide(wanted, room, now)
        missing = wanted - now.sum()
        if found is None:
            assert missing > room.sum()
            continue
        assert found.sum() == wanted
        if missing >= 0:
            assert (found >= now).all()  # scale-up moves nothing
            assert (found - now <= room).all()
        else:
            assert (found <= now).all()


@given(tables())
def test_aggregated_uses_as_few_members_as_any_division_could(table) -> None:
    room, _, wanted = table
    nobody = np.zeros_like(room)
    found = aggregated(wanted, room, nobody)
    if found is not None:
        fewest = int(np.searchsorted(np.cumsum(np.sort(room)[::-1]), wanted)) + 1 if wanted else 0
        assert np.count_nonzero(found) <= fewest


@given(tables(), st.integers(1, 4), st.integers(1, 5), st.lists(st.booleans(), min_size=6, max_size=6))
def test_groups_hold_and_hold_the_replicas(table, least: int, most: int, flags: list[bool]) -> None:
    room, now, wanted = table
    feasible = np.array(flags[: len(room)])
    most = max(least, most)
    chosen = select(wanted, feasible, room, 100.0 * (now > 0), least=least, most=most)
    if chosen is not None:
        assert least <= chosen.sum() <= most
        assert not (chosen & ~feasible).any()
        assert room[chosen].sum() >= wanted
    else:
        best = np.sort(room[feasible])[::-1][:most]
        assert feasible.sum() < least or best.sum() < wanted


@given(st.integers(0, 60), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_static_weights_divide_everything_and_give_nothing_to_no_weight(wanted: int, weights: list[int]) -> None:
    w = np.array(weights, np.int64)
    found = static_weight(wanted, w)
    assert found.sum() == wanted
    if w.any():
        assert not found[w == 0].any()


@pytest.mark.parametrize("name", shipped_names("policies", "clusters"))
@settings(max_examples=40, deadline=None)
@given(table=tables(), flags=st.lists(st.booleans(), min_size=6, max_size=6))
def test_every_shipped_policy_answers_soundly(name: str, table, flags: list[bool]) -> None:
    room, now, wanted = table
    n = len(room)
    feasible = np.array(flags[:n]) | (now > 0)
    workload = WorkloadView("web", "Deployment", wanted, 1000, 0)
    ones = np.ones(n)
    view = MembersView(
        0.0, tuple("abcdef"[:n]), feasible, feasible, (room + now) * 1000, room * 0, room * 1000, room * 0,
        np.full(n, 110), now, ones, ones, 60.0, lambda: np.zeros((n, 5)), lambda _name: ones * 0.5,
    )  # fmt: skip
    answer = instantiate(f"clusters/{name}", {}, Path(), given=2).divide(workload, view)
    assert fault_of(answer, workload, view) == ""
    fits = int(room[feasible].sum()) >= wanted - int(now.sum())
    if name in ("dynamic-weight", "aggregated", "least-loaded", "forecast"):
        assert isinstance(answer, Divide if fits else Wait)
