"""Open Horizon's behaviour when nodes are cut off: predictions E-P4, E-P12, E-P13, E-P28, E-P33 and E-P35.

Many nodes are cut at random instants in one simulation, and poll and are looked at in phases of their own. Each
prediction names the default that governs it, and misses when that is moved by a quarter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from horizons import Horizon, per_node
from simulator.units import SECOND

Floats = NDArray[np.float64]
Facts = tuple[tuple[str, Any], ...]
MISSING, CHECK = "liveness.poll-age.missing", "liveness.poll-age.check"
LEAST, MOST, STEP = (f"desired_state.agreement.poll_{what}" for what in ("from", "to", "step"))
SHORTEST: Facts = (("desired_state.agreement.restored", "shortest"),)


def cut_off(count: int, facts: Facts, lasts: Floats, mode: str) -> tuple[Horizon, Floats]:
    """Each of `count` nodes at rest is cut off once, spread over two passes of the hub's; the instants of the cuts."""
    hub = Horizon(count, dict(facts))
    hub.apply(per_node())
    luck = np.random.default_rng(7)
    at = 2000 + 1800 * (luck.permutation(count) + luck.uniform(size=count)) / count
    for i in range(count):
        hub.cut(i, at[i], float(lasts[i]) if np.isfinite(lasts[i]) else None, mode)
    return hub, at


@lru_cache
def cancelled(facts: Facts) -> Floats:
    """From cut to cancellation at the hub, of nodes that never come back."""
    hub, at = cut_off(200, facts, np.full(200, np.inf), "silent")
    hub.run(8000)
    found = hub.times("AgreementCancelled", "heartbeat missing")
    return np.array([found[f"n{i}"][0] for i in range(200)]) - at


def share(lasts: float) -> Callable[[Facts], Floats]:
    """Of outages of this length: how many cost the agreement."""

    def measured(facts: Facts) -> Floats:
        hub, _at = cut_off(120, facts, np.full(120, lasts), "silent")
        hub.run(4000 + lasts)
        return np.array([len(hub.times("AgreementCancelled")) / 120])

    return measured


@lru_cache
def returned(facts: Facts, lasts: float) -> tuple[Floats, Floats]:
    """Of outages long enough that the agreement is gone: from the way's return until the service has stopped; from
    there until it runs again under another agreement. After 2710 + 240 s no cancel waits in a mailbox any more."""
    hub, at = cut_off(40, facts, np.full(40, lasts), "refused")
    hub.run(6000 + lasts)
    stops = dict(hub.pods("running", "stopped").select("node", "time_s").rows())
    starts = dict(hub.pods("running", "started").select("node", "time_s").rows())  # the last of each
    stopped = np.array([stops[f"n{i}"] for i in range(40)])
    return stopped - at - lasts, np.array([starts[f"n{i}"] for i in range(40)]) - stopped


def false_alarms(facts: Facts) -> Floats:
    """Agreements of healthy nodes that are cancelled in two hours under nodeHealth 90 s and 60 s."""
    hub = Horizon(40, {MISSING: "90s", CHECK: "60s", **dict(facts)})
    hub.apply(per_node())
    hub.run(7200)
    return np.array([float(len(hub.times("AgreementCancelled", "heartbeat missing")))])


def model_delays(facts: Facts) -> Floats:
    """A model of 20 MiB is published while nodes are cut off: from the way's return until it is there, less the time
    that four chunks take at 100 Mbit/s with a round trip of 20 ms for the poll and for each chunk."""
    hub, at = cut_off(80, facts, np.full(80, 600.0), "silent")
    for i in range(80):
        hub.clock.at(int((at[i] + 300) * SECOND), hub.cluster.models.publish, "m", 20 << 20, [i + 1])
    hub.run(6000)
    arrived = np.array([hub.cluster.models.arrived["m", i + 1] / SECOND for i in range(80)])
    return arrived - at - 600 - (20 << 20) * 8 / 100e6 - 5 * 0.02


