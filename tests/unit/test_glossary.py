"""Each metric on tables small enough to work out by hand."""

from __future__ import annotations

from math import inf, isnan, nan

import polars as pl
import pytest

from simulator.record import glossary
from simulator.record.buffer import Recorder
from simulator.record.glossary import GLOSSARY, MetricContext, summarise
from simulator.units import SECOND


def value(name: str, recorder: Recorder, **context: object) -> float:
    context.setdefault("duration_s", 100.0)
    return summarise(recorder.frames(), MetricContext(**context), [name])[name]


def traffic(
    recorder: Recorder, start_s: int, issued: int, completed: int, *, timeout: int = 0, flow: str = "f"
) -> None:
    recorder.traffic.add(start_s * SECOND, flow, "z", issued, completed, timeout, 0, 0, 0, 0, *[nan] * 5)


def pod(recorder: Recorder, at_s: float, name: str, state: str, *, owner: str = "api", truth: str = "running") -> None:
    recorder.pods.add(round(at_s * SECOND), name, owner, "n", truth, state)


def node(recorder: Recorder, at_s: float, name: str, truth: str, state: str) -> None:
    recorder.nodes.add(round(at_s * SECOND), name, truth, state)


def test_every_metric_of_a_run_in_which_nothing_happened() -> None:
    got = summarise(Recorder().frames(), MetricContext(duration_s=10.0))
    undefined = {name for name, number in got.items() if isnan(number)}
    assert undefined == {
        *("availability", "mean_latency_s", "p50_latency_s", "p95_latency_s", "p99_latency_s"),
        *("age_of_information_mean_s", "age_of_information_peak_s", "mean_command_delay_s", "max_command_delay_s"),
        *("mean_message_age_s", "detection_s", "recovery_s", "start_p50_s", "start_rate"),
        "allocated_accelerators",
        *("replacement_s", "reconciliation_s", "ready_again_s"),
        *("cluster_detection_s", "cluster_ready_again_s", "cluster_failover_s", "propagation_s"),
        *("model_delivery_s", "rebuild_s", "host_update_s"),
        *("give_up_s", "offline_running_ratio", "reboot_s", "late_reboot_s", "update_s", "late_update_s"),
        "update_last_s",
        *("energy_j", "pod_energy_j", "grid_energy_j", "radio_energy_j", "request_energy_j", "carbon_g", "cost_usd"),
        *("battery_empty_s", "battery_stops", "lowest_charge_j", "solar_j", "curtailed_j", "battery_loss_j"),
        *("cold_start_share", "cold_start_wait_s", "function_latency_s", "instance_life_s"),
        *("link_up_ratio", "majority_links_up_ratio"),
        "migration_downtime_s",
    }
    assert got["all_up_ratio"] == 1
    assert all(number == 0 for name, number in got.items() if name not in {*undefined, "all_up_ratio"})


def test_no_two_nouns_define_a_metric_of_one_name() -> None:
    names = [metric.name for noun in glossary._NOUNS for metric in noun.METRICS]
    assert sorted(names) == sorted(GLOSSARY)


def test_names_carry_their_units_and_the_order_is_the_glossarys() -> None:
    got = summarise(Recorder().frames(), MetricContext(duration_s=10.0), ["recovery_s", "availability"])
    assert list(got) == ["availability", "recovery_s"]
    for metric in GLOSSARY.values():
        assert (metric.unit == "s") == (metric.name.endswith("_s") and metric.name != "belief_error_s")
    with pytest.raises(KeyError, match="no_such"):
        summarise(Recorder().frames(), MetricContext(duration_s=10.0), ["no_such"])


def test_availability_counts_what_ended_after_the_warm_up() -> None:
    recorder = Recorder()
    traffic(recorder, 0, 10, 0, timeout=8)  # warm-up; two are still in flight at its end
    traffic(recorder, 10, 10, 9, timeout=1)
    traffic(recorder, 20, 10, 10)
    traffic(recorder, 20, 5, 2, timeout=2, flow="g")
    assert value("availability", recorder, warm_up_s=10) == pytest.approx(21 / 24)
    # Without a warm-up it is completed / (issued - in flight): conservation.
    assert value("requests_in_flight", recorder) == 35 - 32
    assert value("availability", recorder) == pytest.approx(21 / (35 - 3))
    assert value("requests_issued", recorder, warm_up_s=10) == 25
    assert value("requests_completed", recorder, warm_up_s=10) == 21
    assert value("requests_failed", recorder, warm_up_s=10) == 3


