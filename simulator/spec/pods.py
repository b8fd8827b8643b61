"""Bare pods that come one by one: what a trace of a batch cluster is made of, and what a learner practises on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.arrivals import Arrivals
from simulator.spec.base import Item, Name, Number, Positive, Text, empty, not_offered, wrong
from simulator.spec.behaviour import Wait
from simulator.spec.distribution import RandomDuration
from simulator.spec.need import AcceleratorNeed
from simulator.spec.quantity import Cpu, Size
from simulator.spec.readers import openb

DEADLINE = "deadline-s"


class Pods(Item):
    """Pods without a controller, `<name>-0`, `<name>-1`, …: somebody creates one at each of the `arrivals`.

    They end with the run of the scenario, after `count` of them, or with the one by which all have asked for `demand`
    times the accelerators that there are of the kinds they ask for. `run` is how long each runs before it exits and has
    Succeeded, drawn for each by its number; without it they run for ever. `priority` is a pod's own, as a PriorityClass
    would give it; `accelerator`, `node_selector` are as a service's. Nobody makes another for one that is lost. By its
    `deadline` after its creation a pod is to run: it has that many seconds as a label `deadline-s`.

    A `trace` says what each pod asks for, when it is created and how long it runs. Beside `arrivals` it says the first
    alone: its pods come in random order, and after them copies of them, drawn at random.
    """

    kind: Literal["pods"] = "pods"
    name: Name
    arrivals: Arrivals | None = None
    trace: Text | None = None
    format: Literal["openb"] | None = None
    count: Positive | None = None
    demand: Annotated[Number, Field(gt=0, le=1000)] | None = None
    image: Text
    cpu: Cpu = Cpu(0)
    ram: Size = Size("0")
    accelerator: AcceleratorNeed | None = None
    priority: Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)] = 0
    labels: dict[str, str] = empty()
    node_selector: dict[str, str] = empty()
    deadline: Wait | None = None
    run: RandomDuration | None = None

    @model_validator(mode="after")
    def _open(self) -> Self:
        if self.arrivals is None and self.trace is None:
            raise wrong(f"pods {self.name} have neither arrivals nor a trace", "as in arrivals: {poisson: 1/s}")
        if self.arrivals is not None and self.arrivals.users is not None:
            raise not_offered("pods of users who wait for them are", "arrivals")
        return self

    @model_validator(mode="after")
    def _due_once(self) -> Self:
        if self.deadline is not None and DEADLINE in self.labels:
            raise wrong(f"pods {self.name} have a deadline and a label {DEADLINE}", "remove the label", "labels")
        return self

    @model_validator(mode="after")
    def _traced(self) -> Self:
        if (self.trace is None) != (self.format is None):
            hint = "as in {trace: openb_pod_list_default.csv, format: openb}"
            raise wrong("a trace and its format go together", hint, "format" if self.format else "trace")
        own = ("cpu", "ram", "accelerator") if self.trace else ()
        if (said := next((key for key in own if key in self.model_fields_set), None)) is not None:
            raise wrong(f"a trace says itself what each pod asks for: {said} is too much", f"remove {said}", said)
        if self.trace and self.arrivals is None and self.run is not None:
            raise wrong("a trace says itself how long each pod runs", "remove run, or give arrivals", "run")
        if self.demand is not None and self.trace is None and self.accelerator is None:
            raise wrong(
                "demand is of accelerators, and these pods want none", "give count, or an accelerator", "demand"
            )
        return self


def each(item: Pods, folder: Path) -> tuple[tuple[Pods, ...], openb.PodTrace | None]:
    """The kinds of pods that an item has, each as an item of its own, and what a trace says of them. Raises UserError
    for a trace that cannot be read."""
    if item.trace is None:
        return (item,), None
    trace = openb.read_pods(folder / item.trace)
    return tuple(_kind(item, kind) for kind in trace.kinds), trace


def _kind(item: Pods, kind: openb.PodKind) -> Pods:
    need = None
    if kind.gpus or kind.milli:
        need = AcceleratorNeed(
            resource=openb.RESOURCE, count=kind.gpus or None, milli=kind.milli or None, product=kind.models
        )
    own = {"cpu": Cpu(f"{kind.cpu_m}m"), "ram": Size(f"{kind.ram_bytes}B"), "accelerator": need}
    return item.model_copy(update={**own, "labels": {"qos": kind.qos, **item.labels}})
