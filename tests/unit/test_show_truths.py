"""The figure of one node's three truths, and the ledger of its messages, say what the tables say."""

from __future__ import annotations

import polars as pl
import pytest

from runs import hand_made_run
from simulator.errors import UserError
from simulator.show import drilldown, figure, messages, truths
from simulator.simulation.run import Run


def parts(run: Run, node: str, subject: str) -> dict[str, list[tuple[str, float, float]]]:
    """truth -> (state, start, end) of each interval."""
    mine = truths.rows(run).filter(pl.col("node") == node, pl.col("subject") == subject)
    found: dict[str, list[tuple[str, float, float]]] = {}
    for truth, *interval in mine.select("truth", "state", "start_s", "end_s").sort("start_s").rows():
        found.setdefault(truth, []).append(tuple(interval))
    return found


def test_the_node_and_its_pod_each_have_their_truths_apart() -> None:
    run = hand_made_run()
    assert parts(run, "edge-0", "node") == {
        "is": [("up", 0, 600), ("cut", 180, 300)],
        "believed": [("Ready", 0, 220), ("Unknown", 220, 305), ("Ready", 305, 600)],
    }
    assert parts(run, "edge-0", "web-0") == {
        "believed": [("Ready", 0, 240), ("Terminating", 240, 301)],
        "stored": [("desired", 0, 300)],
        "running": [("started", 0, 300)],
        # From its deletion on, its replacement runs at once elsewhere; then only the confirmation is on its way.
        "apart": [(truths.SPLIT, 240, 300), (truths.REST, 300, 301)],
    }


def test_the_same_run_has_the_same_rows_in_the_same_order() -> None:
    run = hand_made_run()
    pods = run.table("pods")
    more = [pods.with_columns(pod=pl.col("pod") + f"-{i}") for i in range(9)]
    run.tables = {**run.tables, "pods": pl.concat(more).sort("time_s", maintain_order=True)}
    assert all(truths.rows(run).equals(truths.rows(run)) for _ in range(5))


def test_an_orphan_becomes_a_double_when_its_replacement_runs() -> None:
    run = hand_made_run()
    late = pl.col("time_s") + pl.when((pl.col("pod") == "web-1") & (pl.col("state") != "desired")).then(20.0).otherwise(
        0
    )
    run.tables = {**run.tables, "pods": run.table("pods").with_columns(time_s=late)}
    assert parts(run, "edge-0", "web-0")["apart"][:2] == [(truths.ORPHAN, 240, 260), (truths.SPLIT, 260, 300)]


def test_a_belief_that_is_stale_and_one_that_does_not_see() -> None:
    run = hand_made_run()
    extra = pl.DataFrame(
        [(at, "web-1", "web", "edge-1", truth, state) for at, truth, state in (
            (400.0, "running", "stopped"), (420.0, "believed", "NotReady"),
            (430.0, "running", "started"), (450.0, "believed", "Ready"))],
        schema=run.table("pods").schema, orient="row",
    )  # fmt: skip
    run.tables = {**run.tables, "pods": pl.concat([run.table("pods"), extra])}
    assert parts(run, "edge-1", "web-1")["apart"] == [(truths.STALE, 400, 420), (truths.UNSEEN, 430, 450)]


def test_the_node_whose_truths_part_longest_is_chosen() -> None:
    run = hand_made_run()
    ranked = truths.apart_s(truths.rows(run), run)
    # Believed Unknown while up for 85 s, and a pod that runs after it was given up for 60 s.
    assert ranked.rows() == [("edge-0", 85 + 60)]
    assert truths.draw(run).title.endswith("edge-0")
    assert truths.draw(run, "edge-1").title.endswith("edge-1")


def test_a_dead_node_believed_ready_is_wrong_and_one_believed_unknown_is_right() -> None:
    run = hand_made_run()
    extra = pl.DataFrame(
        [(100.0, "edge-1", "running", "down"), (140.0, "edge-1", "believed", "Unknown"),
         (500.0, "edge-1", "running", "up"), (505.0, "edge-1", "believed", "Ready")],
        schema=run.table("nodes").schema, orient="row",
    )  # fmt: skip
    run.tables = {**run.tables, "nodes": pl.concat([run.table("nodes"), extra])}
    apart = dict(truths.apart_s(truths.rows(run), run).rows())
    assert apart["edge-1"] == pytest.approx(40 + 5)


def test_a_node_that_is_none_names_those_near_it() -> None:
    run = hand_made_run()
    with pytest.raises(UserError, match=r"edge-9.*\n?.*edge-0"):
        figure(run, "truths", "edge-9")
    with pytest.raises(UserError, match="timeline"):
        figure(run, "timeline", "edge-0")
    assert figure(run, "truths", "cloud").data


def test_pods_beyond_a_dozen_are_left_out_and_it_is_said() -> None:
    run = hand_made_run()
    many = [(0.0, f"p{i:02}", "x", "edge-0", truth, state) for i in range(30)
            for truth, state in (("believed", "Ready"), ("stored", "desired"), ("running", "started"))]  # fmt: skip
    extra = pl.DataFrame(many, schema=run.table("pods").schema, orient="row")
    run.tables = {**run.tables, "pods": pl.concat([run.table("pods"), extra])}
    drawing = truths.draw(run)
    assert drawing.rows["subject"].n_unique() == 1 + 12
    assert "web-0" in drawing.rows["subject"]  # it parts longest
    assert "19 more pods" in drawing.caption


def test_the_ledger_counts_events_and_bytes_and_what_came_again() -> None:
    run = hand_made_run()
    row = messages.ledger(run).row(by_predicate=pl.col("kind") == "status", named=True)
    assert (row["sent"], row["resent"], row["delivered"], row["lost"], row["bytes"]) == (1, 1, 1, 0, 1000)
    again = messages.again(run).select("node", "return_s", "kind", "messages", "bytes", "last_s").rows()
    assert again == [("edge-0", 300, "list", 1, 4500, 1), ("edge-0", 300, "status", 1, 500, 0)]


def test_a_run_without_nodes_or_messages_is_told_in_words() -> None:
    run = hand_made_run()
    run.tables = {name: frame.clear() for name, frame in run.tables.items()}
    assert "No cluster has nodes" in drilldown.drill_down(run, "x")


def test_a_large_run_embeds_only_the_nodes_that_part_longest() -> None:
    run = hand_made_run()
    rows = []
    for i in range(60):
        rows += [(0.0, f"n{i:02}", "running", "up"), (0.0, f"n{i:02}", "believed", "Ready")]
        rows.append((300.0 + i, f"n{i:02}", "believed", "Unknown"))
    extra = pl.DataFrame(rows, schema=run.table("nodes").schema, orient="row")
    run.tables = {**run.tables, "nodes": pl.concat([run.table("nodes"), extra])}
    page = drilldown.drill_down(run, "x")
    assert page.count("<option") == 24
    assert "n00" in page
    assert "n59" not in page
    assert "the 37 of the least" in page
    assert drilldown.drill_down(run, "x", share=10).count("<option") == 9
