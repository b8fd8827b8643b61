"""What may still be said when many comparisons are made at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isnan, nan
from typing import Any, Final

LEVEL: Final = 0.05  # of the family of comparisons


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given: the i-th smallest of m is max over j ≤ i of
    min(1, (m - j + 1) · p_j).

    Rejecting where they are below α keeps the chance of any false rejection of the family at α or less, however the
    comparisons depend on each other. NaN means "not tested": it stays, and does not count into m. S. Holm, "A simple
    sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2), 1979.
    """
    order = sorted((i for i, p in enumerate(p_values) if not isnan(p)), key=lambda i: p_values[i])
    adjusted, least = [nan] * len(p_values), 0.0
    for step, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - step) * p_values[i]))
        adjusted[i] = least
    return adjusted


def corrected(rows: Iterable[dict[str, Any]], family: Sequence[str]) -> list[dict[str, Any]]:
    """The rows with `p_holm`, their `p` corrected over all rows that agree in the keys of `family`."""
    found = list(rows)
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        families.setdefault(tuple(row[key] for key in family), []).append(row)
    for members in families.values():
        for row, p in zip(members, holm([row["p"] for row in members]), strict=True):
            row["p_holm"] = p
    return found


def told(row: Mapping[str, Any]) -> bool:
    """Whether a difference is told from zero, all comparisons of its family considered."""
    return bool(row["p_holm"] < LEVEL)
