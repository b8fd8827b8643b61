"""`littoral new policy` at every extension point: what it writes passes the checks, and the printed command asks it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from shlex import split
from typing import get_args

import pytest

from commands import here, littoral
from simulator.cli.given import Point
from simulator.policy.points import EXTENSION_POINTS

__all__ = ["here"]  # a fixture
TOPOLOGY = """
    nodes:
      - {name: hub, model: cloud-vm, role: control-plane, taints: [{key: control-plane, effect: NoSchedule}]}
      - {name: box, model: x86-edge, count: 2}
      - {name: till, model: till, role: device}
    links:
      - {name: lan, between: ["box-*", hub], model: ethernet}
      - {name: desk, between: [till, hub], model: ethernet}
"""
# Two replicas leave no room for a large pod: who may preempt is asked.
SCENARIO = f"""
question: Who is asked?
scenario:
  duration: 40s
  topology: {TOPOLOGY}
  images: {{"api:1": {{compressed: 1MB, unpacked: 2MB, platforms: [linux/amd64]}}}}
  workloads:
    - {{kind: service, name: api, image: "api:1", replicas: 2, cpu: "1", ram: 64Mi, work: 1ms}}
    - {{kind: requests, name: ask, source: till, target: api, arrivals: {{every: 5s}}, request: 1kB, response: 1kB}}
    - {{kind: pods, name: large, arrivals: {{every: 20s}}, image: "api:1", cpu: 3500m, ram: 64Mi, run: 5s}}
    - {{kind: function, name: guest, image: "api:1", arrivals: {{every: 20s}}, work: 1ms, ram: 32Mi,
       scaling: {{use: keep-alive, params: {{idle: 1s}}}}}}
  record: {{requests: {{sample: 0}}}}
"""
HUB = f"""
question: Who is asked?
scenario:
  duration: 10s
  topology: {TOPOLOGY}
  clusters:
    hub: {{orchestrator: karmada, nodes: hub, members: [site]}}
    site: {{orchestrator: k3s, nodes: "box-*"}}
  images: {{"api:1": {{compressed: 1MB, unpacked: 2MB, platforms: [linux/amd64]}}}}
  workloads:
    - {{kind: service, name: api, image: "api:1", replicas: 2, cpu: "1", ram: 64Mi}}
"""
WATCHED = """

_asked = {title}.{method}


def _seen(self, *views):
    from pathlib import Path

    Path(__file__).with_name("asked.{point}").touch()
    return _asked(self, *views)


{title}.{method} = _seen
"""


def started(point: str, folder: Path) -> dict[str, str]:
    """A new policy for the point, which leaves a file behind when it is asked: what the printed command sets."""
    document = littoral("new", "policy", f"my-{point}", "--point", point, "--json").document
    run = split(document["next"].split(" && ")[1])
    file, method = folder / document["file"], EXTENSION_POINTS[point].asks.__name__  # type: ignore[index]
    with file.open("a", encoding="utf-8") as more:
        more.write(WATCHED.format(title=f"My{point.capitalize()}", method=method, point=point))
    return dict(word.split("=", 1) for option, word in pairwise(run) if option == "--set")


@pytest.mark.parametrize("point", EXTENSION_POINTS)
def test_what_new_writes_passes_the_checks(point: str, here: Path) -> None:
    document = littoral("new", "policy", "my-own", "--point", point, "--json").document
    check, run = (split(command) for command in document["next"].split(" && "))
    text = (here / document["file"]).read_text("utf-8")
    assert all(word in text for word in (*check, *run)), "the file says the same commands"
    said = littoral(*check[1:], "--json")
    assert (said.status, [row for row in said.document if not row["passed"]]) == (0, [])
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize(
    ("text", "points"),
    [(HUB, {"clusters", "placement"}), (SCENARIO, set(EXTENSION_POINTS) - {"clusters", "placement"})],
    ids=["a hub", "one cluster"],
)
def test_the_printed_settings_ask_every_new_policy(text: str, points: set[str], here: Path) -> None:
    settings: dict[str, str] = {}
    for point in points:
        found = started(point, here)
        settings |= {key: value for key, value in found.items() if "./" in value or key not in settings}
    (here / "small.yaml").write_text(text, "utf-8")
    given = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    said = littoral("run", "small.yaml", *given, "--executor", "serial", "--no-report", "--json")
    assert said.status == 0, said.err
    assert {file.suffix[1:] for file in here.glob("asked.*")} == points
    assert "policy that was asked" not in said.err


def test_the_command_line_knows_every_point() -> None:
    assert get_args(Point) == tuple(EXTENSION_POINTS)


def test_a_name_that_policies_are_written_with_is_refused(here: Path) -> None:
    said = littoral("new", "policy", "bind")
    assert (said.status, said.err) == (2, "simulator.policy has a Bind of its own (give another name)\n")
    assert not (here / "bind.py").exists()
    assert littoral("new", "experiment", "mine", "--point", "order").status == 2