def test_failed_counts_each_reason_once() -> None:
    recorder = Recorder()
    recorder.traffic.add(0, "f", "z", 31, 0, 1, 2, 4, 8, 16, *[nan] * 5)
    assert value("requests_failed", recorder) == 31
    assert value("requests_in_flight", recorder) == 0


def test_latencies_come_from_the_merged_sketch() -> None:
    context = {"latency": lambda q: 10 * q, "mean_latency_s": 3.0}
    got = summarise(Recorder().frames(), MetricContext(duration_s=1.0, **context))
    assert (got["p50_latency_s"], got["p95_latency_s"], got["p99_latency_s"]) == (5.0, 9.5, 9.9)
    assert got["mean_latency_s"] == 3.0


def test_messages_age_is_weighted_by_deliveries() -> None:
    recorder = Recorder()
    for start, delivered, lost, age in ((0, 100, 1, 9.0), (10, 1, 0, 4.0), (20, 3, 2, 8.0), (30, 0, 4, nan)):
        recorder.messages.add(start * SECOND, "m", "z", delivered + lost, delivered, lost, 0, 0, age, age, float("nan"))
    assert value("mean_message_age_s", recorder, warm_up_s=10) == pytest.approx((4 + 24) / 4)
    assert value("delivered_messages", recorder, warm_up_s=10) == 4
    assert value("lost_messages", recorder, warm_up_s=10) == 6


def test_double_pods_are_those_beyond_the_wanted_number() -> None:
    recorder = Recorder()
    pod(recorder, 0, "a", "started")
    pod(recorder, 10, "b", "started")
    pod(recorder, 30, "c", "started")  # two wanted, three run: 30 … 45
    pod(recorder, 45, "a", "stopped")
    pod(recorder, 90, "d", "started")  # and 90 … 100, the end
    pod(recorder, 5, "other", "started", owner="job")  # nobody wants a number of it
    assert value("double_pod_seconds", recorder, wanted={"api": 2}) == 15 + 10
    assert value("double_pod_seconds", recorder, wanted={"api": 2}, warm_up_s=40) == 5 + 10
    assert value("double_pod_seconds", recorder, wanted={"api": 1}) == 20 + 15 * 2 + 45 + 10 * 2
    assert value("pod_seconds", recorder) == 45 + 90 + 70 + 10 + 95


def test_missing_pods_are_those_short_of_the_wanted_number() -> None:
    recorder = Recorder()
    pod(recorder, 10, "a", "started")  # 2 are missing before, 1 from then on
    pod(recorder, 30, "b", "started")
    pod(recorder, 35, "c", "started")  # one too many makes up for nothing
    pod(recorder, 60, "a", "stopped")
    pod(recorder, 60, "b", "stopped")  # 1 is missing to the end
    assert value("missing_pod_seconds", recorder, wanted={"api": 2}) == 2 * 10 + 20 + 40
    assert value("missing_pod_seconds", recorder, wanted={"api": 2}, warm_up_s=20) == 10 + 40
    assert value("missing_pod_seconds", recorder, wanted={"api": 1, "never": 3}) == 10 + 300
    assert value("missing_pod_seconds", recorder) == 0


def test_a_container_that_starts_twice_is_one_pod() -> None:
    recorder = Recorder()
    for at, state in ((0, "started"), (10, "stopped"), (20, "started"), (20, "started"), (30, "stopped")):
        pod(recorder, at, "a", state)
    assert value("pod_seconds", recorder) == 20
    assert value("pods_started", recorder) == 1
    assert value("double_pod_seconds", recorder, wanted={"api": 0}) == 20


