"""Bare pods that come one by one: what a trace of a batch cluster is made of, and what a learner practises on."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.arrivals import Arrivals
from simulator.spec.base import Item, Name, Positive, Text, empty, not_offered
from simulator.spec.distribution import RandomDuration
from simulator.spec.need import AcceleratorNeed
from simulator.spec.quantity import Cpu, Size


class Pods(Item):
    """Pods without a controller, `<name>-0`, `<name>-1`, …: somebody creates one at each of the `arrivals`.

    They end with the run of the scenario, or after `count` of them. `run` is how long each runs before it exits and has
    Succeeded, drawn for each by its number; without it they run for ever. `priority` is a pod's own, as a PriorityClass
    would give it; `accelerator`, `node_selector` are as a service's. Nobody makes another for one that is lost.
    """

    kind: Literal["pods"] = "pods"
    name: Name
    arrivals: Arrivals
    count: Positive | None = None
    image: Text
    cpu: Cpu = Cpu(0)
    ram: Size = Size("0")
    accelerator: AcceleratorNeed | None = None
    priority: Annotated[int, Field(strict=True, ge=-1_000_000_000, le=1_000_000_000)] = 0
    labels: dict[str, str] = empty()
    node_selector: dict[str, str] = empty()
    run: RandomDuration | None = None

    @model_validator(mode="after")
    def _open(self) -> Self:
        if self.arrivals.users is not None:
            raise not_offered("pods of users who wait for them are", "arrivals")
        return self
