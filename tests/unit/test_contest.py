"""Rank tables, corrections and Pareto fronts, against hand-worked numbers, definitions, and scipy."""

from __future__ import annotations

from itertools import combinations
from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from simulator.cli.contest import contest
from simulator.cli.summary import difference_table
from simulator.errors import UserError
from simulator.record.direction import NEITHER, UP, better
from simulator.record.glossary import GLOSSARY
from simulator.show.comparison import comparison, draw
from simulator.show.front import _spread
from simulator.show.front import draw as draw_fronts
from simulator.simulation.run import Run
from simulator.study.contest import alike, fits, hold, label, largest, non_dominated
from simulator.study.correction import holm, told
from simulator.study.reasons import partings
from simulator.study.statistics import evened, gap, t_interval, t_test
from simulator.study.study import About, Study

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def run(policy: object, case: str, replication: int, **summary: float) -> Run:
    name = f"policy={label(policy)},case={case}"
    return Run(name, {"scenario.policy": policy}, case, replication, 1, {}, {}, summary)


def runs(**values: dict[str, list[float]]) -> list[Run]:
    """availability of policy -> case -> one value for each replication."""
    return [
        run(policy, case, k, availability=value)
        for policy, cases in values.items()
        for case, row in cases.items()
        for k, value in enumerate(row)
    ]


# what only rounding tells apart


def test_sums_in_another_order_are_no_difference_and_share_their_rank() -> None:
    parts = np.random.default_rng(3).random(1000)
    one, other = float(sum(parts)), float(sum(parts[::-1]))
    assert one != other
    assert gap(one, other) == gap(11462.6463165, 11462.6463298) == 0.0  # joules
    found = runs(a={"x": [one, one]}, b={"x": [other, other]}, c={"x": [1.001 * one, 1.001 * one]})
    contest = hold(found, ["availability"])
    assert contest.ranks("availability").tolist() == [[2.5, 2.5, 1.0]] * 2
    rows = {row["second"]: row for row in contest.differences}
    assert (rows["b"]["difference"], rows["b"]["p"], rows["b"]["significant"]) == (0.0, 1.0, False)
    assert rows["c"]["significant"]


def test_what_is_no_rounding_stays() -> None:
    values = [3.0, inf, -1.0, nan, 0.0, 3.0 + 1e-12, -inf, inf, 1e-15]
    assert evened(values) == pytest.approx([3.0, inf, -1.0, nan, 0.0, 3.0, -inf, inf, 1e-15], abs=0, rel=0, nan_ok=True)
    assert gap(1e-15, 2e-15) == 1e-15
    assert gap(1.0, inf) == inf
    assert isnan(gap(inf, inf))  # undefined, as it was


# correction


def test_holm_by_hand() -> None:
    # Sorted: .005 · 4, .01 · 3, .03 · 2, .04 · 1; the last may not fall below the one before it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    adjusted = holm([0.02, nan, 0.04])
    assert adjusted[0] == 0.04  # two were tested, not three
    assert isnan(adjusted[1])


@settings(max_examples=60, deadline=None)
@given(P_VALUES)
def test_holm_is_the_closed_test_of_bonferroni(p_values: list[float]) -> None:
    """An elementary hypothesis falls if every intersection that it is part of does: max of |S| · min p over those S."""
    m = range(len(p_values))
    subsets = [s for size in range(1, len(p_values) + 1) for s in combinations(m, size)]
    closed = [max(min(1.0, len(s) * min(p_values[j] for j in s)) for s in subsets if i in s) for i in m]
    assert holm(p_values) == pytest.approx(closed)


def test_the_t_test_is_scipys_and_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(5)
    for n in (2, 3, 10):
        x = rng.normal(0.4, 1.0, n)
        assert t_test(x) == pytest.approx(stats.ttest_1samp(x, 0.0).pvalue)
        assert (t_test(x) < 0.05) == t_interval(x).significant
    assert (t_test([2.0, 2.0]), t_test([0.0, 0.0])) == (0.0, 1.0)
    assert t_test([0.9 - 0.5, 0.8 - 0.4, 0.7 - 0.3]) == 0.0  # the last is smaller by a rounding
    assert all(isnan(t_test(x)) for x in ([], [1.0], [1.0, np.inf]))


