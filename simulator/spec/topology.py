"""Where things are: a generator by name, or nodes and links written out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from simulator.spec.base import Glob, ModelName, Name, Number, Positive, Resource, Spec, Text, empty, wrong
from simulator.spec.image import Platform
from simulator.spec.power import BatterySpec, SolarSpec
from simulator.spec.quantity import BitRate, ByteRate, Duration, Length, Ratio, Size

Rate = Annotated[BitRate, Field(gt=0)]


def _column(text: str) -> str:
    file, mark, column = text.partition("#")
    if not (file and mark and column) or "#" in column:
        raise wrong(f"{text!r} names no column of a file", "as in five-g.csv#down_bps")
    return text


Column = Annotated[Text, AfterValidator(_column)]  # of a CSV file
DEFAULT_RUNTIME = "containerd/runc"  # of a node that names none: what Kubernetes' installers put there
Role = Literal["worker", "control-plane", "router", "device", "registry"]


class Taint(Spec):
    """Kubernetes' taint: pods that do not tolerate it stay away."""

    key: Text
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


LABEL = r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$"  # a label's value, in Kubernetes


class AcceleratorSpec(Spec):
    """Equal accelerators of a machine, which pods ask for by the extended resource, whole or in thousandths of one.

    `product` becomes the node's label `<resource>.product`; `memory` is that of each device, none if it has only the
    machine's RAM.
    """

    resource: Resource
    product: Annotated[Text, Field(pattern=LABEL)]
    count: Annotated[int, Field(strict=True, ge=1, le=1024)] = 1
    memory: Size = Size("0")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.resource.endswith(("-milli", "-memory")):
            raise wrong(f"{self.resource} is a share of a device, not a device", "leave the ending out", "resource")
        return self


class NodeSpec(Spec):
    """One machine, or `count` equal ones named `name-0`, `name-1`, …

    The first of role registry has all images; any other is a mirror of it, which the nodes of its zone ask first.

    `model` names the facts of its hardware; `accelerators` and `platform` to `max_pods` stand over them where they are
    given. `system` is
    the operating system of the host: its boot takes the place of the model's, its engine is the machine's where no
    `runtimes` are named, and it can be updated as a whole.
    """

    name: Name
    model: ModelName
    zone: str = ""
    count: Positive | None = None
    role: Role = "worker"
    system: ModelName | None = None
    runtimes: tuple[ModelName, ...] = ()
    labels: dict[str, str] = empty()
    taints: tuple[Taint, ...] = ()
    extended: dict[str, Positive] = empty()
    accelerators: tuple[AcceleratorSpec, ...] | None = None
    platform: Platform | None = None
    cores: Positive | None = None
    speed: Annotated[Number, Field(gt=0, le=1000)] | None = None
    ram: Annotated[Size, Field(gt=0)] | None = None
    disk: Annotated[Size, Field(gt=0)] | None = None
    disk_write: Annotated[ByteRate, Field(gt=0)] | None = None
    nic: Rate | None = None
    boot: Duration | None = None
    max_pods: Positive | None = None
    latitude: Annotated[Number, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Number, Field(ge=-180, le=180)] | None = None
    battery: BatterySpec | None = None
    solar: SolarSpec | None = None

    @model_validator(mode="after")
    def _lit(self) -> Self:
        if self.solar is not None and self.battery is None:
            raise wrong("a panel without a battery is not offered", "add a battery, of any capacity", "solar")
        if self.solar is not None and (self.latitude is None or self.longitude is None):
            raise wrong("a panel's light depends on where it is", "add latitude and longitude", "solar")
        return self

    @model_validator(mode="after")
    def _offers(self) -> Self:
        offered = [each.resource for each in self.accelerators or ()]
        for name in self.extended:
            if name in offered or name.endswith(("-milli", "-memory")):
                raise wrong(f"{name} is an accelerator's", "say it under accelerators", ("extended", name))
        if len(set(offered)) < len(offered):
            raise wrong("two accelerators have one resource", "one product for each resource", "accelerators")
        return self

    def names(self) -> list[str]:
        """The names of its machines."""
        return [self.name] if self.count is None else [f"{self.name}-{i}" for i in range(self.count)]


