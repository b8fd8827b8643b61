"""Traces and outage logs of others: exact times, every trap told or refused by line, and what comes out is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scenarios import SMALL, simulation
from simulator.errors import UserError
from simulator.spec.rate_trace import read_rates
from simulator.spec.readers.columns import Tables, seconds, written
from simulator.spec.readers.outages import read_outages
from simulator.spec.readers.report import Report
from simulator.spec.readers.simkube import read_simkube
from simulator.spec.readers.trace import read_trace
from simulator.spec.windows import read_windows

Read = Callable[..., Tables]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def given(text: str | bytes, params: Mapping[str, Any] | None = None) -> Tables:
        path = tmp_path / "x.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_trace(path) if params is None else read_outages(path, params)

    return given


def told(found: Tables) -> list[tuple[int | None, str]]:
    return [(repair.line, repair.message) for repair in found.repairs]


def refused(read: Read, text: str | bytes, params: Mapping[str, Any] | None = None) -> str:
    with pytest.raises(UserError) as raised:
        read(text, params)
    return str(raised.value)


@pytest.mark.parametrize(("ns", "text"), [(0, "0"), (1, "0.000000001"), (10**9, "1"), (123_456_789_000, "123.456789")])
def test_seconds_keep_every_nanosecond(ns: int, text: str) -> None:
    assert seconds(ns) == text
    assert round(float(text) * 1e9) == ns


def test_a_function_arrives_when_it_ended_less_its_duration(read: Read) -> None:
    found = read(b"\xef\xbb\xbfapp,func,end_timestamp,duration\na,f,2.5,0.5\nb,g,1.5,1.25\na,f,3,0\n")
    assert found.tables[""] == {
        "arrive_s": ["0.25", "2", "3"], "work_s": ["1.25", "0.5", "0.000000001"], "app": ["b", "a", "a"],
        "func": ["g", "f", "f"],
    }  # fmt: skip
    assert told(found) == [
        (1, "file x.csv: begins with a byte-order mark, which is left out"),
        (None, "trace x.csv: 1 invocations of no duration work for 1 ns"),
    ]
    assert "x.csv:2: it ended at 1 s after 2 s" in refused(read, "app,func,end_timestamp,duration\na,f,1,2\n")
    more = read("app,func,end_timestamp,duration,memory\na,f,2.5,0.5,128\n")
    assert told(more) == [(1, "table x.csv: ignores the columns memory")]
    assert "x.csv:1: two columns are named duration" in refused(
        read, "app,func,end_timestamp,duration,duration\na,f,2,1,2\n"
    )


LLM = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"


def test_seven_digits_of_a_second_are_all_kept(read: Read) -> None:
    found = read(f"{LLM}2023-11-16 18:17:03.9799600,4808,10\r\n2023-11-16 18:17:04.0000001,5,6\r\n")
    assert found.tables[""]["arrive_s"] == ["0", "0.0200401"]
    assert not found.repairs


def test_requests_out_of_order_are_put_in_theirs_and_told(read: Read) -> None:
    found = read(f"{LLM}2023-01-01 00:00:02,1,1\n2023-01-01 00:00:01.5,2,2\n")
    assert found.tables[""] == {"arrive_s": ["0", "0.5"], "context_tokens": ["2", "1"], "generated_tokens": ["2", "1"]}
    assert told(found) == [(3, "request: comes before the one in front of it, and is put in its place")]
    assert "x.csv:2: TIMESTAMP: 'noon' is no instant" in refused(read, f"{LLM}noon,1,1\n")
    assert "x.csv:2: TIMESTAMP: '2023-13-01 00:00:00' is no instant" in refused(read, f"{LLM}2023-13-01 00:00:00,1,1\n")
    assert "x.csv:2: ContextTokens: -1 is no number" in refused(read, f"{LLM}2023-01-01 00:00:00,-1,1\n")


def test_kilobits_are_thousands_and_not_by_1024_as_beside_them(read: Read) -> None:
    found = read(
        b"\xef\xbb\xbftimestamp,thputPerSecond,time_delay,thputPerSecond_kbps\n1,39.734375,-2,40688\n2,1,-1,1024\n"
    )
    assert found.tables == {"": {"time_s": ["0", "1"], "down_bps": ["40688000", "1024000"]}}
    assert told(found) == [
        (1, "file x.csv: begins with a byte-order mark, which is left out"),
        (2, "trace x.csv: begins at -2 s: all times are counted from there"),
    ]


HEAD = "seconds_since_epoch,throughput,time_delay,,,,<0.05,>0.15\n"
IGNORED = [(1, "table x.csv: ignores 3 columns without a name"), (1, "table x.csv: ignores the columns <0.05, >0.15")]


def test_columns_of_a_spreadsheet_are_ignored_and_told(read: Read) -> None:
    found = read(f"{HEAD}7,1.5,0,,0.1,,TRUE,TRUE\n7,2.5,0.1,,,,,\n")
    assert told(found) == IGNORED
    assert found.tables[""] == {"time_s": ["0", "0.1"], "down_bps": ["1500000", "2500000"]}


def test_gaps_repeats_and_disorder_of_samples_are_told(read: Read) -> None:
    rows = "".join(f"7,{rate},{at},,,,,\n" for at, rate in ((0, 1), (1, 2), (3, 4), (2, 3), (2, 5), (6, 6)))
    found = read(HEAD + rows)
    assert told(found)[2:] == [
        (5, "sample at 2 s: comes too late in the file, and is put in its place"),
        (6, "sample at 2 s: stands for the one of line 5, too"),
        (7, "sample at 6 s: no sample for 3 s before it, in which the last rate holds"),
    ]
    assert found.tables[""]["down_bps"] == ["1000000", "2000000", "5000000", "4000000", "6000000"]


def test_where_nothing_comes_through_the_rate_is_zero_and_the_file_is_readable(read: Read, tmp_path: Path) -> None:
    found = read("0\t1\n5\t0\n10\t0.0\n15\t2\n20\t0\n")
    assert (told(found), found.counts) == ([], {"samples": 5, "zeros": 3})
    assert found.use.endswith("trace_period: 25s repeats it")
    (tmp_path / "out.csv").write_text(written(found.tables[""]), "utf-8")
    assert read_rates(tmp_path / "out.csv", "down_bps") == tuple(
        (at * 10**9, bps) for at, bps in ((0, 1e6), (5, 0.0), (10, 0.0), (15, 2e6), (20, 0.0))
    )
    assert "x.csv:2: 3 values" in refused(read, "0\t1\n5\t0\t1\n")
    assert "x.csv:1: the trace has no sample above zero" in refused(read, "0\t0\n5\t0\n")
    assert "x.csv:3: throughput: 'None' is no number" in refused(read, f"{HEAD}7,1,0,,,,,\n7,None,1,,,,,\n")


def test_a_distribution_of_equal_steps_is_its_sample(read: Read) -> None:
    found = read("0.5,0.25\n1,0.5\n1.5,1\n")
    assert found.tables[""] == {"seconds": ["0.5", "1", "1.5", "1.5"]}
    assert not found.repairs
    assert told(read("0.5,0.25\n1,0.5\n")) == [(2, "distribution x.csv: ends at 0.5: the values beyond are not known")]
    assert "x.csv:2: a value or its probability is not above" in refused(read, "1,0.25\n0.5,0.5\n")
    assert "its steps are no multiples of the smallest" in refused(read, "1,0.3\n2,0.6\n3,1\n")


def test_a_map_is_no_trace_and_its_swapped_coordinates_are_said(read: Read) -> None:
    said = refused(read, "grid_lat,grid_lon,5g_sample,5g_sample\n-86.1,39.7,1,1\n")
    assert "x.csv:1: is a map of throughput by place, and no trace over time" in said
    assert "grid_lat holds the longitude" in said
    assert "x.csv:1: is no trace that is known (azure-functions-2021" in refused(read, "a,b\nc,d\n")


OUTAGES = "start_time,end_time,status,service\n"


def test_outages_are_sorted_and_joined_and_each_is_told(read: Read, tmp_path: Path) -> None:
    found = read(f"{OUTAGES}100,200,1,s\n10.5,20,1.0,s\n150,300,1,s\n300,310,1,s\n", {})
    assert told(found) == [
        (3, "outage at 10.5 s: stands after a later one, and is put in its place"),
        (4, "outage at 150 s: overlaps one of s: the more severe counts"),
    ]
    assert found.tables == {"": {"start_s": ["10.5", "100"], "duration_s": ["9.5", "210"]}}
    (tmp_path / "out.csv").write_text(written(found.tables[""]), "utf-8")
    assert read_windows(tmp_path / "out.csv") == [(10_500_000_000, 20 * 10**9), (100 * 10**9, 310 * 10**9)]


def test_a_severity_is_the_share_of_parts_that_are_down(read: Read) -> None:
    rows = f"{OUTAGES}0,10,0.5,s\n5,20,0.25,s\n30,40,0.050000000000000044,s\n50,60,0.6,s\n"
    found = read(rows, {"parts": 4})
    assert {ending: list(zip(*t.values(), strict=True)) for ending, t in found.tables.items()} == {
        "-0": [("0", "20"), ("50", "10")], "-1": [("0", "10"), ("50", "10")],
    }  # fmt: skip
    assert told(found) == [
        (4, "outage at 30 s: of severity 0.05 is less than half a part of 4, and is left out"),
        (5, "outage at 50 s: of severity 0.6 takes 2 of 4 parts"),
        (3, "outage at 5 s: overlaps one of s: the more severe counts"),
    ]
    fine = read(rows, {"parts": 20})
    assert all("0.05" not in said for _, said in told(fine))  # noise of floating point is no repair
    assert fine.tables["-0"]["start_s"] == ["0", "30", "50"]


def test_an_outage_that_is_none_is_left_out_and_told(read: Read) -> None:
    found = read(f"{OUTAGES}0,2160000,0.0,s\n5,5,1,s\n7,8,1,s\n", {})
    assert told(found) == [
        (2, "outage at 0 s: has severity 0, and is left out"),
        (3, "outage at 5 s: takes no time, and is left out"),
    ]
    assert found.tables[""]["start_s"] == ["7"]


def test_services_of_one_log_have_a_table_each(read: Read) -> None:
    found = read(f"{OUTAGES}0,1,1,a\n0.5,2,1,b\n", {})
    assert sorted(found.tables) == ["-a", "-b"]
    assert not found.repairs


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("5,4,1,s", "x.csv:2: the outage ends at 4 s, before it begins at 5 s"),
        ("0,4,1.5,s", "x.csv:2: status: 1.5 is no number from 0 to 1"),
        ("a,4,1,s", "x.csv:2: start_time: 'a' is no number"),
        ("0,4,1,", "x.csv:2: service: the outage of which one?"),
        ("0,4,1,../s", "x.csv:2: service: '../s' cannot be part of a file's name"),
        ("0,4,1", "x.csv:2: 3 values, and the heading names 4"),
        ("0,4,0.2,s", "x.csv:1: the log has no outage (a severity below one half"),
    ],
)
def test_what_is_wrong_with_an_outage_is_told_by_line(row: str, said: str, read: Read) -> None:
    assert said in refused(read, f"{OUTAGES}{row}\n", {})


def test_parameters_of_an_outage_log(read: Read) -> None:
    assert "parts takes a whole number from 1 to 1000, not 0" in refused(read, OUTAGES, {"parts": 0})
    assert "takes no part (did you mean parts?)" in refused(read, OUTAGES, {"part": 2})


def applied(ts: int, *specs: tuple[str, int], deleted: tuple[str, ...] = ()) -> str:
    def obj(name: str, replicas: int) -> str:
        meta = f'{{"name": "{name}", "uid": "u"}}'
        return (
            f'{{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {meta}, "spec": {{"replicas": {replicas}}}}}'
        )

    made, gone = (",".join(obj(*s) for s in some) for some in (specs, [(name, 1) for name in deleted]))
    return f'\n{{"ts": {ts}, "applied_objs": [{made}], "deleted_objs": [{gone}]}}'


def simkube(*events: str, version: int = 2) -> str:
    return f'{{"version": {version}, "config": {{}}, "events": [{",".join(events)}]}}'


def test_a_simkube_trace_is_what_was_created_when_and_what_changed_later_is_told() -> None:
    report = Report("t.json")
    text = simkube(applied(100), applied(100, ("a", 1)), applied(130, ("a", 1), ("b", 2)), applied(140, ("a", 3)),
                   applied(150, deleted=("b",)))  # fmt: skip
    found = read_simkube(text, report)
    names = {at: [obj["metadata"]["name"] for obj in objects] for at, objects in found.created.items()}
    assert names == {0: ["a"], 30: ["b"]}
    assert found.created[0][0]["metadata"] == {"name": "a"}  # what the server wrote is gone
    assert (found.last, found.counts) == (50, {"events": 5, "applied": 4, "workloads": 2})
    assert [(r.line, r.message.partition(":")[2]) for r in report.repairs] == [
        (5, " goes from 1 to 3 replicas after 40 s, and stays as it began: nothing changes it here"),
        (6, " is deleted after 50 s, and stays: nothing deletes it here"),
    ]


def test_two_workloads_of_one_name_in_two_namespaces_are_two() -> None:
    there = applied(1, ("a", 1)), applied(1, ("a", 2)).replace('"uid"', '"namespace": "shop", "uid"')
    report = Report("t.json")
    found = read_simkube(simkube(*there, applied(2, deleted=("a",))), report)
    assert [obj["metadata"].get("namespace") for obj in found.created[0]] == [None, "shop"]
    (told,) = report.repairs
    assert told.message.startswith("Deployment a: is deleted after 1 s")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "t.json:1: is no SimKube trace"),
        (simkube(applied(1, ("a", 1)), version=1), "t.json:1: is a SimKube trace of version 1, not 2"),
        (simkube(applied(2, ("a", 1)), applied(1)), "t.json:3: the event is older than one before it"),
        (simkube('\n{"applied_objs": []}'), "t.json:2: the event has no ts"),
        (simkube('\n{"ts": 1, "applied_objs": [{"kind": "Deployment"}]}'), "t.json:2: is no Kubernetes object"),
        (simkube(applied(1)), "t.json:1: the trace applies nothing"),
    ],
)
def test_what_is_wrong_with_a_simkube_trace_is_told_by_line(text: str, said: str) -> None:
    with pytest.raises(UserError) as raised:
        read_simkube(text, Report("t.json"))
    assert said in str(raised.value)


def test_an_imported_log_cuts_a_link_and_an_imported_trace_sets_its_rate(read: Read, tmp_path: Path) -> None:
    log = read(f"{OUTAGES}120,180,1,s\n", {})
    (tmp_path / "out.csv").write_text(written(log.tables[""]), "utf-8")
    (tmp_path / "rate.csv").write_text(written(read("0\t1\n5\t2\n").tables[""]), "utf-8")
    links = [
        link | {"rate_trace": f"{tmp_path}/rate.csv#down_bps"} if link["name"].startswith("wan") else link
        for link in SMALL["topology"]["links"]
    ]
    wan = next(link["name"] for link in links if link["name"].startswith("wan"))
    fault = {"kind": "outages", "name": "log", "link": f"{wan}*", "at": "0s", "trace": f"{tmp_path}/out.csv"}
    topology = {**SMALL["topology"], "links": links}
    s = simulation({**SMALL, "topology": topology, "faults": [fault]})
    states = {}
    for at in (60, 150, 200):
        s.run(f"{at}s")
        states[at] = {row["running"] for row in s.state().links.to_dicts() if row["link"].startswith(wan)}
    assert states == {60: {"up"}, 150: {"silent"}, 200: {"up"}}


def test_the_functions_of_azure(shared_data: Path) -> None:
    found = read_trace(shared_data / "azure-functions-2021-sample" / "Azure2021_200.csv")
    assert found.counts == {"invocations": 199, "functions": 31}
    arrivals = [float(text) for text in found.tables[""]["arrive_s"]]
    assert arrivals == sorted(arrivals)
    assert (round(arrivals[0], 4), round(arrivals[-1], 2)) == (0.0015, 1200.01)


def test_the_arrivals_of_azures_language_model(shared_data: Path) -> None:
    found = read_trace(shared_data / "azure-llm-arrivals-2023" / "AzureLLMInferenceTrace_code.csv")
    assert found.counts == {"requests": 8819}
    assert not found.repairs  # ascending, and its seven digits are read as they are
    assert 3300 < float(found.tables[""]["arrive_s"][-1]) < 3600


def test_the_field_measurements_of_5g(shared_data: Path) -> None:
    folder = shared_data / "cellular-5g-us"
    second = read_trace(folder / "timeseries" / "Example-A-2-thput-1.csv")
    assert "begins with a byte-order mark" in second.repairs[0].message
    assert second.counts["samples"] == 653
    tenth = read_trace(folder / "timeseries" / "Example-A-2-thput-0.1.csv")
    assert "without a name" in tenth.repairs[0].message
    assert read_trace(folder / "timeseries" / "eA2-session-1s.csv").counts["samples"] == 615
    assert read_trace(folder / "durations" / "V_handover_disruption_cdf.csv").counts["values"] == 596
    for file in (folder / "grid").glob("*.csv"):
        with pytest.raises(UserError, match="grid_lat holds the longitude"):
            read_trace(file)
    homes = sorted((shared_data / "fcc-broadband" / "traces").glob("*.tsv"))
    assert len(homes) == 20
    assert {found.format for found in map(read_trace, homes)} == {"bandwidth"}


# Severity-weighted unavailability over the span, as SOURCE.md of the data says it.
UNAVAILABLE = {
    "github-status_global-status_operator_reported": 0.0017,
    "slack_global-status_operator_reported": 0.0134,
    "atlassian_bitbucket_operator_reported": 0.0116,
    "atlassian_trello_operator_reported": 0.0013,
    "Whatsapp_user_reported": 0.019,
    "Gmail_user_reported": 0.009,
    "Github_user_reported": None,
    "minehut_online_game": None,
}


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_the_outages_of_eight_services(name: str, shared_data: Path) -> None:
    file = shared_data / "cloud-uptime-archive" / f"{name}.csv"
    found = read_outages(file, {"parts": 100})
    rows = [[float(text) for text in line.split(",")[:2]] for line in file.read_text("utf-8").splitlines()[1:]]
    neighbours = sum(later[0] < before[1] for before, later in pairwise(rows))
    overlapping = sum("overlaps" in repair.message for repair in found.repairs)
    # SOURCE.md counts the rows that begin before the row above has ended: 56 of minehut. One more of them (line 206)
    # begins before an earlier row has ended. Its rows are in the order of their starts; equal starts are not sorted.
    assert (neighbours, overlapping) == ((56, 57) if name.startswith("minehut") else (0, 0))
    assert not any("stands after a later one" in repair.message for repair in found.repairs)
    assert sum("severity 0," in repair.message for repair in found.repairs) == name.startswith("slack")
    if (unavailable := UNAVAILABLE[name]) is not None:
        span = max(end for _, end in rows)
        down = sum(float(text) for table in found.tables.values() for text in table["duration_s"]) / 100
        assert down / span == pytest.approx(unavailable, rel=0.05)


def test_the_simkube_trace_of_a_social_network(shared_data: Path) -> None:
    file = shared_data / "k8s-event-trace-dsb" / "large_trace.json"
    report = Report(str(file))
    found = read_simkube(file.read_text("utf-8"), report)
    assert (found.last, found.counts) == (1265, {"events": 89, "applied": 250, "workloads": 27})
    assert len(report.repairs) == 25
    assert all("replicas" in repair.message for repair in report.repairs)