def test_a_difference_that_stands_alone_falls_among_many() -> None:
    """One true difference of p = 0.03 is told from zero by itself, and not as one of six."""
    gap = [0.1, 0.14, 0.3, 0.3, 0.05]
    assert 0.01 < t_test(gap) < 0.05
    values = {"control": [0.5] * 5, "other": [0.5 + g for g in gap]}
    alone = hold(runs(**{name: {"a": row} for name, row in values.items()}), ["availability"], "policy").differences
    assert [told(row) for row in alone] == [True]
    noise = {f"p{k}": {"a": [0.5 + (-1) ** i * 0.1 for i in range(5)]} for k in range(5)}
    crowd = hold(runs(**{name: {"a": row} for name, row in values.items()}, **noise), ["availability"]).differences
    assert len(crowd) == 6
    assert [row["significant"] for row in crowd] == [True] + [False] * 5
    assert not any(told(row) for row in crowd)
    assert crowd[0]["p_holm"] == pytest.approx(6 * crowd[0]["p"])


# ranks


def test_ranks_by_hand() -> None:
    """Two scenarios, two replications: four blocks. Equals share their mean rank; more availability is better."""
    a, b = {"x": [0.9, 0.9], "y": [0.5, 0.5]}, {"x": [0.9, 0.8], "y": [0.7, 0.6]}
    held = hold(runs(a=a, b=b, c={"x": [0.1, 0.1], "y": [0.6, 0.7]}), ["availability", "decisions"], "policy")
    assert held.entrants == ("a", "b", "c")
    assert held.ranks("availability").tolist() == [[1.5, 1.5, 3], [1, 2, 3], [3, 1, 2], [3, 2, 1]]
    (row,) = held.table()  # decisions are neither better nor worse
    assert row["ranks"] == [8.5 / 4, 6.5 / 4, 9 / 4]
    assert (row["blocks"], row["left_out"], row["better"]) == (4, 0, "up")
    # Friedman, corrected for one pair of equals: sums 8.5, 6.5, 9; (12/(4·3·4) Σ R² - 3·4·4) / (1 - 6/(4·24)).
    plain = 12 / 48 * (8.5**2 + 6.5**2 + 9**2) - 48
    assert row["statistic"] == pytest.approx(plain / (1 - 6 / 96))
    assert row["p"] == pytest.approx(stats.chi2.sf(row["statistic"], 2))