def test_detection_starts_at_the_loss_or_at_the_cut() -> None:
    recorder = Recorder()
    for name in ("dead", "behind", "early"):
        node(recorder, 0, name, "believed", "Ready")
    node(recorder, 5, "early", "believed", "NotReady")  # nothing had happened to it: not a detection
    node(recorder, 10, "dead", "running", "down")
    node(recorder, 55, "dead", "believed", "Unknown")  # 45 s after its loss, though the cut is nearer
    node(recorder, 20, "dead", "path", "cut")
    node(recorder, 20, "behind", "path", "cut")
    node(recorder, 60, "behind", "believed", "Unknown")  # 40 s after the cut of its path at 20
    node(recorder, 65, "behind", "believed", "NotReady")  # not a turn from Ready
    node(recorder, 70, "dead", "running", "up")
    assert value("detection_s", recorder) == pytest.approx((45 + 40) / 2)


def test_belief_error_counts_both_ways() -> None:
    recorder = Recorder()
    node(recorder, 0, "dead", "believed", "Ready")
    node(recorder, 10, "dead", "running", "down")  # believed Ready, is down: 10 … 50
    node(recorder, 50, "dead", "believed", "Unknown")
    node(recorder, 70, "dead", "running", "up")  # believed Unknown, is up: 70 … 80
    node(recorder, 80, "dead", "believed", "Ready")
    node(recorder, 30, "device", "running", "down")  # nobody believes anything about it
    node(recorder, 95, "cut", "believed", "Unknown")  # is up: 95 … 100
    assert value("belief_error_s", recorder) == 40 + 10 + 5
    assert value("belief_error_s", recorder, warm_up_s=20) == 30 + 10 + 5


def recovery(rates: list[tuple[int, int]], faults: tuple[tuple[float, float], ...], **context: object) -> float:
    """Intervals of 10 s, each (completed, timed out)."""
    recorder = Recorder()
    for i, (completed, timeout) in enumerate(rates):
        traffic(recorder, 10 * i, completed + timeout, completed, timeout=timeout)
    return value("recovery_s", recorder, faults=faults, **context)


def test_recovery_is_back_within_one_hundredth_of_before() -> None:
    before = [(99, 1), (97, 3)]  # 0.98 on average
    assert recovery([*before, (50, 50), (90, 10), (96, 4), (97, 3), (99, 1)], ((20.0, 33.0),)) == 50 - 33
    # The last fault counts, and a warm-up is not part of what was before.
    assert recovery([(0, 9), *before, (50, 50), (99, 1), (9, 90), (99, 1)], ((30, 35), (50, 55)), warm_up_s=10) == 5


def test_a_service_that_breaks_down_again_has_not_recovered() -> None:
    good, bad = (99, 1), (50, 50)
    relapse = [good, good, bad, good, good, bad, *[good] * 8]  # the cut ends with the third interval
    assert recovery(relapse, ((20.0, 30.0),)) == 60 - 30


def test_recovery_without_a_loss_or_without_an_end() -> None:
    fine, poor = (100, 0), (10, 90)
    assert isnan(recovery([fine, fine, fine, fine], ((10.0, 20.0),)))
    assert isnan(recovery([fine, poor, fine], ()))
    assert isnan(recovery([fine, poor, fine], ((10.0, inf),)))
    assert isnan(recovery([poor, fine], ((0.0, 5.0),)))  # nothing was before
    assert recovery([fine, poor, poor, poor], ((10.0, 15.0),)) == 100 - 15  # not back by the end: a lower bound
    assert recovery([fine, poor, fine, (0, 0)], ((10.0, 20.0), (100.0, 120.0))) == 0  # a fault after the end is none


def test_an_update_of_a_host_that_is_tried_again_counts_from_its_last_beginning() -> None:
    recorder = Recorder()
    for at, kind, name in (
        (10, "HostUpdateStarted", "v2"), (20, "HostRolledBack", "bad health"), (30, "HostUpdateStarted", "v2"),
        (50, "HostUpdateCommitted", "v2"), (60, "HostUpdateStarted", "v2"),
    ):  # fmt: skip
        recorder.events.add(at * SECOND, kind, "n", "n", name)
    recorder.events.add(55 * SECOND, "HostUpdateStarted", "m", "m", "v2")
    recorder.events.add(95 * SECOND, "HostUpdateCommitted", "m", "m", "v2")
    assert value("host_update_s", recorder) == (20 + 40) / 2


