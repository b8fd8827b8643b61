"""One thing wrong in a runtime's page, or in a machine's: each is told with file, line, what is wrong and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.facts import Catalogue

RUNTIME = """\
name: mine
kind: runtimes
title: Mine
facts:
  platforms: {value: [linux/amd64, linux/arm64], kind: vendor, source: lucet}
  role: {value: low-level, kind: vendor, source: lucet}
  drives:
    default: {value: wasmtime, kind: vendor, source: lucet}
    only: {value: [wasmtime, wasmedge], kind: vendor, source: lucet}
  isolation: {value: language, kind: vendor, source: lucet}
  start:
    clock: {value: create-to-delete, kind: measured, source: lucet}
    container:
      - {dist: {lognormal: {median: 20, p99: 40}}, unit: ms, kind: measured, source: lucet}
      - {dist: {normal: {mean: 22, sd: 3}}, unit: ms, kind: assumed, source: assumed, note: a guess}
    speed: {value: 1.2, unit: ratio, kind: assumed, source: assumed}
  memory:
    per_instance: {value: 1, unit: MB, kind: measured, source: lucet}
    daemon: {value: 0, unit: MB, kind: vendor, source: lucet}
  binary: {value: 27.9, unit: MB, kind: measured, source: lucet}
  slowdown: {value: 1.0, unit: x, kind: measured, source: lucet}
  oci: {value: true, kind: vendor, source: lucet}
  formats: {value: [oci, wasm], kind: vendor, source: lucet}
  kvm: {value: false, kind: vendor, source: lucet}
"""
MACHINE = """\
name: mine
kind: nodes
title: Mine
facts:
  platforms: {value: [linux/arm64], kind: vendor, source: pi-documentation}
  cores: {value: 4, unit: count, kind: vendor, source: pi-documentation}
  speed: {value: 0.5, unit: ratio, kind: assumed, source: assumed}
  ram: {value: 2, unit: GiB, kind: vendor, source: pi-documentation}
  disk: {value: 32, unit: GB, kind: vendor, source: pi-documentation}
  disk_write: {value: 20, unit: MB/s, kind: assumed, source: assumed}
  boot: {value: 30, unit: s, kind: assumed, source: assumed}
  power:
    idle: {value: 2, unit: W, kind: assumed, source: assumed}
    max: {value: 6, unit: W, kind: assumed, source: assumed}