def test_friedmans_test_is_scipys_over_the_values_themselves() -> None:
    values = np.random.default_rng(1).random((5, 12))
    made = runs(**{f"p{i}": {"x": row[:6].tolist(), "y": row[6:].tolist()} for i, row in enumerate(values)})
    (row,) = hold(made, ["availability"]).table()
    expected = stats.friedmanchisquare(*values)
    assert (row["statistic"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert row["ranks"] == pytest.approx(stats.rankdata(-values, axis=0).mean(axis=1))


def test_less_is_better_of_latency_and_the_first_is_the_control() -> None:
    made = [run(p, "x", k, p99_latency_s=v + k) for p, v in (("a", 3.0), ("b", 2.0), ("c", 1.0)) for k in range(3)]
    held = hold(made, ["p99_latency_s"])
    assert held.table()[0]["ranks"] == [3, 2, 1]
    assert {row["first"] for row in held.differences} == {"a", "b"}  # three are compared each with each
    (most,) = largest(held)
    assert (most["first"], most["second"], most["difference"]) == ("a", "c", -2.0)


def test_a_block_in_which_somebody_is_undefined_is_left_out() -> None:
    made = runs(a={"x": [0.9, 0.8]}, b={"x": [nan, 0.7]}, c={"x": [0.1, 0.6]})
    (row,) = hold(made, ["availability"]).table()
    assert (row["blocks"], row["left_out"], row["ranks"]) == (1, 1, [1, 2, 3])
    assert isnan(row["p"])
    (row,) = hold(runs(**{p: {"x": [0.5, 0.5]} for p in "abc"}), ["availability"]).table()
    assert (row["ranks"], isnan(row["p"])) == ([2, 2, 2], True)  # all are equal: nothing to test
    missing = [
        r for r in runs(a={"x": [1, 1]}, b={"x": [1, 1]}, c={"x": [1, 1]}) if (r.replication, r.name[7]) != (0, "c")
    ]
    assert hold(missing, ["availability"]).scenarios == ("case='x'",)


def test_an_axis_that_is_none_is_refused() -> None:
    made = runs(a={"x": [1.0, 1.0]}, b={"x": [1.0, 1.0]})
    assert not fits(made)
    with pytest.raises(UserError, match="no axis of the study has three values"):
        hold(made, ["availability"])
    with pytest.raises(UserError, match="no axis 'polcy'") as caught:
        hold(made, ["availability"], "polcy")
    assert caught.value.problems[0].hint == "did you mean policy?"


def test_entrants_with_parameters_are_told_apart_and_named_by_what_they_use() -> None:
    entrants = [{"use": "tier-affinity", "params": {"tiers": [t]}} for t in ("edge", "cloud")]
    made = [run(p, "x", k, availability=1.0) for p in (*entrants, "random") for k in range(2)]
    for number, one in enumerate(made):
        one.name = f"{number // 2}"
    held = hold(made, ["availability"])
    assert len(held.entrants) == 3
    assert label(held.entrants[0]) == "tier-affinity"
    assert held.names == [str(entrants[0]), str(entrants[1]), "random"]


# fronts


def test_a_front_by_hand() -> None:
    values = np.array([[1.0, 5.0], [2.0, 4.0], [2.0, 5.0], [3.0, 9.0], [1.0, 5.0], [0.0, nan]])
    assert non_dominated(values, ["down", "down"]).tolist() == [True, True, False, False, True, False]
    assert non_dominated(values, ["down", "up"]).tolist() == [True, False, False, True, True, False]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_a_front_is_what_its_definition_says(points: list[tuple[int, int, int]]) -> None:
    def dominates(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
        ours, theirs = (a[0], -a[1], a[2]), (b[0], -b[1], b[2])
        return all(x <= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs

    expected = [not any(dominates(other, point) for other in points) for point in points]
    assert non_dominated(np.array(points, float), ["down", "up", "down"]).tolist() == expected


def test_who_is_on_the_front_of_latency_loss_energy_and_cost() -> None:
    measured = {  # energy_j, cost_usd, lost_messages in x; in y only the energy differs
        "thrifty": ((1.0, 2.0, 0.0), 5.0),
        "cheap": ((2.0, 1.0, 0.0), 4.0),
        "twin of cheap": ((2.0, 1.0, 0.0), 4.0),
        "worse": ((2.0, 2.0, 0.0), 3.0),
        "broken": ((nan, 0.5, 0.0), 3.0),
    }
    made = [
        run(policy, case, k, energy_j=energy + k, cost_usd=cost, lost_messages=lost, availability=0.9)
        for policy, (x, y) in measured.items()
        for case, (energy, cost, lost) in (("x", x), ("y", (y, 1.0, 0.0)))
        for k in range(2)
    ]
    held = hold(made, ["availability", "lost_messages", "energy_j", "cost_usd"], "policy")
    (front,) = held.fronts()  # in y a single metric tells them apart
    assert (front.scenario, front.metrics) == ("case='x'", ("energy_j", "cost_usd"))
    assert front.places() == {(1.5, 2.0): [0], (2.5, 1.0): [1, 2]}
    drawn = draw_fronts(held)
    assert drawn is not None
    assert drawn.rows.filter("non_dominated")["scenario.policy"].to_list() == ["thrifty", "cheap", "twin of cheap"]
    assert {note.text for note in drawn.figure.layout.annotations} >= {"thrifty", "cheap, twin of cheap"}


# directions, reasons, the page


def test_every_metric_has_a_direction_or_none() -> None:
    assert set(GLOSSARY) >= UP | NEITHER
    assert not UP & NEITHER
    ways = {name: better(name) for name in GLOSSARY}
    assert (ways["availability"], ways["lost_messages"], ways["decisions"]) == ("up", "down", None)
    # What is left counts as a time, a loss or something spent; a share of what went well would not.
    ratios = {name for name, metric in GLOSSARY.items() if metric.unit == "ratio" and ways[name] == "down"}
    assert ratios == {"cold_start_share"}


def test_the_page_ranks_and_draws_who_is_not_dominated() -> None:
    made = [
        run(p, "x", k, used_nodes=nodes, availability=up)
        for p, nodes, up in (("a", 1.0, 0.5), ("b", 2.0, 0.9), ("c", 3.0, 0.8))
        for k in range(2)
    ]
    page = comparison(made, ["used_nodes", "availability"])
    assert "Mean rank over 2 blocks" in page
    assert '<details data-figure="figure-pareto" data-rows="3">' in page
    assert comparison(made[:4], ["availability"]) == ""


def test_of_a_crowd_the_figure_names_who_is_not_dominated_and_the_first() -> None:
    def named(entrants: int) -> set[str]:
        places = [(f"p{i}", 0.0 if i == 1 else 1.0 + i, 0.9 if i == 1 else 0.5) for i in range(entrants)]
        made = [run(p, "x", k, used_nodes=n, availability=up) for p, n, up in places for k in range(2)]
        drawn = draw(hold(made, ["used_nodes", "availability"]))
        assert drawn is not None
        return {name for text in drawn.figure.data[1].text for name in text.split("<br>") if name}

    assert named(13) == {"p0", "p1"}
    assert len(named(12)) > 2


def test_names_beside_a_front_keep_apart_within_the_panel() -> None:
    assert _spread([0.0, 0.02, 0.5]) == pytest.approx([0.0, 0.09, 0.5])
    assert _spread([0.97, 0.98, 1.0]) == pytest.approx([0.82, 0.91, 1.0])


def test_decisions_part_where_pod_and_attempt_are_the_same() -> None:
    import polars as pl

    def decided(*rows: tuple[str, int, str, str]) -> Run:
        table = pl.DataFrame(rows, schema=["pod", "attempt", "decision", "node"], orient="row")
        return Run("x", {}, None, 0, 1, {}, {"decisions": table}, {})

    first = decided(("a", 1, "Bind", "n0"), ("b", 1, "Wait", ""), ("b", 2, "Bind", "n1"), ("c", 1, "Bind", "n0"))
    second = decided(("b", 1, "Wait", ""), ("a", 1, "Bind", "n0"), ("b", 2, "Bind", "n2"), ("d", 1, "Bind", "n0"))
    assert list(partings(first, second)) == [("b", 2)]
    assert list(partings(first, first)) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"a": [nan, nan], "b": [0.5, 0.5], "c": [0.5, 0.5]}, "–"),
        ({"a": [0.5, 0.7], "b": [0.5, 0.7], "c": [0.5, 0.7]}, "all equal"),
        ({"a": [0.5], "b": [0.6], "c": [0.7]}, "–"),  # one block tests nothing
        ({"a": [0.5, 0.5], "b": [0.6, 0.6]}, "–"),  # nor do two entrants
        ({"a": [0.5, 0.5], "b": [0.6, 0.4]}, "–"),
        ({"a": [0.5, 0.5], "b": [0.5, 0.5]}, "all equal"),
        ({"a": [0.1] * 9, "b": [0.2] * 9, "c": [0.3] * 9}, "< 0.001"),
        ({"a": [0.1] * 3, "b": [0.2] * 3, "c": [0.3] * 3}, "0.050"),  # 12 / (3·3·4) (9² + 6² + 3²) - 36 = 6; e⁻³
    ],
)
def test_a_cell_says_what_friedman_s_test_does_or_why_it_says_nothing(
    values: dict[str, list[float]], said: str
) -> None:
    made = runs(**{name: {"x": row} for name, row in values.items()})
    assert [alike(row) for row in hold(made, ["availability"], "policy").table()] == [said]


