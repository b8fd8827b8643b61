"""What runs and what is asked of it: manifests, services, requests, telemetry."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from simulator.spec.base import Count, Glob, Item, Name, Positive, Spec, Text, empty, not_offered, wrong
from simulator.spec.behaviour import Behaviour, Wait
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import Cpu, Frequency, Size

Rate = Annotated[Frequency, Field(gt=0)]


class Manifest(Item):
    """A file of Kubernetes objects, as it is."""

    kind: Literal["manifest"] = "manifest"
    name: Name | None = None
    file: Text


class Service(Item, Behaviour):
    """A service of one image, without a manifest: `replicas` of it anywhere, or one `per` site or node.

    A site is a zone with workers but without a control plane. Whoever asks
    for one of those asks one in its own zone, as long as there is one (`trafficDistribution: PreferClose`).
    `node_selector` are labels that a node must have.
    """

    kind: Literal["service"] = "service"
    name: Name
    image: Text
    replicas: Count | None = None
    per: Literal["site", "node"] | None = None
    cpu: Cpu = Cpu(0)
    ram: Size = Size("0")
    ram_limit: Size | None = None
    runtime: Text | None = None
    node_selector: dict[str, str] = empty()

    @model_validator(mode="after")
    def _one_count(self) -> Self:
        if self.replicas is not None and self.per is not None:
            raise wrong("a service has either replicas or per", "remove one of them", "per")
        if self.ram_limit is not None and self.ram_limit < self.ram:
            raise wrong("the limit lies below the request", "ram_limit is at least ram", "ram_limit")
        return self


def _rate_or_profile(value: Any) -> Any:
    if isinstance(value, dict) and "profile" in value:
        raise not_offered("arrival profiles are", "profile")
    if isinstance(value, dict):
        raise wrong("a rate alone needs no braces", "write poisson: 10/s")
    return value


class Arrivals(Spec):
    """When requests are issued, at each source. Open: `poisson` at a rate, `every` so often, or a `trace` of times
    (`file.csv#column`, seconds). Closed: `users`, each of whom thinks, asks, and waits for the answer.
    """

    poisson: Annotated[Rate, BeforeValidator(_rate_or_profile)] | None = None
    every: Wait | None = None
    trace: Text | None = None
    users: Positive | None = None
    think: RandomDuration | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [k for k in ("poisson", "every", "trace", "users") if getattr(self, k) is not None]
        if len(given) != 1:
            said = f"arrivals have one form, not {' and '.join(given)}" if given else "arrivals have no form"
            raise wrong(said, "poisson: 10/s, every: 100ms, trace: file.csv#column, or users and think", *given[1:2])
        if (self.users is None) != (self.think is None):
            raise wrong("users think: the one needs the other", "as in {users: 10, think: {exponential: 1s}}", *given)
        return self


class Requests(Item):
    """Requests from each node that `source` matches to a service."""

    kind: Literal["requests"] = "requests"
    name: Name | None = None
    source: Glob
    target: Text
    arrivals: Arrivals
    request: Size
    response: Size
    timeout: Wait | None = None
    retries: Count = 0


class Telemetry(Item):
    """Messages that each node that `source` matches sends, `every` so often, to a service.

    A message carries `properties` values of `size` each, and what its `protocol` adds. `via: twin`: each property is
    a device twin's, and reported in a message of its own; an orchestrator with twins then keeps the last value of each
    while a node is cut off, and drops those before it. What a cut link or a dead node swallows is lost whatever the
    `qos`, but where the orchestrator has a `buffer`: between device and edge node `qos` 1 or 2 sends it again.
    """

    kind: Literal["telemetry"] = "telemetry"
    name: Name | None = None
    source: Glob
    target: Text
    every: Wait
    size: Size
    properties: Positive = 1
    protocol: Literal["mqtt", "http", "coap"] = "mqtt"
    qos: Annotated[int, Field(strict=True, ge=0, le=2)] = 0
    via: Literal["message", "twin"] = "message"


def _offered(item: Any) -> Any:
    if isinstance(item, dict) and item.get("kind") == "function":
        raise not_offered("workloads of kind function are", "kind")
    return item


WorkloadItem = Annotated[
    Annotated[Manifest | Service | Requests | Telemetry, Field(discriminator="kind")], BeforeValidator(_offered)
]


def labels(items: tuple[Any, ...]) -> list[str]:
    """A name for each item, for tables: its own, or its kind, numbered from the second on."""
    taken = {item.name for item in items if item.name}
    found: list[str] = []
    for item in items:
        label, number = item.name or item.kind, 1
        while not item.name and label in taken:
            number += 1
            label = f"{item.kind}-{number}"
        taken.add(label)
        found.append(label)
    return found
