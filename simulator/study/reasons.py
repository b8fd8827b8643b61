"""Why two scenarios of a study differ: the first decision in which they part, and what each node was then worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

from simulator.simulation.run import Run
from simulator.study import backend
from simulator.study.differences import CASE
from simulator.study.plain import plain, to_json
from simulator.study.study import Study

_MOST: Final = 8  # partings that are looked at


def reasons(study: Study, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of rows of `differences`: what each says, and the first decision in which its two scenarios part for a reason.

    Adds replication, pod and attempt of that decision; `ties`, how many parted before between nodes that the first
    scenario's orchestrator thought equally good (if all of the first few did, the first is given); and for each of
    `first` and `second` its name (`first_name`), time_s, decision, node and nodes, as `explain` has them: what the
    orchestrator's own filters and scores said of every node. The study lies in a folder.

    A row of scenarios with the same decisions is left out: its difference is due to what came later.
    """
    known: dict[str, dict[str, Any] | None] = {}
    found = []
    for row in rows:
        key = to_json([row[name] for name in ("axis", "first", "second", "axes", "case")])
        if key not in known:
            known[key] = _apart(study, row)
        if (apart := known[key]) is not None:
            kept = ("axis", "axes", "case", "metric", "difference", "low", "high", "p_holm")
            names = {f"{side}_name": plain(row[side]) for side in ("first", "second")}
            found.append({**{key: row[key] for key in kept}, **names, **apart})
    return found


def _apart(study: Study, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Replication, ties, pod, attempt, first and second of the first replication in which the two part."""
    ours, theirs = ({r.replication: r for r in _runs(study, row, side)} for side in ("first", "second"))
    for replication in sorted(ours.keys() & theirs.keys()):
        pair = ours[replication], theirs[replication]
        first: dict[str, Any] | None = None
        for ties, parted in enumerate(islice(partings(*pair), _MOST)):
            found = {"replication": replication, "ties": ties, **_explained(study, pair, *parted)}
            if not _tie(found):
                return found
            first = first or found
        if first is not None:
            return first
    return None


def partings(first: Run, second: Run) -> Iterator[tuple[str, int]]:
    """Pod and attempt of each decision of one run that is another in the other, in order."""
    theirs = {(row["pod"], row["attempt"]): row for row in second.table("decisions").iter_rows(named=True)}
    for row in first.table("decisions").iter_rows(named=True):
        other = theirs.get((row["pod"], row["attempt"]))
        if other is not None and any(row[key] != other[key] for key in ("decision", "node")):
            yield row["pod"], row["attempt"]


def _tie(found: Mapping[str, Any]) -> bool:
    """Whether the first thought both nodes equally good."""
    scores = {node["node"]: node["score"] for node in found["first"]["nodes"]}
    ours, theirs = (scores.get(found[side]["node"]) for side in ("first", "second"))
    return ours is not None and ours == theirs


def _runs(study: Study, row: Mapping[str, Any], side: str) -> Iterator[Run]:
    places = {**row["axes"], CASE: row["case"], row["axis"]: row[side]}
    for index, record in enumerate(study.records):
        if plain({**record.axes, CASE: record.case}) == plain(places):
            yield study[index]


def _explained(study: Study, pair: tuple[Run, Run], pod: str, attempt: int) -> dict[str, Any]:
    sides = {}
    for side, run in zip(("first", "second"), pair, strict=True):
        made = run.table("decisions").filter(run.table("decisions")["pod"] == pod)
        (time_s,) = made.filter(made["attempt"] == attempt)["time_s"].to_list()
        rows = backend.explain(
            study.about.data[run.name], seed=run.seed, replication=run.replication,
            base=(study.folder or Path()) / "inputs", pod=pod, until_s=time_s,
        )  # fmt: skip
        (found,) = [row for row in rows if row["attempt"] == attempt]
        sides[side] = {key: found[key] for key in ("time_s", "decision", "node", "nodes")}
    return {"pod": pod, "attempt": attempt, **sides}