def test_who_has_the_same_policy_with_other_parameters_is_named_in_full() -> None:
    import polars as pl

    made = runs(a={"x": [0.1, 0.11]}, b={"x": [0.5, 0.51]})
    asks = pl.DataFrame(schema={"pod": str, "attempt": int, "decision": str, "node": str})
    for one in made:
        one.axes = {"scenario.policy": {"use": "t", "params": {"gap": one.axes["scenario.policy"]}}}
        one.tables = {"decisions": asks}
    _, text = contest(Study(made, About()), "policy")
    assert "{'use': 't', 'params': {'gap': 'b'}} − {'use': 't', 'params': {'gap': 'a'}}" in text


def test_a_rank_that_nobody_has_is_a_dash() -> None:
    made = [run(p, "x", 0, availability=a, detection_s=nan) for p, a in (("a", 0.1), ("b", 0.2), ("c", 0.3))]
    _, text = contest(Study(made, About()), "policy")
    assert text.splitlines()[1].split() == ["a", "3.00", "–"]


@pytest.mark.parametrize(("other", "said"), [([0.6, 0.6], True), ([0.6, 0.7], False), ([0.1, 0.1], False)])
def test_a_difference_without_spread_is_not_passed_off_as_certain(other: list[float], said: bool) -> None:
    """Of two values ±1, alike with a chance of 1/2, half are alike: p 0 would be wrong as often."""
    rows = hold(runs(a={"x": [0.1, 0.1]}, b={"x": other}), ["availability"], "policy").differences
    assert ("the same in each of 2 replications or more" in difference_table(rows)) == said


def test_metrics_that_rank_nobody_are_told() -> None:
    made = [run(p, "x", 0, decisions=1.0) for p in "abc"]
    with pytest.raises(UserError, match="of none of the study's metrics is more, or less, better: decisions"):
        contest(Study(made, About()), "policy")
