"""`littoral new`: a commented starting file in the current folder."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from shlex import quote
from string import Template
from typing import Final, Literal

from simulator.cli.answer import Answer
from simulator.cli.given import Point
from simulator.errors import Problem, UserError

_NEXT: Final = {
    "experiment": "littoral check {file} && littoral run {file}",
    "orchestrator": "littoral run quickstart --set scenario.orchestrator=./{file}",
}
# A shipped experiment that asks a policy for the point, and what has to be set there.
_SCHEDULING: Final = "learned-placement --small --set scenario.policy=kube-default"
_SERVING: Final = "routers --small --set scenario.policies.routing=random"
_ASKED: Final[dict[Point, tuple[str, str]]] = {
    "placement": ("learned-placement --small", "scenario.policy={use}"),
    "filter": (_SCHEDULING, "scenario.policies.filters=[{use}]"),
    "score": (_SCHEDULING, "scenario.policies.scores=[{{use: {use}}}]"),
    "order": (_SCHEDULING, "scenario.policies.order={use}"),
    "preemption": (
        f"{_SCHEDULING} --set scenario.workloads.large.priority=10", "scenario.policies.preemption={use}",
    ),
    "rescheduling": (_SERVING, "scenario.policies.rescheduling={use}"),
    "autoscaling": (_SERVING, "scenario.policies.autoscaling={use}"),
    "scaling": ("warm-starts --small", "scenario.workloads.guest.scaling={use}"),
    "routing": ("routers --small", "scenario.policies.routing={use}"),
    "caching": (_SERVING, "scenario.policies.caching={use}"),
    "clusters": ("multi-cluster-placement --small", "scenario.policies.clusters={use}"),
}  # fmt: skip


def new(kind: Literal["policy", "experiment", "orchestrator"], name: str, /, *, point: Point | None = None) -> Answer:
    """Write a commented starting file into the current folder; never over one that is there.

    Parameters
    ----------
    kind
        What to start.
    name
        Its name: letters, digits and -.
    point
        Of a policy: the decision point that it is for, placement if nothing is said; see check-policy.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise UserError(Problem(f"{name!r} is no name", hint="small letters, digits and -, as in most-free-ram"))
    if point is not None and kind != "policy":
        raise UserError(Problem(f"--point is of a policy, not of an {kind}", hint="leave it out"))
    title = "".join(word.capitalize() for word in name.split("-"))
    if kind == "policy":
        _free(title)
        file, template = Path(f"{name.replace('-', '_')}.py"), f"policy/{point or 'placement'}.py.txt"
        then = _tried(point or "placement", f"./{file}:{title}")
    else:
        file, template = Path(f"{name}.yaml"), f"{kind}.yaml.txt"
        then = _NEXT[kind].format(file=file)
    text = (files("simulator.cli") / "templates" / template).read_text("utf-8")
    commands = then.replace(" && ", "\n    ").replace(" --set", " \\\n        --set")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(Template(text).substitute(name=name, title=title, file=file, commands=commands))
    except FileExistsError:
        raise UserError(Problem("the file is there already", str(file), hint="give another name")) from None
    except OSError as error:
        raise UserError(Problem(f"the file cannot be written: {error.strerror}", str(file))) from None
    return Answer({"file": str(file), "next": then}, f"{file}\nnext: {then}")


def _tried(point: Point, use: str) -> str:
    """The commands that check a policy, and run what asks it."""
    where, key = _ASKED[point]
    return f"littoral check-policy {use} && littoral run {where} --set {quote(key.format(use=use))}"


def _free(title: str) -> None:
    """Refuse the name of a class that policies are written with."""
    from simulator import policy  # noqa: PLC0415  # numpy

    if title in policy.__all__:
        raise UserError(Problem(f"simulator.policy has a {title} of its own", hint="give another name"))
