"""What runs, what it needs and what is asked of it: manifests, services, models, requests, telemetry, commands,
functions, pods."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.arrivals import Arrivals
from simulator.spec.base import Count, Glob, Item, Name, Positive, Text, empty, wrong
from simulator.spec.behaviour import Behaviour, Wait
from simulator.spec.commands import Commands
from simulator.spec.function import Function
from simulator.spec.need import AcceleratorNeed
from simulator.spec.pods import Pods
from simulator.spec.quantity import Cpu, Duration, Size
from simulator.spec.spool import Importance, Spool


class Manifest(Item):
    """A file of Kubernetes objects, as it is; `at` as with a service."""

    kind: Literal["manifest"] = "manifest"
    name: Name | None = None
    file: Text
    at: Duration | None = None


class Service(Item, Behaviour):
    """A service of one image, without a manifest: `replicas` of it anywhere, or one `per` site or node.

    A site is a zone with workers but without a control plane. Whoever asks
    for one of those asks one in its own zone, as long as there is one (`trafficDistribution: PreferClose`).
    `node_selector` are labels that a node must have, `accelerator` what it must have free of one. `at` is when somebody
    applies it: at the beginning (in Python: now), if not given.
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
    accelerator: AcceleratorNeed | None = None
    at: Duration | None = None

    @model_validator(mode="after")
    def _one_count(self) -> Self:
        if self.replicas is not None and self.per is not None:
            raise wrong("a service has either replicas or per", "remove one of them", "per")
        if self.ram_limit is not None and self.ram_limit < self.ram:
            raise wrong("the limit lies below the request", "ram_limit is at least ram", "ram_limit")
        return self


class Model(Item):
    """A file, such as a trained model, that somebody publishes to every node that `nodes` matches.

    Only an orchestrator with a sync service for such files (`model-objects` on its page) brings them there, chunk by
    chunk. `at` is when it is published: at the beginning (in Python: now), if not given.
    """

    kind: Literal["model"] = "model"
    name: Name
    size: Annotated[Size, Field(gt=0)]
    nodes: Glob
    at: Duration | None = None


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
    while a node is cut off, and drops those before it.

    `spool`: where the messages enter the cluster, a gateway of their own keeps what it cannot send on. Between it and
    the target `qos` is MQTT's: 0 at most once, 1 at least once, 2 exactly once; between the device and it, 1 and 2
    send again what did not get there. Where flows share a spool that drops the least important, `importance` says who
    that is. Without a spool, what a cut link or a dead node swallows is lost whatever the `qos`, but where the
    orchestrator has a `buffer`: between device and edge node `qos` 1 or 2 sends it again.
    """

    kind: Literal["telemetry"] = "telemetry"
    name: Name | None = None
    source: Glob
    target: Text
    every: Wait
    size: Size
    properties: Positive = 1
    protocol: Literal["mqtt", "http", "coap", "modbus", "opc-ua", "bluetooth", "lorawan"] = "mqtt"
    qos: Annotated[int, Field(strict=True, ge=0, le=2)] = 0
    via: Literal["message", "twin"] = "message"
    spool: Spool | None = None
    importance: Importance = 0

    @model_validator(mode="after")
    def _kept(self) -> Self:
        if self.spool is not None and self.via == "twin":
            raise wrong(
                "a twin's values wait where the orchestrator keeps them", "take out spool, or via: twin", "spool"
            )
        ranked = self.spool is not None and self.spool.drop == "least-important"
        if "importance" in self.model_fields_set and not ranked:
            said = "importance decides nothing here"
            raise wrong(said, "it belongs to a spool with drop: least-important", "importance")
        if self.qos == 2 and self.protocol != "mqtt":
            raise wrong(f"{self.protocol} has no exactly-once delivery", "qos 0 or 1, or protocol: mqtt", "qos")
        return self


WorkloadItem = Annotated[
    Manifest | Service | Model | Requests | Telemetry | Commands | Function | Pods, Field(discriminator="kind")
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
