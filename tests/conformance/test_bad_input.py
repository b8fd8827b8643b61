"""More than sixty ways to get a file wrong: each is told with file, line and what is wrong, and with nothing else.

The files of `tests/data_spec` are right; each case changes one thing in them. The line that is blamed is the one
that was changed, unless the case says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import NotOffered, UserError
from simulator.spec import load_experiment
from simulator.spec.paths import parse_setting

DATA = Path(__file__).parents[1] / "data_spec"
CORNER = (DATA / "corner.yaml").read_text("utf-8")
SHOP = (DATA / "corner-shop.yaml").read_text("utf-8")
METRICS = ("availability", "p99_latency_s")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def put(corner: str | bytes = CORNER, shop: str | bytes = SHOP) -> Path:
        for name, text in (("corner.yaml", corner), ("corner-shop.yaml", shop)):
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return tmp_path / "corner.yaml"

    return put


def fails(path: Path, **how: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        load_experiment(path, metrics=METRICS, **how)
    return caught.value


def changed(text: str, old: str, new: str) -> tuple[str, int]:
    """The text with its first `old` replaced, and the line of the first change."""
    assert old in text
    after = text.replace(old, new, 1)
    lines = zip(text.splitlines(), after.splitlines(), strict=False)
    return after, next(n for n, (a, b) in enumerate(lines, start=1) if a != b)


# What stands in the file; what a user wrote instead; what the message must say.
ONE_THING_WRONG = {
    # units and numbers
    "minutes as m": ("duration: 20min", "duration: 20m", "'20m' is no duration (m is milli or minutes"),
    "no unit": ("duration: 20min", "duration: 20", "20 has no unit"),
    "negative": ("duration: 20min", "duration: -20min", "is negative"),
    "zero duration": ("duration: 20min", "duration: 0", "duration must be more than 0"),
    "absurd duration": ("duration: 20min", "duration: 1e29d", "beyond any duration"),
    "list for a quantity": ("duration: 20min", "duration: [20min]", "is no duration"),
    "bits for bytes": ("compressed: 45MB", "compressed: 45Mb", "bits occur only in rates; for bytes write MB"),
    "large K": ("request: 1kB", "request: 1KB", "kilo is a small k"),
    "rate for a time": ("latency: 12ms", "latency: 12Mbps", "Mbps is a unit of bitrate"),
    "bytes for a rate": ("rate: 50Mbps", "rate: 50MB/s", "a link's rate is in bits"),
    "loss above one": ("loss: 0.1%", "loss: 200%", "'200%' is beyond any ratio"),
    "certain loss": ("loss: 0.1%", "loss: 100%", "loss must be less than 1"),
    "jitter above latency": ("jitter: 1ms", "jitter: 1min", "the jitter is larger than the latency"),
    "frequency without a unit": ("{poisson: 10/s}", "{poisson: 10}", "10 has no unit (write 10/s)"),
    "no arrivals at all": ("{poisson: 10/s}", "{poisson: 0/s}", "poisson must be more than 0"),
    "text for a count": ("count: 3", 'count: "3"', "count takes a whole number, not '3'"),
    "no node": ("count: 3", "count: 0", "count must be at least 1, and is 0"),
    "half a node": ("count: 3", "count: 3.5", "count takes a whole number, not 3.5"),
    "too many nodes": ("count: 3", "count: 100000000", "count must be at most 1000000"),
    "flag for a number": ("layers: 6", "layers: true", "layers takes a whole number, not true"),
    "negative seed": ("seed: 1", "seed: -1", "seed must be at least 0"),
    "no replication": ("replications: 5", "replications: 0", "replications must be at least 1"),
    "no instant": ("2026-06-01T08:00:00Z", "yesterday", "'yesterday' is no instant"),
    "no time zone": ("2026-06-01T08:00:00Z", "2026-06-01T08:00:00", "has no time zone"),
    "qos 3": ("qos: 1", "qos: 3", "qos must be at most 2"),
    # keys, kinds and words
    "unknown key": ("ram: 16Gi", "ramm: 16Gi", "unknown key ramm (did you mean ram?)"),
    "misspelt needed key": ("duration: 20min", "durration: 20min", "unknown key durration (did you mean duration?)"),
    "misspelt root key": ("question:", "quest:", "unknown key quest (did you mean question?)"),
    "misspelt kind": ("kind: telemetry", "kind: telemetri", "no kind 'telemetri' (did you mean telemetry?)"),
    "no kind": ("kind: telemetry, name", "name", "kind is missing (one of manifest, service, model, requests"),
    "misspelt mode": ("mode: silent}", "mode: sillent}", "no 'sillent' here (did you mean silent?)"),
    "misspelt role": ("role: device", "role: devise", "did you mean device?"),
    "misspelt component": ("component: scheduler", "component: sheduler", "did you mean scheduler?"),
    "misspelt distribution": ("{exponential: 5ms}", "{exponental: 5ms}", "exponental is no distribution"),
    "two distributions": ("{exponential: 5ms}", "{exponential: 5ms, constant: 1ms}", "a distribution has one name"),
    "mixed parameters": ("p99: 15ms", "sigma: 15ms", "sigma is '15ms' (it is a number without a unit)"),
    "p99 below the median": ("p99: 15ms", "p99: 1ms", "lies below the median"),
    "misspelt arrivals": ("{poisson: 10/s}", "{posson: 10/s}", "unknown key posson (did you mean poisson?)"),
    "two arrivals": ("{poisson: 10/s}", "{poisson: 10/s, every: 1s}", "arrivals have one form, not poisson and every"),
    "no arrivals": ("{poisson: 10/s}", "{}", "arrivals have no form"),
    "users without thoughts": ("{poisson: 10/s}", "{users: 10}", "users think: the one needs the other"),
    "unknown architecture": ("linux/arm64", "linux/arm65", "'linux/arm65' is no OCI platform"),
    "architecture by another name": ("linux/arm64", "aarch64", "did you mean linux/arm64?"),
    "no platforms": ("platforms: [linux/amd64]}", "platforms: []}", "platforms takes at least 1"),
    "lossy without loss": ("mode: silent}", "mode: lossy}", "a lossy cut needs loss"),
    "silent with loss": ("mode: silent}", "mode: silent, loss: 5%}", "a silent cut has no loss"),
    "silent with direction": ("mode: silent}", "mode: silent, direction: up}", "a silent cut has no direction"),
    "replicas and per": ("replicas: 1", "replicas: 1, per: site", "either replicas or per"),
    "generator and nodes": ("    nodes:\n", "    use: wan\n    nodes:\n", "either generated or written out"),
    "params without generator": ("    nodes:\n", "    params: {a: 3}\n    nodes:\n", "params belong to a generator"),
    "rate and up": ("rate: 50Mbps", "rate: 50Mbps, up: 5Mbps", "rate stands for up and down together"),
    "one end": ('["edge-*", cloud]', '["edge-*"]', "between takes at least 2"),
    "three ends": ('["edge-*", cloud]', '["edge-*", cloud, till-0]', "between takes at most 2"),
    "nothing expected": ("min: 0.5, ", "", "nothing is expected of availability"),
    "empty band": ("min: 0.5", "min: 0.5, max: 0.4", "nothing can be within these bounds"),
    "policy twice": ("  policies:", "  policy: random\n  policies:", "policy is short for policies"),
    # references
    "link to nowhere": ('"edge-*"], model', '"egde-*"], model', "link lan leads nowhere: no node is named egde-*"),
    "link to itself": ('["edge-*", cloud]', "[cloud, cloud]", "link wan joins cloud to itself"),
    "unknown node model": ("raspberry-pi-4b", "raspberry-pi-4c", "did you mean raspberry-pi-4b?"),
    "unknown link model": ("model: ethernet", "model: ethrenet", "did you mean ethernet?"),
    "unknown orchestrator": ("orchestrator: kubernetes", "orchestrator: kubernets", "did you mean kubernetes?"),
    "unknown version": ("orchestrator: kubernetes", "orchestrator: kubernetes@1.3", "kubernetes has no version 1.3"),
    "unknown runtime": ("count: 2, labels", "count: 2, runtimes: [containerd/runcc], labels", "did you mean runc?"),
    "unknown format": ("format: oci", "format: nabula", "no image has the format 'nabula' (did you mean nabla?)"),
    "image that nobody uses": ("shop/db: {", "shop/dbb: {", "no workload uses image shop/dbb"),
    "unknown key of an image": ("6, platforms", "6, colour: red, platforms", "unknown key colour"),
    "behaviour of nobody": ("    api:\n", "    apii:\n", "no workload is named apii (did you mean api?)"),
    "behaviour of a service": ("    api:\n", "    db: {work: 1ms}\n    api:\n", "its behaviour among its own keys"),
    "call to nowhere": ("target: db, request", "target: dbb, request", "no service is named dbb (did you mean db?)"),
    "call to itself": ("target: db, request", "target: api, request", "ends in api again: no request ends"),
    "request to nowhere": ("target: api", "target: apu", "no service is named apu (did you mean api?)"),
    "glob without a node": ('source: "till-*"', 'source: "tll-*"', "tll-* matches no node"),
    "cut of no link": ('link: "wan-*"', 'link: "wam-*"', "wam-* matches no link"),
    "crash of no node": ("node: edge-1", "node: edge-7", "no node is named edge-7"),
    "missing manifest": ("./corner-shop.yaml", "./corner-shopp.yaml", "there is no file ./corner-shopp.yaml"),
    "missing trace": ("{poisson: 10/s}", "{trace: day.csv}", "there is no file"),
    "missing samples": ("{exponential: 5ms}", "{empirical: day.csv#work}", "there is no file"),
    "two workloads of one name": ("name: stock", "name: sale", "two workload items are named sale"),
    "service named like a workload": ("name: db", "name: api", "no service is named db"),
    "two faults of one name": ("name: power", "name: line", "two faults are named line"),
    "two nodes of one name": ("name: till, model", "name: edge, model", "two nodes are named edge-0"),
    "two links of one name": ("name: lan", "name: wan", "two links are named wan"),
    # times
    "warm-up of the whole run": ("warm_up: 2min", "warm_up: 20min", "leaves nothing of 20min"),
    "fault after the end": ("at: 6min", "at: 60min", "fault line begins at 60min, and the run ends at 20min"),
    "fault at no time": ("at: 6min, ", "", "fault line does not say when: at is missing"),
    "interval longer than the run": ("interval: 10s", "interval: 1h", "the interval is longer than the run"),
    "absurdly short interval": ("interval: 10s", "interval: 1us", "more than 1000000 intervals"),
    # the plan
    "unknown metric": ("metrics: [availability", "metrics: [availabilty", "no metric is named availabilty"),
    "metric twice": ("[availability, p99_latency_s]", "[availability, availability]", "stands here twice"),
    "expected of an unknown metric": ("metric: availability", "metric: avail", "no metric is named avail"),
    "expected of an unknown case": ("case: short", "case: shorter", "no case is named 'shorter' (did you mean short?)"),
    "expected of no axis": ("where: {case: short}", "where: {cas: short}", "cas is neither case nor an axis"),
    "axis twice the same": ("[silent, refused]", "[silent, silent]", "has 'silent' twice"),
    "axis without values": ("[silent, refused]", "[]", "takes at least 1"),
    "wrong value on an axis": ("[silent, refused]", "[silent, sullen]", "no 'sullen' here"),
    "axis that nothing has": ("line.mode: [", "line.mood: [", "has no mood (did you mean mode?)"),
    "axis over the plan": ("scenario.faults.line.mode: [", "seed: [", "seed lies outside the scenario"),
    "axis under a case": ("line.mode: [silent, refused]", "line.duration: [1min, 2min]", "the axis has no effect"),
    "unknown item in a case": ("faults.line.duration", "faults.lin.duration", "has no item named lin"),
    "wrong value in a case": ("duration: 1min}", "duration: 1}", "1 has no unit"),
    "two cases of one name": ("name: long", "name: short", "two cases are named short"),
    "fact of no model": ("scenario.faults.line.duration: 1min", "facts.nodes.pi.ram: 1GB", "called pi"),
    "fact that no model states": ("scenario.faults.line.duration: 1min", "facts.nodes.till.rom: 1GB", "no rom"),
}  # fmt: skip
ELSEWHERE = {  # where the line that is blamed is another than the one that was changed
    "service named like a workload": 25,
    "nothing expected": 46,
    "axis under a case": 39,
    "params without generator": 7,
    "generator and nodes": 7,
}


@pytest.mark.parametrize("name", ONE_THING_WRONG)
def test_one_thing_wrong_in_an_experiment(name: str, write: Callable[..., Path]) -> None:
    old, new, said = ONE_THING_WRONG[name]
    text, line = changed(CORNER, old, new)
    path = write(text)
    problems = fails(path).problems
    told = [str(p).removeprefix(f"{path}:") for p in problems]
    assert any(t.startswith(f"{ELSEWHERE.get(name, line)}: ") and said in t for t in told), told
    assert all(p.file in (str(path), str(path.with_name("corner-shop.yaml"))) for p in problems)


@pytest.mark.parametrize("policies", ["{}", "{routing: nearest, scores: [{use: kube-default}]}"])
def test_policy_stands_beside_policies_that_name_no_placement(policies: str, write: Callable[..., Path]) -> None:
    beside = CORNER.replace("policies: {placement: kube-default}", f"policies: {policies}")
    path = write(beside)
    assert load_experiment(path, {"scenario.policy": "random"}).scenario.placement.use == "random"
    path = write(CORNER)
    told = str(fails(path, set={"scenario.policy": "random"}).problems[0])
    assert "set scenario.policy: policy is short for policies" in told


# The same for the manifest beside it.
WRONG_MANIFEST = {
    "misspelt field": ("nodeSelector:", "nodeSelektor:", "unknown key nodeSelektor (did you mean nodeSelector?)"),
    "snake case": ("nodeSelector:", "node_selector:", "unknown key node_selector (did you mean nodeSelector?)"),
    "misspelt kind": ("kind: Deployment", "kind: Deploymnet", "no kind 'Deploymnet' in apps/v1"),
    "misspelt group": ("apps/v1", "app/v1", "no API group 'app' (did you mean apps?)"),
    "old version": ("apps/v1", "apps/v1beta1", "Deployment is not served as apps/v1beta1 (write apps/v1)"),
    "wrong group": ("apps/v1", "batch/v1", "Deployment is not served as batch/v1"),
    "no kind": ("kind: Deployment", "kinds: Deployment", "unknown key kinds (did you mean kind?)"),
    "capital in a name": ("{name: api, labels: {app: api}}", "{name: Api, labels: {app: api}}", "'Api' is no name"),
    "selector of others": ("{matchLabels: {app: api}}", "{matchLabels: {app: web}}", "the selector wants app=web"),
    "empty selector": ("{matchLabels: {app: api}}", "{}", "the selector is empty"),
    "flag as label": ("{app: api}}\n    spec", "{app: api, x: true}}\n    spec", 'write "true" in quotes'),
    "megabits of memory": ("memory: 64Mi", "memory: 64Mb", "'64Mb' is no quantity"),
    "negative CPU": ("cpu: 250m", "cpu: -250m", "is negative"),
    "misspelt resource": ("memory: 64Mi", "memroy: 64Mi", "memroy is no resource (did you mean memory?)"),
    "half a GPU": ("memory: 64Mi", "nvidia.com/gpu: 0.5", "comes in whole pieces"),
    "request above the limit": ("memory: 64Mi", "memory: 1Gi", "the request 1Gi is above the limit 256Mi"),
    "probe without a question": ("{tcpSocket: {port: 8080}}", "{periodSeconds: 5}", "a probe asks in one way"),
    "probe at no time": ("periodSeconds: 5", "periodSeconds: 0", "periodSeconds must be at least 1"),
    "port beyond all": ("containerPort: 8080", "containerPort: 80800", "containerPort must be at most 65535"),
    "seconds without NoExecute": ("NoExecute", "NoSchedule", "tolerationSeconds belongs to NoExecute"),
    "unknown effect": ("NoExecute", "NoExecut", "did you mean NoExecute?"),
    "fewer than none": ("replicas: 2", "replicas: -2", "replicas must be at least 0"),
    "absurdly many": ("replicas: 2", "replicas: 2000000", "Deployment api wants more than 1000000 pods"),
    "no image": ("image: shop/api:1.0", "imagePullPolicy: Always", "image is missing"),
    "pod that may end": ("      nodeSel", "      restartPolicy: Never\n      nodeSel", "restartPolicy is Always here"),
    "a tab": ("  replicas: 2", "\treplicas: 2", "never with tabs"),
    "a key twice": ("  replicas: 2", "  replicas: 2\n  replicas: 3", "replicas stands here twice"),
}  # fmt: skip
MANIFEST_ELSEWHERE = {"no image": 14, "a key twice": 6, "pod that may end": 7}


@pytest.mark.parametrize("name", WRONG_MANIFEST)
def test_one_thing_wrong_in_a_manifest(name: str, write: Callable[..., Path]) -> None:
    old, new, said = WRONG_MANIFEST[name]
    text, line = changed(SHOP, old, new)
    path = write(shop=text)
    shop = path.with_name("corner-shop.yaml")
    problems = fails(path).problems
    told = [str(p) for p in problems]
    assert any(t.startswith(f"{shop}:{MANIFEST_ELSEWHERE.get(name, line)}: ") and said in t for t in told), told
    assert all(p.file == str(shop) for p in problems), "a broken manifest makes the experiment's references no faults"


# Each line has nine times the values of the line before.
ALIASES = b"a: &a [x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in range(ord("b"), ord("k"))
)

WHOLE_FILES: dict[str, tuple[bytes, str, int]] = {
    "empty": (b"", "the file is empty", 1),
    "only a comment": (b"# nothing\n", "the file is empty", 1),
    "binary": (b"\x00\x01\x02ELF", "the file is binary", 1),
    "UTF-16": (CORNER.encode("utf-16"), "the file is UTF-16", 1),
    "Latin-1": ("question: Höchst?\n".encode("latin-1"), "the file is not UTF-8", 1),
    "a list": (b"- question: x\n", "an experiment has keys", 1),
    "a word": (b"question\n", "an experiment has keys", 1),
    "two documents": (CORNER.encode() + b"---\n" + CORNER.encode(), "a second document starts here", 48),
    "no YAML": (b"question: {\n", "no YAML", 2),
    "a Python object": (b"question: !!python/object:os.system x\n", "tag", 1),
    "a tab": (b"question: x\nscenario:\n\tduration: 1h\n", "never with tabs", 3),
    "a key twice": (b"question: x\nquestion: y\n", "question stands here twice", 2),
    "nothing but a question": (b"question: x\n", "scenario is missing", 1),
    "a scenario of nothing": (b"question: x\nscenario: {}\n", "topology is missing", 2),
    "a scenario of text": (b"question: x\nscenario: shop\n", "scenario takes keys with values", 2),
    "aliases without end": (ALIASES, "aliases expand", 6),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_file_that_is_no_experiment(name: str, write: Callable[..., Path]) -> None:
    content, said, line = WHOLE_FILES[name]
    path = write(content)
    told = [str(p) for p in fails(path).problems]
    assert any(t.startswith(f"{path}:{line}: ") and said in t for t in told), told


NOT_OFFERED = {
    "designs": ("design: cross", "design: {kind: morris, trajectories: 20}", "designs other than cross"),
    "profiles": ("{poisson: 10/s}", "{poisson: {rate: 10/s, profile: day.csv}}", "arrival profiles are not offered"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_OFFERED)
def test_what_later_versions_offer_is_refused_by_name_and_line(name: str, write: Callable[..., Path]) -> None:
    old, new, said = NOT_OFFERED[name]
    text, line = changed(CORNER, old, new)
    error = fails(write(text))
    assert isinstance(error, NotOffered)
    assert [p.line for p in error.problems] == [line]
    assert said in error.problems[0].message


def test_every_problem_is_told_at_once_in_the_order_of_the_file(write: Callable[..., Path]) -> None:
    text = CORNER
    mistakes = [
        ("warm_up: 2min", "warm_up: 2m"),
        ("role: device", "rolle: device"),
        ("target: api", "target: apu"),
        ('link: "wan-*"', 'link: "wam-*"'),
        ("kind: crash", "kind: crach"),
        ("case: short", "case: shrt"),
    ]
    lines = []
    for old, new in mistakes:
        text, line = changed(text, old, new)
        lines.append(line)
    error = fails(write(text))
    assert not isinstance(error, NotOffered)
    # The fault of no kind leaves a hole that the checks cannot see through: references come another time.
    assert [p.line for p in error.problems] == [lines[0], lines[1], lines[4]]
    text = text.replace("kind: crach", "kind: crash")
    assert [p.line for p in fails(write(text)).problems] == [lines[0], lines[1], lines[2], lines[3], lines[5]]


SETTINGS: dict[str, tuple[Mapping[str, Any], str]] = {
    "misspelt key": ({"scenario.durration": "1h"}, "scenario has no durration (did you mean duration?)"),
    "outside": ({"scenery.duration": "1h"}, "the file has no scenery"),
    "unknown item": ({"scenario.faults.lin.at": "1min"}, "scenario.faults has no item named lin (did you mean line?)"),
    "below a value": ({"scenario.duration.max": "1h"}, "scenario.duration is a value: nothing is below it"),
    "unknown behaviour": ({"scenario.behaviour.apii.workers": 2}, "scenario.behaviour has no apii (did you mean api?)"),
    "wrong unit": ({"scenario.duration": "10m"}, "set scenario.duration: duration: '10m' is no duration"),
    "wrong reference": ({"scenario.faults.line.link": "lam-*"}, "lam-* matches no link"),
    "half a fact": ({"facts.nodes": 1}, "a fact's path has a kind, a name and a field"),
    "unknown fact": ({"facts.nodes.pi.ram": "1GB"}, "set facts.nodes.pi.ram: no model of nodes is called pi"),
    "two dots": ({"scenario..duration": "1h"}, "a path has a word between two dots"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_matches_nothing_or_says_nonsense(name: str, write: Callable[..., Path]) -> None:
    settings, said = SETTINGS[name]
    problems = fails(write(), set=settings).problems
    assert len(problems) == 1
    assert said in str(problems[0])
    assert problems[0].line is None
    assert next(iter(settings)) in problems[0].message


@pytest.mark.parametrize("text", ["scenario.duration", "=1h", "scenario.duration={", "scenario.duration=a: b: c"])
def test_a_setting_of_the_command_line_that_is_none(text: str) -> None:
    with pytest.raises(UserError):
        parse_setting(text)


def test_no_experiment_of_that_name_or_file(tmp_path: Path) -> None:
    assert "did you mean quickstart?" in str(fails("quickstrat"))  # type: ignore[arg-type]  # a name, not a path
    assert "there is no such file" in str(fails(tmp_path / "nowhere.yaml"))
    (tmp_path / "folder.yaml").mkdir()
    assert "cannot be read" in str(fails(tmp_path / "folder.yaml"))
    (tmp_path / "corner.yaml").write_text(CORNER.replace("./corner-shop.yaml", "./nothing.yaml"), "utf-8")
    (tmp_path / "nothing.yaml").write_bytes(b"")
    assert "nothing.yaml:1: the file is empty" in str(fails(tmp_path / "corner.yaml"))
