"""`littoral new`: a commented starting file in the current folder."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal

from simulator.cli.answer import Answer
from simulator.errors import Problem, UserError

_NEXT = {
    "policy": "littoral check-policy ./{file}:{title}",
    "experiment": "littoral check {file} && littoral run {file}",
    "orchestrator": "littoral run quickstart --set scenario.orchestrator=./{file}",
}


def new(kind: Literal["policy", "experiment", "orchestrator"], name: str, /) -> Answer:
    """Write a commented starting file into the current folder; never over one that is there.

    Parameters
    ----------
    kind
        What to start.
    name
        Its name: letters, digits and -.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise UserError(Problem(f"{name!r} is no name", hint="small letters, digits and -, as in most-free-ram"))
    file = Path(f"{name.replace('-', '_')}.py" if kind == "policy" else f"{name}.yaml")
    title = "".join(word.capitalize() for word in name.split("-"))
    suffix = ".py" if kind == "policy" else ".yaml"
    template = (files("simulator.cli") / "templates" / f"{kind}{suffix}.txt").read_text("utf-8")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(Template(template).substitute(name=name, title=title, file=file))
    except FileExistsError:
        raise UserError(Problem("the file is there already", str(file), hint="give another name")) from None
    except OSError as error:
        raise UserError(Problem(f"the file cannot be written: {error.strerror}", str(file))) from None
    then = _NEXT[kind].format(file=file, title=title)
    return Answer({"file": str(file), "next": then}, f"{file}\nnext: {then}")
