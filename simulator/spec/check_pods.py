"""What is wrong with items of kind pods that can be read."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import isdir, isfile
from pathlib import Path as FilePath

from simulator.errors import Problem, UserError
from simulator.facts.yaml import Path as Place
from simulator.spec.distribution import files
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.pod import Pod
from simulator.spec.look import Look
from simulator.spec.near import did_you_mean
from simulator.units import SECOND

_MOST_PODS = 1_000_000


def check_bare_pods(look: Look) -> Iterator[Problem]:
    """Their data files are there, they are not absurdly many, and their pods' names are free."""
    folder, ends_s = look.scenario.folder, int(look.scenario.duration) / SECOND
    written = [obj for obj in roots(look.objects) if isinstance(obj, Pod)]
    for number, item in look.pods:
        named: list[tuple[Place, FilePath]] = [(("run",), path) for path in files(item.run, folder)]
        if item.trace is not None:
            named.append((("trace",), folder / item.trace))
        if item.arrivals is not None and (trace := item.arrivals.trace) is not None:
            named.append((("arrivals", "trace"), folder / trace.partition("#")[0]))
        for place, path in named:
            if not isfile(path):
                near = [p.name for p in path.parent.glob("*.csv")] if isdir(path.parent) else ()
                hint = did_you_mean(path.name, near) or "files are relative to the experiment's"
                yield look.source.problem(("workloads", number, *place), f"there is no file {path}", hint)
        read = look.traces.get(number)
        if isinstance(read, UserError) and isfile(folder / str(item.trace)):
            yield from read.problems
        poisson, every = (item.arrivals.poisson, item.arrivals.every) if item.arrivals is not None else (None, None)
        rate = float(poisson) if poisson is not None else SECOND / every if every is not None else 0.0
        if item.count is None and rate * ends_s > _MOST_PODS:
            said = f"pods {item.name}: more than {_MOST_PODS} of them"
            yield look.source.problem(("workloads", number, "arrivals"), said, "give a count, or let fewer arrive")
        for obj in written:
            stem, _, tail = obj.name.rpartition("-")
            if stem == item.name and tail.isdecimal():
                said = f"{obj.title} has the name of one of the pods {item.name}"
                yield obj.source.problem(("metadata", "name"), said, "rename one of them")
