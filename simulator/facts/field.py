"""One field of a model's shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a dimension of units, or share (a ratio up to 1), platforms, list, text, flag."""

    dimension: str
    required: bool = True
    dist: bool = False  # whether a distribution may stand here
    positive: bool = False  # whether zero is impossible
    words: tuple[str, ...] = ()  # of a text or a list: the words that may stand here; none: any
    star: str = ""  # of a path with * in it, which any name may stand for: the dimension that the name must have