def polls_per_s(nodes: int, after: float) -> Callable[[Facts], Floats]:
    """Heartbeats a second of so many nodes, counted one by one on fifty of them over twice the longest interval."""

    def measured(facts: Facts) -> Floats:
        hub = Horizon(50, dict(facts))
        if after:
            hub.apply(per_node())
        hub.run(after)
        exchange, beats = hub.cluster.exchange, 0
        since = hub.clock.now
        longest = next((int(value[:-1]) for path, value in facts if path == MOST), 120)
        span = 2 * longest if after else 100
        seen = [exchange.heard(i) for i in range(1, 51)]
        while hub.clock.now < since + span * SECOND:
            hub.clock.run(hub.clock.now + 5 * SECOND)
            now = [exchange.heard(i) for i in range(1, 51)]
            beats += sum(a != b for a, b in zip(seen, now, strict=True))
            seen = now
        assert hub.cluster.polls_per_s() == pytest.approx(beats / span, rel=0.05)
        return np.array([beats / span * nodes / 50])

    return measured


@dataclass(frozen=True)
class Prediction:
    """All measured values lie in [low, high], and their mean within ±`within` of `mean`; with `moved` they do not."""

    name: str
    measure: Callable[[Facts], Floats]
    low: float
    high: float
    moved: Facts
    mean: float | None = None
    within: float = 1.0
    facts: Facts = ()

    def misses(self, facts: Facts) -> list[str]:
        values = self.measure(facts)
        found = []
        if values.min() < self.low or values.max() > self.high:
            found.append(f"{values.min():.2f} … {values.max():.2f} is not within {self.low} … {self.high}")
        if self.mean is not None and abs(values.mean() - self.mean) > self.within:
            found.append(f"the mean is {values.mean():.2f}, not {self.mean} ± {self.within}")
        return found


PATIENT: Facts = ((LEAST, "60s"), (MOST, "900s"), (STEP, "60s"))
PREDICTIONS = [
    # −120 … 0 s from the last poll to the cut, 1800 s missing, 0 … 900 s to the next pass.
    Prediction("P12 cancelled", cancelled, 1680, 2710, ((MISSING, "2250s"),), mean=2190, within=20),
    Prediction("P12 its passes", cancelled, 1680, 2710, ((CHECK, "2250s"),), mean=2190, within=20),
    # "D < 1680 s: nothing changes" holds for D and the time until a poll succeeds again, up to 35 s after a silent cut.
    Prediction("P12 D = 1644 s", share(1644), 0, 0, ((MISSING, "1350s"),)),
    Prediction("P12 D = 2200 s", share(2200), 0.45, 0.55, ((MISSING, "2250s"),)),
    Prediction("P12 D = 2711 s", share(2711), 1, 1, ((MISSING, "2250s"),)),
    Prediction(
        "P12 stopped after the purge", lambda f: returned(f, 7300)[0], 360, 440,
        (("eviction.cancel-agreement.verify_every", "75s"),),
    ),
    Prediction(
        "P12 stopped, the interval staying short", lambda f: returned(f, 2960)[0], 20, 40.2, ((LEAST, "25s"),),
        facts=SHORTEST,
    ),
    Prediction(
        "P12 away, the interval staying short", lambda f: returned(f, 2960)[1], 20, 60 + 2, ((LEAST, "15s"),),
        mean=41, within=4, facts=SHORTEST,
    ),
    Prediction("P28 model", model_delays, 0, 60, (("desired_state.model-objects.poll", "75s"),), mean=30, within=3),
    Prediction("P35 at rest", polls_per_s(10_000, 3000), 82, 85, ((MOST, "150s"),)),
    Prediction("P35 at the shortest", polls_per_s(10_000, 0), 490, 510, ((LEAST, "25s"),)),
    Prediction(
        "P35 intervals for many nodes", polls_per_s(40_000, 20_000), 43, 46, ((MOST, "1125s"),), facts=PATIENT
    ),
]  # fmt: skip


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.name)
def test_prediction_holds(prediction: Prediction) -> None:
    assert prediction.misses(prediction.facts) == []


