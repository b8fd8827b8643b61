"""How copies are divided over member clusters: pure functions of columns, as Karmada's scheduler divides them.

All columns are int64 with a row for each member. Source of the rules: karmada-io/karmada, pkg/scheduler/core
(assignment, division, spread constraints) and pkg/util/helper (Webster's method).
"""

from __future__ import annotations

import numpy as np

from simulator.policy.view import Bools, Floats, Ints


def webster(seats: int, votes: Ints, most: Ints | None = None, *, backwards: bool = False) -> Ints:
    """Divide `seats` in proportion to `votes` by Webster's (Sainte-Laguë) method: the next seat goes where
    votes ÷ (2·seats + 1) is largest; of equals to the one with fewer seats, then to the first (`backwards`: the last).

    Nobody without votes gets a seat, and nobody more than `most`. Raises ValueError where that leaves seats over.
    O(seats · members).
    """
    given: Ints = np.zeros(len(votes), np.int64)
    open_ = votes > 0 if most is None else (votes > 0) & (most > 0)
    order = np.arange(len(votes))[:: -1 if backwards else 1]
    for _ in range(seats):
        if not open_.any():
            raise ValueError(f"{seats} seats do not fit")
        claim = np.where(open_, votes / (2 * given + 1), -1.0)
        first = order[claim[order] == claim.max()]
        winner = first[np.argmin(given[first])]
        given[winner] += 1
        if most is not None and given[winner] >= most[winner]:
            open_[winner] = False
    return given


def static_weight(wanted: int, weights: Ints, *, backwards: bool = False) -> Ints:
    """All copies anew by fixed weights, whatever was there and whatever fits. Equal where all weights are 0."""
    votes = weights if (weights > 0).any() else np.ones(len(weights), np.int64)
    return webster(wanted, votes, backwards=backwards)


def dynamic_weight(wanted: int, available: Ints, now: Ints, *, backwards: bool = False) -> Ints | None:
    """By what fits: only what is missing is divided, over `available`; what is too much is taken away in proportion.

    None where it does not fit.
    """
    missing = wanted - int(now.sum())
    if missing < 0:
        return webster(wanted, now, now, backwards=backwards)
    if missing > int(available.sum()):
        return None
    return now + webster(missing, available, available, backwards=backwards)


def aggregated(wanted: int, available: Ints, now: Ints, *, backwards: bool = False) -> Ints | None:
    """Over as few members as possible: those with copies first, then the largest, until they hold what is missing.

    None where it does not fit. What is too much leaves the members with the fewest copies first.
    """
    missing = wanted - int(now.sum())
    if missing < 0:
        kept = np.where(_fewest(wanted, now, now < 0), now, 0)
        return webster(wanted, kept, kept, backwards=backwards)
    if missing > int(available.sum()):
        return None
    room = np.where(_fewest(missing, available, now > 0), available, 0)
    return now + webster(missing, room, room, backwards=backwards)


def select(
    wanted: int | None, feasible: Bools, available: Ints, scores: Floats, *, least: int = 1, most: int | None = None
) -> Bools | None:
    """Spread constraints over clusters: at least `least` of them, at most `most`. None where they cannot be met.

    The best by score (then by room, then the first) are taken; as long as `wanted` copies do not fit, the worst of
    them gives way to the outsider with most room. `wanted` None: what fits does not matter.
    """
    rows = np.flatnonzero(feasible)
    if len(rows) < least:
        return None
    best = list(rows[np.lexsort((-available[rows], -scores[rows]))])
    take = len(best) if most is None else min(most, len(best))
    inside, outside = best[:take], sorted(best[take:], key=lambda row: -int(available[row]))
    if wanted is not None:
        for place in range(take - 1, -1, -1):
            if available[inside].sum() >= wanted or not outside:
                break
            if available[outside[0]] > available[inside[place]]:
                inside[place] = outside.pop(0)
        if available[inside].sum() < wanted:
            return None
    chosen: Bools = np.zeros(len(feasible), np.bool_)
    chosen[inside] = True
    return chosen


def _fewest(wanted: int, room: Ints, first: Bools) -> Bools:
    """The shortest prefix that holds `wanted`: `first` before others, then by room, then in order."""
    order = np.lexsort((-room, ~first))
    enough = np.searchsorted(np.cumsum(room[order]), wanted)
    chosen: Bools = np.zeros(len(room), np.bool_)
    chosen[order[: enough + 1 if wanted else 0]] = True
    return chosen
