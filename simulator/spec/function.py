"""Functions: what runs only because somebody asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.arrivals import Arrivals
from simulator.spec.base import Item, Positive, Reference, Spec, Text, empty, not_offered, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import Cpu, Duration, Size
from simulator.spec.trace import FunctionTrace, read_azure_functions_2021

FunctionName = Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9][-A-Za-z0-9._]*\*?$")]


class Variant(Spec):
    """The same function built for another runtime: in the function's own image and as quick to `start`, if not said
    otherwise."""

    runtime: Text
    image: Text | None = None
    start: Duration | None = None


class Function(Item):
    """A function of a platform that starts an instance, a pod, when a request finds none, and ends those that are idle.

    Requests come to the platform's door by `arrivals`, and take `work` on one reference core; or a `trace` says both:
    it has many functions, each a function here, and the star at the end of `name` stands for their numbers from 0 on,
    as they first occur. An instance's first request takes `first_work`, if that is given. `start` is the time from
    process start until it answers; `concurrency` how many requests an instance takes at once; `cpu` and `ram` what it
    asks for, and holds. `scaling` is the policy that says how long instances are kept and how many wait unused; without
    one, the scenario's `policies: {scaling: …}` does. `variants` are the runtimes that the function is built for, at
    least two: the policy says which one its instances are, once for each function, and without a word the first.
    Requests pass no network on their way to an instance and back.
    """

    kind: Literal["function"] = "function"
    name: FunctionName
    image: Text = "function"
    arrivals: Arrivals | None = None
    trace: Text | None = None
    format: Literal["azure-functions-2021"] | None = None
    work: RandomDuration | None = None
    first_work: RandomDuration | None = None
    start: Duration = Duration("0")
    concurrency: Positive = 1
    cpu: Cpu = Cpu(0)
    ram: Size = Size("0")
    ram_limit: Size | None = None
    runtime: Text | None = None
    variants: tuple[Variant, ...] = ()
    node_selector: dict[str, str] = empty()
    scaling: Reference | None = None

    @model_validator(mode="after")
    def _one_load(self) -> Self:
        if (self.arrivals is None) == (self.trace is None):
            said = "has both arrivals and a trace" if self.trace else "has neither arrivals nor a trace"
            raise wrong(f"function {self.name} {said}", "give one of the two", "trace" if self.trace else "")
        if (self.trace is None) != (self.format is None):
            hint = "as in {trace: azure.csv, format: azure-functions-2021}"
            raise wrong("a trace and its format go together", hint, "format" if self.format else "trace")
        if (self.trace is None) != (self.work is not None):
            said = "a trace says itself how long each request works" if self.trace else "requests need work"
            raise wrong(said, "remove work" if self.trace else "as in work: {exponential: 50ms}", "work")
        if (self.trace is None) == self.name.endswith("*"):
            said = "a trace has many functions" if self.trace else "this is one function"
            raise wrong(said, f"name: {self.name.rstrip('*')}{'*' if self.trace else ''}", "name")
        runtimes = [variant.runtime for variant in self.variants]
        if len(set(runtimes)) < len(runtimes) or len(runtimes) == 1:
            raise wrong("variants are of different runtimes, at least two", "for one, write runtime", "variants")
        if runtimes and self.runtime is not None:
            raise wrong("a function has either a runtime or variants", "remove one of them", "runtime")
        if self.arrivals is not None and self.arrivals.users is not None:
            raise not_offered("functions for users who wait for an answer are", "arrivals")
        if self.ram_limit is not None and self.ram_limit < self.ram:
            raise wrong("the limit lies below the request", "ram_limit is at least ram", "ram_limit")
        return self


def built(item: Function) -> list[Function]:
    """A single function as it is built for each of its runtimes, under a name of its own; or itself, without any."""
    return [
        item.model_copy(
            update={
                "name": f"{item.name}@{variant.runtime}",
                "runtime": variant.runtime,
                "image": variant.image or item.image,
                "start": item.start if variant.start is None else variant.start,
                "variants": (),
            }
        )
        for variant in item.variants
    ] or [item]


def each(item: Function, folder: Path) -> list[tuple[Function, FunctionTrace | None]]:
    """The single functions that an item stands for, each under its own name, and what a trace says of it. Raises
    UserError for a trace that cannot be read."""
    if item.trace is None:
        return [(item, None)]
    stem = item.name.removesuffix("*")
    traces = read_azure_functions_2021(folder / item.trace)
    return [(item.model_copy(update={"name": f"{stem}{number}"}), trace) for number, trace in enumerate(traces)]