@pytest.mark.parametrize("prediction", PREDICTIONS, ids=lambda p: p.name)
def test_prediction_fails_when_its_governing_default_moves(prediction: Prediction) -> None:
    facts = dict(prediction.facts) | dict(prediction.moved)
    assert prediction.misses(tuple(facts.items())) != []


def monte_carlo(count: int) -> Floats:
    """P12 by itself: polls every 120 s and passes every 900 s, in random phases; a cut; the pass that finds the last
    poll 1800 s old."""
    luck = np.random.default_rng(1)
    cut = luck.uniform(10_000, 20_000, count)
    last = cut - (cut - luck.uniform(0, 120, count)) % 120
    passes = luck.uniform(0, 900, count)
    return last + 1800 + (passes - last - 1800) % 900 - cut


def test_p12_is_what_an_independent_monte_carlo_says() -> None:
    measured, drawn = cancelled(()), monte_carlo(100_000)
    assert np.mean(drawn <= 2200) == pytest.approx(0.511, abs=0.005)
    assert np.mean(measured <= 2200) == pytest.approx(np.mean(drawn <= 2200), abs=0.05)
    shares = np.linspace(0.05, 0.95, 19)
    assert np.quantile(measured, shares) == pytest.approx(np.quantile(drawn, shares), abs=60)


def test_p12_the_node_still_runs_what_the_hub_has_cancelled() -> None:
    hub, _at = cut_off(20, (), np.full(20, np.inf), "silent")
    hub.run(8000)
    assert hub.believed() == []
    assert all(len(hub.running(i)) == 1 for i in range(20))
    assert hub.pods("running", "stopped").is_empty()


def test_p12_services_stop_and_return_later_than_predicted() -> None:
    """REFUTED: "service stopped within one poll (≤ 20 s) + verification; downtime = negotiation, 2 polls (20..60 s)".
    The agent's code brings back the interval of before the failure (changes_worker.go, UPDATE_TYPE_HB_RESTORED): 120 s
    at rest until the answer to its question is fetched, then 70 s (an alert) until the proposal is, and 20 s until the
    acknowledgement. As predicted it is with the interval staying short, above."""
    stopped, away = returned((), 2960)
    assert (stopped.min(), stopped.max()) == pytest.approx((120, 140), abs=3)
    assert (away.min(), away.max()) == pytest.approx((90.5, 91.5), abs=1)


def test_reconnecting_after_a_silent_cut_may_take_longer_than_predicted() -> None:
    """REFUTED above 20 s: "≤ 20 s (polls at the minimum while failing)" leaves out that a request that nobody answers
    takes 30 s to fail: a way that returns after its last SYN waits for the next request, up to 35 s."""
    found = {}
    for mode in ("refused", "silent"):
        hub, at = cut_off(120, (), np.full(120, 600.0), mode)
        hub.run(6000)
        back = hub.times("HeartbeatRestored")
        found[mode] = np.array([back[f"n{i}"][0] for i in range(120)]) - at - 600
    assert found["refused"].max() <= 20.1
    assert 30 < found["silent"].max() <= 35.1
    assert np.mean(found["silent"] > 20) == pytest.approx(15 / 116, abs=0.06)  # 15 s of each cycle of 116 s


@pytest.mark.parametrize(("most", "alarms"), [(20, 0), (40, 0), (60, 0), (80, 0), (100, 1), (120, 1)])
def test_p13_false_cancellations_come_with_polls_that_are_rarer_than_the_hub_s_patience(most: int, alarms: int) -> None:
    assert (false_alarms(((MOST, f"{most}s"),))[0] > 0) == bool(alarms)