"""
PAGES = {"runtimes": RUNTIME, "nodes": MACHINE}

# What stands on the page; what somebody wrote instead; what is said; a part of the hint.
WRONG_RUNTIME = {
    # sources
    "no source": ("kind: vendor, source: lucet}\n  role", "kind: vendor}\n  role", "no source", "sources.bib"),
    "a bare number": ("slowdown: {value: 1.0, unit: x, kind: measured, source: lucet}", "slowdown: 1.0",
                      "1.0 has no source", "write {value, unit, kind, source}"),
    "unknown source": ("measured, source: lucet}\n    container", "measured, source: lucett}\n    container",
                       "source lucett is not in sources.bib", "did you mean lucet?"),
    "measured by nobody": ("unit: ratio, kind: assumed", "unit: ratio, kind: measured", "needs its source",
                           "source of assumptions"),
    "no kind": ("unit: MB, kind: measured, source: lucet}\n  slow", "unit: MB, source: lucet}\n  slow",
                "a fact has no kind", "write one of measured"),
    "unknown kind": ("unit: x, kind: measured", "unit: x, kind: mesured", "no kind of fact", "did you mean measured?"),
    "unknown part of a fact": ("note: a guess", "nota: a guess", "nota is no part of a fact", "did you mean note?"),
    # units and numbers
    "unit of another dimension": ("27.9, unit: MB", "27.9, unit: ms", "binary is a size, not a duration", "as MB"),
    "unit that is none": ("27.9, unit: MB", "27.9, unit: MBytes", "'MBytes' is no unit", "did you mean"),
    "no unit": ("27.9, unit: MB", "27.9", "a number needs a unit", "write unit"),
    "a negative size": ("27.9, unit: MB", "-27.9, unit: MB", "is impossible", "zero or more"),
    "a slowdown of nothing": ("value: 1.0, unit: x", "value: 0, unit: x", "slowdown is zero", "above zero"),
    "text for a number": ("value: 27.9", "value: '27.9'", "'27.9' is no number", "write a number of MB"),
    "a distribution where one value stands": ("binary: {value: 27.9", "binary: {dist: {exponential: 27.9}",
                                              "is one value, not a distribution", "write value"),
    "a value and a distribution": ("binary: {value: 27.9", "binary: {value: 3, dist: {exponential: 27.9}",
                                   "a value or a dist, not both", "alternative"),
    # distributions
    "p99 below the median": ("p99: 40", "p99: 4", "p99 4 lies below the median 20", "swap them"),
    "a negative sd": ("sd: 3", "sd: -3", "-3 ms is impossible", "zero or more"),
    "a median of nothing": ("median: 20", "median: 0", "0 is not above zero", "no such quantity"),
    "an unknown distribution": ("{normal:", "{gaussian:", "gaussian is no distribution", "known are"),
    "a foreign parameter": ("sd: 3", "sigma: 3", "normal takes {mean, sd}", ""),
    "a unit within": ("sd: 3", "sd: 3ms", "'3ms' is no number", "a number of ms"),
    # keys and words
    "unknown fact": ("  binary:", "  binry:", "runtimes have no fact binry", "did you mean binary?"),
    "unknown key": ("title: Mine", "tittle: Mine", "a model has no tittle", "did you mean title?"),
    "unknown architecture": ("linux/arm64]", "linux/arm65]", "'linux/arm65' is no OCI platform", "linux/arm64"),
    "an architecture by another name": ("linux/arm64]", "aarch64]", "'aarch64' is no OCI", "did you mean linux/arm64?"),
    "no architecture": ("[linux/amd64, linux/arm64]", "[]", "platforms names no platform", "linux/arm64"),
    "unknown role": ("value: low-level", "value: low-levl", "role is low-levl", "did you mean low-level?"),
    "unknown clock": ("create-to-delete", "create-to-delet", "start.clock is create-to-delet", "create-to-delete"),
    "unknown format": ("[oci, wasm]", "[oci, wazm]", "formats is wazm", "did you mean wasm?"),
    "unknown isolation": ("value: language", "value: languages", "isolation is languages", "did you mean language?"),
    "yes for true": ("oci: {value: true", "oci: {value: yes", "oci is a flag, not a text", "true or false"),
    # the page as a whole
    "a required fact is missing": ("  binary: {value: 27.9, unit: MB, kind: measured, source: lucet}\n", "",
                                   "mine has no fact binary", "every model of runtimes states it"),
    "a role without its place": ("  isolation: {value: language, kind: vendor, source: lucet}\n", "",
                                 "mine has no fact isolation", "every"),
    "a clock of another role": ("create-to-delete", "load-to-instance", "covers nothing that a runtime of role low-lev",
                                "create-to-delete"),
    "it drives what is not there": ("[wasmtime, wasmedge]", "[wasmtime, wasmege]", "no runtime is called wasmege",
                                    "did you mean wasmedge?"),
    "its default is not there": ("default: {value: wasmtime", "default: {value: wasmtym",
                                 "drives.default: no runtime is called wasmtym", "did you mean wasmtime?"),
    "its default is not what it drives": ("default: {value: wasmtime", "default: {value: wasmer",
                                          "wasmer by default, which is not among", "did you mean wasmtime?"),
    "it extends itself": ("title: Mine", "extends: mine", "mine extends itself", "stands alone"),
    "it extends what is not there": ("title: Mine", "extends: runq", "no model of runtimes is called runq",
                                     "did you mean"),
    "it extends a version that is not there": ("title: Mine", "extends: runc@2", "runc has no version 2",
                                               "runc has no versions"),
    "its name is another": ("name: mine", "name: yours", "name is yours, the file is mine", "rename one"),
}  # fmt: skip
WRONG_MACHINE = {
    "no cores": ("cores: {value: 4", "cores: {value: 0", "cores is zero", "above zero"),
    "half a core": ("cores: {value: 4", "cores: {value: 4.5", "4.5 is no whole number", "write a whole number"),
    "no speed": ("value: 0.5", "value: 0", "speed is zero", "above zero"),
    "idle above full load": ("idle: {value: 2", "idle: {value: 20", "power.idle 20 W is above power.max 6 W", "swap"),
    "bits for bytes": ("unit: MB/s", "unit: Mbps", "disk_write is a byterate, not a bitrate", "as MB/s"),
    "an unknown sort of disk": ("  boot:", "  disk_kind: {value: SDD, kind: assumed, source: assumed}\n  boot:",
                                "disk_kind is SDD", "did you mean SSD?"),
}  # fmt: skip
ELSEWHERE = {  # where another line is blamed than the first that differs
    "a required fact is missing": 4,
    "a role without its place": 4,
    "it extends itself": 3,
    "an unknown sort of disk": 11,
}
CASES = [
    *(("runtimes", name, *case) for name, case in WRONG_RUNTIME.items()),
    *(("nodes", name, *case) for name, case in WRONG_MACHINE.items()),
]


@pytest.mark.parametrize("kind", PAGES)
def test_the_pages_themselves_are_right(kind: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(PAGES[kind], "utf-8")
    assert Catalogue(folder=tmp_path).model(kind, "mine.yaml").name == "mine"


@pytest.mark.parametrize("case", CASES, ids=[case[1] for case in CASES])
def test_one_thing_wrong_in_a_page(case: tuple[str, ...], tmp_path: Path) -> None:
    kind, name, old, new, said, hint = case
    right = PAGES[kind]
    assert right.count(old) == 1
    wrong = right.replace(old, new)
    lines = zip(right.splitlines(), wrong.splitlines(), strict=False)
    line = ELSEWHERE.get(name, next(n for n, (a, b) in enumerate(lines, 1) if a != b))
    (tmp_path / "mine.yaml").write_text(wrong, "utf-8")
    with pytest.raises(UserError) as caught:
        Catalogue(folder=tmp_path).model(kind, "mine.yaml")
    told = [(p.file, p.line, said in p.message, hint in p.hint) for p in caught.value.problems]
    assert (str(tmp_path / "mine.yaml"), line, True, True) in told, caught.value.problems
    assert {p.line for p in caught.value.problems} == {line}  # nothing else is blamed


def test_a_circle_of_pages_is_told_at_the_line_that_closes_it(tmp_path: Path) -> None:
    for name, other in (("one", "two"), ("two", "three"), ("three", "one")):
        page = f"name: {name}\nkind: runtimes\nextends: ./{other}.yaml\nfacts: {{}}\n"
        (tmp_path / f"{name}.yaml").write_text(page, "utf-8")
    with pytest.raises(UserError) as caught:
        Catalogue(folder=tmp_path).model("runtimes", "./one.yaml")
    (problem,) = caught.value.problems
    assert problem.message == "three extends ./one.yaml, which extends it"
    assert (Path(problem.file or "").name, problem.line) == ("three.yaml", 3)
    assert problem.hint