class LinkSpec(Spec):
    """A link, or one for each pair of nodes that `between` matches, named `name-0`, `name-1`, …

    `model` names the facts of its kind; `latency` (one way) to `loss` stand over them. `up` is the rate from the
    first end to the second, `down` the rate back, `rate` both. `length` adds the model's delay per km to its latency.

    `up_trace`, `down_trace` and, for both, `rate_trace` name a column of a CSV file, as in five-g.csv#down_bps, beside
    a column time_s: from each time of the run on the link has that rate, and keeps the last one, unless the trace comes
    again after `trace_period`, counted from its first time. Whatever is sent follows at once, bit by bit; at a rate of
    0 nothing is sent, and what waits is kept.
    """

    name: Name
    between: Annotated[tuple[Glob, ...], Field(min_length=2, max_length=2)]
    model: ModelName | None = None
    latency: Duration | None = None
    length: Length | None = None
    rate: Rate | None = None
    up: Rate | None = None
    down: Rate | None = None
    rate_trace: Column | None = None
    up_trace: Column | None = None
    down_trace: Column | None = None
    trace_period: Annotated[Duration, Field(gt=0)] | None = None
    jitter: Duration | None = None
    loss: Annotated[Ratio, Field(lt=1)] | None = None

    @model_validator(mode="after")
    def _rates(self) -> Self:
        if self.rate is not None and (self.up is not None or self.down is not None):
            raise wrong("rate stands for up and down together", "give either rate, or up and down", "rate")
        if self.rate_trace is not None and (self.up_trace is not None or self.down_trace is not None):
            said = "rate_trace stands for up_trace and down_trace together"
            raise wrong(said, "give either rate_trace, or up_trace and down_trace", "rate_trace")
        if self.trace_period is not None and not (self.rate_trace or self.up_trace or self.down_trace):
            raise wrong("there is no trace to come again", "add rate_trace, up_trace or down_trace", "trace_period")
        if self.length is not None and (self.latency is not None or self.model is None):
            raise wrong("length needs a model's delay per km", "give model and length, or else latency", "length")
        if self.model is None:
            if self.latency is None:
                raise wrong(
                    f"link {self.name} has neither a model nor a latency", "add model: lte, or latency: 10ms", "name"
                )
            if self.rate is None and (self.up is None or self.down is None):
                raise wrong(
                    f"link {self.name} has neither a model nor a rate", "add model: lte, or rate: 100Mbps", "name"
                )
        if self.latency is not None and self.jitter is not None and self.jitter > self.latency:
            raise wrong("the jitter is larger than the latency", "delays would be negative", "jitter")
        return self


class Topology(Spec):
    """A generator `use` with `params`; a `file`, with the `params` of its format (`spec.readers.topology`); or `nodes`
    and `links` written out.
    """

    use: Text | None = None
    params: dict[str, Any] = empty()
    file: Text | None = None
    nodes: tuple[NodeSpec, ...] = ()
    links: tuple[LinkSpec, ...] = ()

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        forms = [key for key in ("use", "file") if getattr(self, key) is not None]
        if forms and (self.nodes or self.links):
            how = "generated" if forms[0] == "use" else "read"
            raise wrong(f"a topology is either {how} or written out", f"give {forms[0]}, or nodes and links", forms[0])
        if len(forms) > 1:
            raise wrong("a topology is either generated or read", "give use or file", "file")
        if not forms and "params" in self.model_fields_set:
            raise wrong("params belong to a generator or a file", "add use: wan", "params")
        if not forms and not self.nodes:
            raise wrong("the topology has no nodes", "give use: wan, a file, or nodes and links")
        return self


def _form(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<topology>"


TopologyField = Annotated[Annotated[Text, Tag("<name>")] | Annotated[Topology, Tag("<topology>")], Discriminator(_form)]


def matching(glob: str, names: Sequence[str]) -> list[int]:
    """The positions of the names that a glob matches."""
    match = re.compile(translate(glob)).match
    return [i for i, name in enumerate(names) if match(name)]


def is_glob(text: str) -> bool:
    """Whether the text can match more than one name."""
    return any(c in text for c in "*?[")


def expand_nodes(nodes: Sequence[NodeSpec]) -> Iterator[tuple[str, NodeSpec]]:
    """Every machine by name, in the order of the file."""
    for node in nodes:
        for name in node.names():
            yield name, node


def expand_links(links: Sequence[LinkSpec], names: Sequence[str]) -> Iterator[tuple[str, int, int, LinkSpec]]:
    """Every link by name with the positions of its ends; each pair once, no node with itself.

    A link between two nodes that are named in full keeps its name; one with a glob is numbered.
    """
    for link in links:
        ends = [matching(glob, names) for glob in link.between]
        pairs: dict[tuple[int, int], tuple[int, int]] = {}
        for a in ends[0]:
            for b in ends[1]:
                if a != b:
                    pairs.setdefault((min(a, b), max(a, b)), (a, b))
        numbered = any(map(is_glob, link.between))
        for number, (a, b) in enumerate(pairs.values()):
            yield f"{link.name}-{number}" if numbered else link.name, a, b, link