def test_p13_depends_on_how_long_the_hub_waits() -> None:
    """A quarter more, and polls of 100 s are no longer too rare; a quarter less, and those of 80 s are."""
    assert false_alarms(((MOST, "100s"), (MISSING, "112500ms")))[0] == 0
    assert false_alarms(((MOST, "80s"), (MISSING, "67500ms")))[0] > 0


def test_p13_begins_540_s_after_the_last_event() -> None:
    hub = Horizon(40, {MISSING: "90s", CHECK: "60s"})
    hub.apply(per_node())
    hub.run(7200)
    last = hub.pods("stored", "desired").group_by("node").agg(first=pl.col("time_s").min())
    since = dict(last.rows())
    waits = [times[0] - since[node] for node, times in hub.times("AgreementCancelled", "heartbeat missing").items()]
    assert min(waits) >= 440  # when the interval has grown to 100 s
    assert sum(wait >= 540 for wait in waits) > len(waits) / 2


def test_p4_containers_return_with_the_engine_and_the_agent_waits_for_the_exchange() -> None:
    def reboots(facts: Facts) -> Floats:
        """Seconds from the end of the boot until the containers run again; infinite: not before the way returns."""
        hub, at = cut_off(30, facts, np.full(30, 900.0), "silent")
        for i in range(30):
            hub.crash(i, at[i] + 100, 60)
        hub.run(6000)
        boots = hub.times("NodeBooted")
        starts: dict[str, list[float]] = {}
        for node, time in hub.pods("running", "started").select("node", "time_s").rows():
            starts.setdefault(node, []).append(time)
        talk = hub.recorder.deliveries.frame().select("node", "direction", "time_s").rows()
        for i in range(30):
            times = [t for node, way, t in talk if node == f"n{i}" and way == "up" and t > at[i] + 100]
            assert min(times) >= at[i] + 900 - 1e-6  # nothing is governed, or said, before
            assert min(times) <= at[i] + 900 + 40
        waits = [starts[f"n{i}"][1] - boots[f"n{i}"][0] if len(starts[f"n{i}"]) > 1 else np.inf for i in range(30)]
        return np.array([wait if wait < 700 else np.inf for wait in waits])

    back = reboots(())
    assert back.max() <= 5  # after its boot, which takes 10 s here
    assert np.isinf(reboots((("autonomy.agent.after_reboot_offline", []),))).all()


def test_p33_a_service_for_one_architecture_is_agreed_with_no_other_and_never_fails_to_start() -> None:
    hub = Horizon(20, platforms=("linux/amd64", "linux/arm/v7"))
    hub.apply(per_node(platforms=frozenset({"linux/amd64"})))
    hub.run(3000)
    assert [len(hub.running(i)) for i in range(20)] == [1, 0] * 10
    assert {row[0] for row in hub.recorder.deliveries.frame().select("node").rows()} == {
        f"n{i}" for i in range(0, 20, 2)
    }
    assert hub.times("Failed") == {}
    assert "linux/arm/v7" in next(c for c in hub.page.components if c.name == "agent").architectures


def test_the_interval_grows_while_nothing_happens() -> None:
    """5.3: 120 s are reached 540 s after the last event, seen from outside: by the gaps between heartbeats."""
    hub = Horizon(1)
    hub.apply(per_node())
    hub.run(60)
    beats = [hub.cluster.exchange.heard(1)]
    while len(beats) < 25:
        hub.clock.run(hub.clock.now + SECOND)
        if hub.cluster.exchange.heard(1) != beats[-1]:
            beats.append(hub.cluster.exchange.heard(1))
    gaps = [round((b - a) / SECOND) for a, b in pairwise(beats)]
    assert gaps[-8:] == [120] * 8
    assert [gap for gap, after in pairwise(gaps) if after != gap] == [20, 40, 60, 80, 100]
