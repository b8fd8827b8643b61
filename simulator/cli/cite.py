"""`littoral cite`: the sources of exactly the facts that a study read."""

from __future__ import annotations

from pathlib import Path

from simulator.cli.answer import Answer
from simulator.facts import Catalogue
from simulator.study.store import open_run


def cite(study: Path, /) -> Answer:
    """BibTeX of exactly the facts that a study's runs read.

    Parameters
    ----------
    study
        A study folder.
    """
    opened = open_run(study)
    facts = {fact["path"]: dict(fact) for run in opened for fact in run.facts}
    rows = [facts[path] for path in sorted(facts)]
    roots = [file.parent for file in sorted((study / "inputs").rglob("sources.bib"))]
    text = Catalogue(roots=roots).bibtex(rows)
    sources = sorted({row["source"] for row in rows})
    return Answer({"sources": sources, "facts": rows, "bibtex": text}, text)
