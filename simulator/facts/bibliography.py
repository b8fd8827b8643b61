"""The sources of facts: a BibTeX file, read just far enough to find and print its entries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from simulator.errors import Problem, UserError

_ENTRY = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")
_TITLE = re.compile(r"\btitle\s*=\s*[{\"]", re.IGNORECASE)


def read_bibtex(text: str, file: str) -> dict[str, str]:
    """Key -> the entry's text as it stands in the file.

    Raises UserError with every problem: unbalanced braces, a key that stands twice, an entry without a title.
    """
    entries: dict[str, str] = {}
    problems: list[Problem] = []
    at = 0
    while (match := _ENTRY.search(text, at)) is not None:
        key, line = match[2], text.count("\n", 0, match.start()) + 1
        end = _closing(text, match.start())
        if end < 0:
            problems.append(Problem(f"the braces of {key} do not close", file, line))
            break
        entry = text[match.start() : end]
        if key in entries:
            problems.append(Problem(f"source {key} stands here twice", file, line, key))
        if not _TITLE.search(entry):
            problems.append(Problem(f"source {key} has no title", file, line, key))
        entries[key] = entry
        at = end
    if problems:
        raise UserError(problems)
    return entries


def _closing(text: str, start: int) -> int:
    depth = 0
    for match in re.finditer(r"[{}]", text[start:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return start + match.end()
    return -1


def bibtex(entries: Mapping[str, str], keys: Iterable[str]) -> str:
    """The entries of exactly these keys, sorted, as one BibTeX file. Raises UserError for keys without an entry."""
    wanted = sorted(set(keys))
    if unknown := [key for key in wanted if key not in entries]:
        hint = "put the sources.bib of your models beside them"
        raise UserError(Problem(f"source {key} is in no sources.bib", hint=hint) for key in unknown)
    return "\n\n".join(entries[key] for key in wanted) + "\n"
