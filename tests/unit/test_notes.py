"""One warning for what is true of many."""

from __future__ import annotations

from simulator.spec.notes import brief, counted, gathered


def test_the_same_is_said_once_of_every_name() -> None:
    notes = [f"Deployment {name}: no memory" for name in "abcde"]
    assert list(gathered(notes)) == ["Deployment a, b, c, d, e: no memory"]


def test_what_differs_stays_apart_and_in_order() -> None:
    notes = ["Pod x: one", "Pod y: two", "alone", "Job z: one", "too: short", "Pod w: one", "alone"]
    assert list(gathered(notes)) == ["Pod x, w: one", "Pod y: two", "alone", "Job z: one", "too: short"]


def test_counts_of_one_thing_become_the_largest() -> None:
    notes = ["3 facts are assumed", "alone", "12 facts are assumed", "7 nodes are lost"]
    assert list(counted(notes)) == ["up to 12 facts are assumed", "alone", "7 nodes are lost"]


def test_of_many_names_a_report_prints_the_first() -> None:
    assert brief("Deployment a, b, c, d, e, f: no memory") == "Deployment a, b, c, d, e, f: no memory"
    assert brief("Deployment a, b, c, d, e, f, g: no: memory") == "Deployment a, b, c, d, e, f and 1 more: no: memory"
    assert brief("first, this, is, no, list, of, many, names") == "first, this, is, no, list, of, many, names"
