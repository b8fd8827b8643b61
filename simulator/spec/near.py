"""Near names: what somebody may have meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHOWN = 12


def near(word: str, names: Iterable[str]) -> str | None:
    """The one name nearest to the word; None if none is near."""
    words = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return words[close[0]] if close else None


def did_you_mean(word: str, names: Iterable[str], what: str = "one of") -> str:
    """A hint: the nearest name, or else all of them if they are few."""
    known = sorted(set(names))
    if nearest := near(word, known):
        return f"did you mean {nearest}?"
    if not known:
        return ""
    shown = ", ".join(known[:_SHOWN])
    return f"{what} {shown}" + (", …" if len(known) > _SHOWN else "")
