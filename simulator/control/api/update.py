"""Somebody gives a workload another image: its template changes, and controllers roll its pods to the new one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from simulator.control.api.objects import ApiObject, DaemonSet, Deployment
from simulator.control.api.patient import once_up
from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder


def apply_update(
    clock: Clock,
    recorder: Recorder,
    server: ApiServer,
    *,
    at: int,
    build_ns: int = 0,
    workload: str,
    image: str,
    applied: Callable[[], Iterable[ApiObject]],
    changed: Callable[[ApiObject], object],
) -> None:
    """Change the image of the first container of `workload` at `at` (ns), or as soon as the server answers after it. An
    image that has to be built first (`build_ns`) leaves Rebuilding at `at`, and is there so much later.

    `workload` is the name of a Deployment or DaemonSet, or of a service that is one for each site. `applied` gives all
    that somebody has applied; `changed` is told of each object of it that has been changed.
    """

    def apply() -> None:
        for target in targets(applied(), workload):
            first, *rest = target.template.containers
            target.template = replace(target.template, containers=(replace(first, image=image), *rest))
            if isinstance(target, Deployment):
                target.generation += 1
            recorder.events.add(clock.now, "Updated", target.name, "", image)
            changed(target)

    if build_ns:
        clock.at(at, lambda: recorder.events.add(clock.now, "Rebuilding", workload, "", image))
    once_up(clock, server, at + build_ns, apply)


def targets(applied: Iterable[ApiObject], workload: str) -> Sequence[Deployment | DaemonSet]:
    """What a workload's name means: a Deployment or DaemonSet, or those of a service that is one for each site."""
    every = [each for each in applied if isinstance(each, Deployment | DaemonSet)]
    named = [each for each in every if each.name == workload]
    return named or [each for each in every if each.template.labels.get("app") == workload]
