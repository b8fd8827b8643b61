"""The reader of the Azure Functions invocation trace of 2021."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.spec.trace import read_azure_functions_2021

_REAL = Path(__file__).parents[3] / "shared/data/azure-functions-2021-sample/Azure2021_200.csv"
_HEAD = "app,func,end_timestamp,duration\n"


def _problems(folder: Path, text: str | bytes) -> list[str]:
    file = folder / "trace.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as told:
        read_azure_functions_2021(file)
    return [str(problem).removeprefix(str(file)) for problem in told.value.problems]


def test_arrivals_are_ends_less_durations_by_function(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(_HEAD + "a,f,3,2\nb,f,2.5,0.5\na,f,0.5,0.25\na,g,9,0\n", "utf-8")
    first, second, third = read_azure_functions_2021(file)
    assert (first.app, first.func, second.app, third.func) == ("a", "f", "b", "g")
    assert first.arrive_ns == (250_000_000, 1_000_000_000)
    assert first.work_ns == (250_000_000, 2_000_000_000)
    assert third.work_ns == (1,)  # nothing takes no time


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("app,func,duration\n", ":1: is no azure-functions-2021: it has no column end_timestamp"),
        (_HEAD, ":1: has no invocation"),
        (_HEAD + "a,f,1\n", ":2: does not have 4 values"),
        (_HEAD + "a,f,1,1,1\n", ":2: does not have 4 values"),
        (_HEAD + "a,,1,1\n", ":2: does not say which function it is"),
        (_HEAD + "a,f,1,0.5\na,f,soon,1\n", ":3: end_timestamp: 'soon' is no number of seconds"),
        (_HEAD + "a,f,5,-1\n", ":2: duration: -1 is no time since the trace began"),
        (_HEAD + "a,f,inf,1\n", ":2: end_timestamp: inf is no time since the trace began"),
        (_HEAD + "a,f,1,2\n", ":2: it ended at 1 s after 2 s: it began before the trace"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, said: str, tmp_path: Path) -> None:
    (problem,) = _problems(tmp_path, text)
    assert said in problem


def test_all_rows_are_told_but_not_thousands(tmp_path: Path) -> None:
    told = _problems(tmp_path, _HEAD + "a,f,1,2\n" * 1000)
    assert len(told) == 21
    assert "980 more rows are wrong" in told[-1]


def test_the_published_sample_reads_as_its_description_says() -> None:
    """199 invocations of 31 functions, arriving from 0.0015 to 1200.01 s."""
    if not _REAL.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI has the real data, and {_REAL.name} is not in it")
        pytest.skip("the Azure sample is not on this machine")
    found = read_azure_functions_2021(_REAL)
    times = [time for function in found for time in function.arrive_ns]
    assert (len(found), len(times)) == (31, 199)
    assert min(times) == pytest.approx(0.0015e9, rel=0.01)
    assert max(times) == pytest.approx(1200.01e9, rel=1e-4)
