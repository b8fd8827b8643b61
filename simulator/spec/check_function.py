"""What is wrong with functions that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import isdir, isfile

from simulator.errors import Problem, UserError
from simulator.spec.distribution import files
from simulator.spec.function import each
from simulator.spec.look import Look
from simulator.spec.near import did_you_mean


def check_functions(look: Look) -> Iterator[Problem]:
    """Their data files are there and can be read, and their names are free."""
    taken = dict.fromkeys(look.pods_of, "a workload")
    for number, item in look.functions:
        folder = look.scenario.folder
        for key in ("work", "first_work", "trace"):
            written = getattr(item, key)
            named = ([folder / written] if written else []) if key == "trace" else files(written, folder)
            for path in named:
                if not isfile(path):
                    near = [p.name for p in path.parent.glob("*.csv")] if isdir(path.parent) else ()
                    hint = did_you_mean(path.name, near) or "files are relative to the experiment's"
                    yield look.source.problem(("workloads", number, key), f"there is no file {path}", hint)
        if item.trace is not None and not isfile(folder / item.trace):
            continue
        try:
            single = [function.name for function, _ in each(item, folder)]
        except UserError as error:
            yield from error.problems
            continue
        for name in single:
            if name in taken:
                said = f"function {name} has the name of {taken[name]}"
                yield look.source.problem(("workloads", number, "name"), said, "each needs a name of its own")
        taken |= dict.fromkeys(single, "another function")