def test_held_memory_is_summed_over_nodes_and_averaged_over_time() -> None:
    recorder = Recorder()
    for at, name, held in ((0, "n", 100), (10, "m", 40), (20, "n", 300), (60, "m", 0)):
        recorder.memory.add(at * SECOND, name, held)
    assert value("held_ram_bytes", recorder) == (20 * 100 + 80 * 300 + 50 * 40) / 100
    assert value("held_ram_bytes", recorder, warm_up_s=80.0) == 300
    assert isnan(value("held_ram_bytes", recorder, warm_up_s=100.0))


def test_pods_are_started_evicted_decided() -> None:
    recorder = Recorder()
    for name, bound, ran in (("a", 1.0, 3.0), ("b", 2.0, 8.0), ("c", 4.0, 5.0)):
        pod(recorder, bound, name, "Scheduled", truth="believed")
        pod(recorder, ran, name, "started")
    pod(recorder, 50, "c", "stopped")
    pod(recorder, 60, "c", "started")
    pod(recorder, 9, "late", "Scheduled", truth="believed")  # never ran
    assert value("start_p50_s", recorder) == 2.0
    assert value("start_rate", recorder) == 3 / (8.0 - 1.0)
    assert value("pods_started", recorder) == 3

    for subject, detail in (("a", "Marking for deletion Pod"),) * 2 + (("d", "Cancelling deletion of Pod"),):
        recorder.events.add(0, "TaintManagerEviction", subject, "", detail)
    for kind, subject in (("Evicted", "b"), ("Killing", "c")):
        recorder.events.add(0, kind, subject, "", "")
    assert value("evicted_pods", recorder) == 2

    asked = [("a", "Bind"), ("b", "Wait"), ("b", "Bind"), ("c", "Wait"), ("d", "Reject"), ("e", "policy_error")]
    for name, decision in asked:
        recorder.decisions.add(0, name, decision, "", 1, 1, 1)
    pod(recorder, 70, "c", "Deleted", truth="believed")  # no longer waits
    assert value("decisions", recorder) == 6
    assert value("policy_errors", recorder) == 1
    assert value("unschedulable_pods", recorder) == 2  # d and e


def test_bytes_of_layers_are_counted_by_the_way_they_came() -> None:
    recorder = Recorder()
    for subject, detail in [("a:1", "70 B, registry"), ("a:1", "5 B, neighbour"), ("b:1", "2 B, registry"), ("x", "")]:
        recorder.events.add(0, "Fetched" if detail else "Pulled", subject, "n", detail)
    assert (value("registry_bytes", recorder), value("neighbour_bytes", recorder)) == (72, 5)


def test_frames_may_come_back_from_parquet(tmp_path) -> None:
    recorder = Recorder()
    traffic(recorder, 0, 4, 3, timeout=1)
    frames = recorder.frames()
    for name, frame in frames.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    again = {name: pl.read_parquet(tmp_path / f"{name}.parquet") for name in frames}
    context = MetricContext(duration_s=10.0)
    assert str(summarise(again, context)) == str(summarise(frames, context))


def test_used_nodes_hold_at_least_one_pod() -> None:
    recorder = Recorder()
    for at, name, where, state in (
        (0, "a", "n", "started"),
        (10, "b", "n", "started"),  # a second one on n: still one node
        (20, "c", "m", "started"),
        (40, "a", "n", "stopped"),
        (60, "b", "n", "stopped"),  # n is empty from here
        (90, "c", "m", "stopped"),
    ):
        recorder.pods.add(at * SECOND, name, "api", where, "running", state)
    assert value("used_nodes", recorder) == pytest.approx((60 + 70) / 100)
    assert value("used_nodes", recorder, warm_up_s=50) == pytest.approx((10 + 40) / 50)
