"""The drill: what its table in the README says is what runs, and tells apart whom the references tell apart.

Where a change is meant, write the table anew and look at the difference:

    LITTORAL_GOLDEN=write pytest tests/golden/test_drill.py && git diff README.md
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import inf
from typing import NamedTuple

import numpy as np
import pytest

import simulator as sim
from drill import BEGIN, COLUMNS, END, README, Row, markdown, metric, table
from simulator.facts import Catalogue
from simulator.spec import Experiment
from simulator.study.expect import differing
from simulator.study.study import Study

K3S = ("K3s", "K3s HA", "K3s external")
KUBERNETES = ("Kubernetes", *K3S)  # all with upstream's numbers
FAST, MEDIUM, LOW = PRESETS = ("Kubernetes fast", "Kubernetes medium", "Kubernetes low")
EDGE = ("KubeEdge", "KubeEdge 1.21")
HORIZON = ("Open Horizon",)
PUSH, PULL = KARMADA = ("Karmada push", "Karmada pull")
EVERYBODY = (*KUBERNETES, *PRESETS, *EDGE, *HORIZON, *KARMADA)

Names = Sequence[str]


@dataclass(frozen=True)
class Claim:
    """What the references say of one column: who of a class is the same, and that classes differ, but where they are
    silent (two sets of names, and why). `E`: orchestrators-edge, `K`: orchestrators-kubernetes."""

    source: str
    classes: tuple[Names, ...]
    silent: tuple[tuple[Names, Names, str], ...] = ()

    def pairs(self) -> Iterator[tuple[str, str, bool | None]]:
        """Each pair, and whether it differs; None where nothing is said."""
        open_ = {frozenset(pair) for left, right, _why in self.silent for pair in product(left, right)}
        of = {name: number for number, names in enumerate(self.classes) for name in names}
        for a, b in combinations(of, 2):
            yield a, b, None if {a, b} in open_ else of[a] != of[b]


_NO_BOUND = (
    "no flag bounds how long a probe waits for a silent member: 50 s or more with 10 to 30 s, against 40 to 58 s"
)
_DIFFERENT_LISTS = "who is believed not ready by then, or given up, is listed otherwise"
CLAIMS: Mapping[str, Claim] = {
    "noticed": Claim(
        "K-P1 and K-P13, K 2.1 (K3s keeps upstream's numbers), E-P1, E-P12, K-P31 (pull: as P1 with 40 s)",
        ((*KUBERNETES, "KubeEdge"), ("KubeEdge 1.21", PULL), (FAST,), (MEDIUM,), (LOW,), HORIZON, (PUSH,)),
        (((PUSH,), (*KUBERNETES, "KubeEdge"), _NO_BOUND),),
    ),
    "given up": Claim(
        "K-P4 and K-P13, E-P7, E-P12, K-P31 (from 1.15 on never)",
        ((*KUBERNETES, "KubeEdge"), ("KubeEdge 1.21",), (FAST,), (MEDIUM,), (LOW,), HORIZON, KARMADA),
    ),
    "runs": Claim("K-P7, E-P1, E 5.4, K-P31: whoever is cut off runs on", (EVERYBODY,)),
    "killed, 2 min": Claim(
        "K-P6 and K-P13 (only the fast preset has given up after two minutes), E-P9, E-P12, K-P31",
        ((*KUBERNETES, MEDIUM, LOW, *EDGE, *HORIZON, *KARMADA), (FAST,)),
    ),
    "killed, 1 h": Claim(
        "K-P7, E-P7, E-P12; K-P31: a member's own control plane was never cut off from its nodes",
        ((*KUBERNETES, *PRESETS, *EDGE, *HORIZON), KARMADA),
    ),
    "reboot": Claim(
        "E-P2, E-P4, E 2.6 (the defect of 1.21); a member is rebooted with its own K3s server",
        ((*KUBERNETES, *PRESETS, "KubeEdge 1.21"), ("KubeEdge",), HORIZON, KARMADA),
        (
            (("KubeEdge",), (*HORIZON, *KARMADA), "the ranges overlap, or there is none"),
            (HORIZON, KARMADA, "of a server's own start nothing is predicted"),
        ),
    ),
    "late reboot": Claim(
        "E-P2, E-P4: whoever waits for the way; the others never do",
        (("Kubernetes", *PRESETS), K3S, ("KubeEdge 1.21",), ("KubeEdge", *HORIZON, *KARMADA)),
        (
            (("Kubernetes", *PRESETS), (*K3S, "KubeEdge 1.21"), "nothing is said of a plain kubelet after the return"),
            (K3S, ("KubeEdge 1.21",), "10 to 60 s, and 0 to 65 s"),
        ),
    ),
    "update": Claim(
        "K 1 and K 2.1 (one client library), E-P7, E-P12, K-P32 (a hub that pushes waits for 30 s of good probes)",
        ((*KUBERNETES, *PRESETS), EDGE, HORIZON, (PUSH,), (PULL,)),
        (
            ((*KUBERNETES, *PRESETS), (*EDGE, PULL), "each within a minute or so"),
            (EDGE, (PULL,), "each within a minute or so"),
        ),
    ),
    "ready": Claim(
        "K-P12 (a renewal and a pass: 15 s), E-P7 (the session first), K-P32",
        ((*KUBERNETES, *PRESETS), EDGE, HORIZON, (PUSH,), (PULL,)),
        (
            (HORIZON, (*KUBERNETES, *PRESETS, *EDGE), "a poll within 20 s"),
            (EDGE, (PUSH,), "0 to 35 s and a renewal, against 30 s and a probe"),
            ((PULL,), (*KUBERNETES, *PRESETS, *EDGE, *HORIZON, PUSH), "nothing is said of a pull member's return"),
        ),
    ),
    "sent again": Claim(
        "K 1 and E-P18 (full lists), E-P16 (only what has changed), E-P12 (less than 1680 s: nothing changes)",
        (KUBERNETES, (FAST,), (MEDIUM,), (LOW,), EDGE, HORIZON, (PUSH,), (PULL,)),
        (
            (KUBERNETES, PRESETS, _DIFFERENT_LISTS),
            *(((a,), (b,), _DIFFERENT_LISTS) for a, b in combinations(PRESETS, 2)),
            (KARMADA, EVERYBODY, "nothing is said of what a hub and a member send each other again"),
        ),
    ),
}


class Range(NamedTuple):
    """Where a column must lie at every single site, not only in the mean."""

    column: str
    names: Names
    low: float
    high: float
    source: str


RANGES = (
    Range("noticed", (*KUBERNETES, "KubeEdge"), 40, 58, "K-P1"),
    Range("noticed", ("KubeEdge 1.21", PULL), 30, 48, "K-P1"),
    Range("noticed", HORIZON, 1680, 2710, "E-P12"),
    Range("given up", (*KUBERNETES, "KubeEdge"), 345, 364, "K-P4"),
    Range("given up", ("KubeEdge 1.21",), 335, 353, "K-P4"),
    Range("given up", (FAST,), 42, 57, "K-P13"),
    Range("given up", (MEDIUM,), 175, 195, "K-P13"),
    Range("given up", (LOW,), 355, 376, "K-P13"),
    Range("given up", HORIZON, 1680, 2710, "E-P12"),
    Range("runs", EVERYBODY, 1, 1, "K-P7"),
    Range("reboot", ("KubeEdge",), 10, 60, "E-P2"),
    Range("late reboot", K3S, 10, 60, "E-P2"),
    Range("update", (PUSH,), 30, inf, "K-P32"),
    Range("ready", (*KUBERNETES, *PRESETS), 0, 15, "K-P12"),
    Range("ready", HORIZON, 0, 35, "E-P12, and the 35 s of a silent cut"),
    Range("ready", (PUSH,), 30, 45, "K-P32"),
)


@pytest.fixture(scope="module")
def study() -> Study:
    return sim.run("offline-drill", executor="serial")


@pytest.fixture(scope="module")
def found(study: Study) -> dict[str, Row]:
    return table(list(study))


def test_the_readme_shows_what_the_drill_finds(found: dict[str, Row]) -> None:
    text, now = README.read_text("utf-8"), markdown(found)
    block = re.compile(f"{re.escape(BEGIN)}.*{re.escape(END)}", re.DOTALL)
    if os.environ.get("LITTORAL_GOLDEN") == "write":
        text = block.sub(lambda _: now, text)
        README.write_text(text, "utf-8")
    (shown,) = block.findall(text)
    assert shown == now


@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_a_column_tells_apart_whom_the_references_tell_apart_and_nobody_else(
    found: dict[str, Row], column: str
) -> None:
    for a, b, differ in CLAIMS[column].pairs():
        if differ is not None:
            mine, theirs = found[a][column], found[b][column]
            assert mine.apart(theirs) == differ, f"{a}: {mine.interval}; {b}: {theirs.interval}"


@pytest.mark.parametrize("range_", RANGES, ids=lambda each: f"{each.column}, {each.names[0]}")
def test_every_site_is_where_the_references_say(found: dict[str, Row], range_: Range) -> None:
    for name in range_.names:
        values = found[name][range_.column].values
        assert range_.low <= values.min() <= values.max() <= range_.high, (name, range_.source)


def test_every_expectation_is_met_or_known_not_to_be(study: Study) -> None:
    rows = study.verdicts
    assert differing(rows) == []
    assert {(row["row"], row["metric"]) for row in rows if row["verdict"] == "refuted"} == {
        ("case=Open-Horizon", "reboot_s"),
        ("case=Open-Horizon", "late_update_s"),
    }


def test_after_a_short_cut_kubeedge_takes_longer_than_after_a_long_one(study: Study) -> None:
    """E-P9 and 2.4: an edge that has not noticed yet waits for TCP to find out, and then pauses for 30 s."""
    short, long = (metric("ready_again_s", "cluster_ready_again_s", group) for group in ("short", "cut"))
    runs = [run for run in study if run.case in EDGE]
    assert all(short(run).min() > 30 for run in runs)
    assert np.mean([short(run) for run in runs]) > 2 * np.mean([long(run) for run in runs])


def test_no_cell_is_half_empty(found: dict[str, Row]) -> None:
    for name, row in found.items():
        for column, cell in row.items():
            assert cell.never or not np.isnan(cell.values).any(), (name, column)


def test_every_claim_is_about_everybody() -> None:
    cases = [case.name for case in Experiment.load("offline-drill").cases]
    assert cases == [*("Kubernetes", *PRESETS, *K3S, *EDGE, *HORIZON, *KARMADA)]
    assert [*CLAIMS] == [column.name for column in COLUMNS]
    for name, claim in CLAIMS.items():
        assert sorted(n for names in claim.classes for n in names) == sorted(EVERYBODY), name


def test_every_orchestrator_with_a_page_takes_part() -> None:
    experiment = Experiment.load("offline-drill")
    family = [experiment.resolve({}, case.name).family for case in experiment.cases]
    taken = {cluster.orchestrator.partition("@")[0] for clusters in family for cluster in clusters.values()}
    assert taken == set(Catalogue({}).names("orchestrators"))


def test_nothing_else_is_varied() -> None:
    """But for the machines that a K3s with its own etcd needs, and the hub's share of them."""
    allowed = {"scenario.orchestrator", "scenario.clusters", "scenario.topology.nodes.cloud.role"}
    for case in Experiment.load("offline-drill").cases:
        assert {path for path in case.set if not path.endswith("propagation.mode")} <= allowed, case.name
