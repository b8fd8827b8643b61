"""What a model of each kind says: its fields, the dimension of each, and which it cannot do without.

An orchestrator's page is a tree of mechanisms; `simulator.spec.orchestrator` holds its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from simulator.errors import Problem
from simulator.facts.dist import DistSpec
from simulator.facts.fact import Fact, near
from simulator.facts.field import Field
from simulator.facts.platforms import platform
from simulator.facts.stack import RUNTIMES, STARTS, required
from simulator.facts.tree import Tree
from simulator.units import UnitError, parse

SHAPES: Final[Mapping[str, Mapping[str, Field]]] = {
    "nodes": {
        "platforms": Field("platforms"),
        "cores": Field("count", positive=True),
        "speed": Field("ratio", positive=True),
        "ram": Field("size", positive=True),
        "disk": Field("size", positive=True),
        "disk_write": Field("byterate", positive=True),
        "boot": Field("duration"),
        # What of it passes before the kernel runs, and until it starts the first process; the rest is user space.
        "boot_stages.firmware": Field("duration", required=False),
        "boot_stages.kernel": Field("duration", required=False),
        "power.idle": Field("power"),
        "power.max": Field("power"),
        "power.per_bit": Field("energy per bit", required=False),  # sent or received, where a link is no radio
        "max_pods": Field("count", required=False, positive=True),
        "disk_kind": Field("text", required=False, words=("microSD", "eMMC", "SSD", "NVMe", "HDD", "EBS", "flash")),
        "disk_endurance": Field("size", required=False, positive=True),  # bytes that can be written to it in its life
        "memcpy": Field("byterate", required=False, positive=True),
        "nic": Field("bitrate", required=False, positive=True),  # the fastest it has
        "kvm": Field("flag", required=False),  # whether it can run virtual machines
        "sgx": Field("flag", required=False),
        "accelerator.kind": Field("text", required=False),
        "accelerator.count": Field("count", required=False, positive=True),
        "accelerator.resource": Field("text", required=False),  # the extended resource that its device plugin offers
        "accelerator.product": Field("text", required=False),  # its model, as the value of a label
        "accelerator.memory": Field("size", required=False, positive=True),  # of each, beside the machine's RAM
        "battery": Field("energy", required=False),
        "rtc": Field("flag", required=False),  # whether a clock of its own runs on without power
        "clock_saved": Field("duration", required=False, positive=True),  # how often one without writes down the time
    },
    "links": {
        "latency": Field("duration"),
        "per_km": Field("delay per km", required=False),
        "handover.time": Field("duration", required=False),  # without a way, while another cell is joined
        "handover.margin": Field("share", required=False),  # how much farther the serving cell is when it is left
        "jitter": Field("duration"),
        "up": Field("bitrate", positive=True),
        "down": Field("bitrate", positive=True),
        "loss": Field("share"),
        "outage.up": Field("duration", required=False, dist=True),  # how long it works
        "outage.down": Field("duration", required=False, dist=True),
        "promotion.idle": Field("duration", required=False),  # without traffic, after which the radio sleeps
        "promotion.delay": Field("duration", required=False),  # of the first message that wakes it
        "duty_cycle": Field("share", required=False, positive=True),  # of the time in which one may send
        # What the radio of the link's first node takes, beside its machine (`simulator.physics.radio`).
        "radio.idle": Field("power", required=False),  # asleep; of one that never sleeps, with nothing to send
        "radio.promotion": Field("power", required=False),  # while it wakes
        "radio.tail": Field("power", required=False),  # connected, with nothing to send
        "radio.send": Field("power", required=False),  # while it sends, before what each bit adds
        "radio.receive": Field("power", required=False),
        "radio.send_bit": Field("energy per bit", required=False),
        "radio.receive_bit": Field("energy per bit", required=False),
        "radio.frame": Field("energy", required=False),  # of each reading, beside its airtime
    },
    "runtimes": RUNTIMES,
    "images": {
        "platforms": Field("platforms"),
        "compressed": Field("size"),
        "unpacked": Field("size"),
        "layers": Field("count", positive=True),
        "format": Field("text"),
    },
    "protocols": {
        "retransmit.least": Field("duration", required=False),
        "retransmit.most": Field("duration", required=False),
        "retransmit.tries": Field("count", required=False),
        "window": Field("size", required=False, positive=True),  # the largest that a receiver offers
        "segment": Field("size", required=False, positive=True),  # payload of each
        "overhead": Field("size", required=False),
        "acknowledgement": Field("size", required=False),  # a packet that carries no message
        "certificate.cluster.age": Field("duration", required=False),  # of what servers show, when a run begins
        "certificate.cluster.lifetime": Field("duration", required=False, positive=True),
        "certificate.registry.age": Field("duration", required=False),
        "certificate.registry.lifetime": Field("duration", required=False, positive=True),
        "datagram": Field("flag", required=False),  # lost packets are repeated by itself, if at all, and not by TCP
    },
    # The host's operating system (what its `update` means: `simulator.faults.host_update`); fleet managers join it here
    # with the edge.
    "systems": {
        "platforms": Field("platforms"),
        "role": Field("text", words=("host", "fleet-manager")),
        "minimum.ram": Field("size"),
        "minimum.disk": Field("size", required=False),
        "footprint.ram": Field("size", required=False),
        "footprint.disk": Field("size", required=False),
        "boot": Field("duration"),
        "virtualisation": Field("flag", required=False),  # whether it needs a machine that can run VMs
        "engine": Field("text", required=False),  # a runtime
        "orchestrator": Field("text", required=False),
        "controller": Field("text", required=False),
        "runs": Field("list", words=("container", "vm", "unikernel", "kubernetes")),
        "devices": Field("count", required=False),  # kinds of hardware that it has builds for
        "poll": Field("duration", required=False),  # for its desired state
        "offline.reboots_after": Field("duration", required=False),
        "update.model": Field("text", words=("two-images", "revisions", "orchestrator")),
        "update.commits_after": Field("duration", required=False),  # of good health
        "update.gives_up_after": Field("duration", required=False),  # without contact while it tests
        "update.rolls_back": Field("flag", required=False),
        "update.needs_controller": Field("flag", required=False),  # in the test, else it rolls back
        "update.tries_again": Field("flag", required=False),  # after a power cut in the test, else it rolls back
        "update.at_once": Field("count", required=False, positive=True),  # machines; default: any number
        "update.delta": Field("share", required=False),  # of the whole download
        "update.resumes": Field("flag", required=False),  # a download that broke off, else it begins again
        "update.retry": Field("duration", required=False),  # of a download that broke off
        "update.reboot_delay": Field("duration", required=False),  # from the decision to reboot until it does
        "survives_power_cut": Field("flag", required=False),  # at any moment, an update's included
    },
    "orchestrators": {},
    "batteries": {
        "efficiency": Field("share", positive=True),  # of a round trip
        "charging": Field("frequency", positive=True),  # most, of its capacity
        "discharging": Field("frequency", positive=True),
        "restart": Field("share", positive=True),  # charge at which a machine gets its power back
    },
    "panels": {"losses": Field("share")},  # of what it is rated at
}


def check_shape(kind: str, tree: Tree) -> list[Problem]:
    """Every field of the tree that a model of this kind does not have, or that has another dimension."""
    fields = SHAPES[kind]
    if not fields:
        return []
    problems: list[Problem] = []
    for path, facts in tree.facts.items():
        if (field := _field(path, fields)) is None:
            problems.append(facts[0].problem(f"{kind} have no fact {path}", path, near(path, fields)))
            continue
        for fact in facts:
            if (problem := _check(fact, path, field)) is not None:
                problems.append(problem)
    for path, plain in tree.plain.items():
        hint = near(path, fields) if path not in fields else "write {value, kind, source}"
        problems.append(Problem(f"{path} is no fact", plain.file, plain.line, path, hint))
    for path in tree.lists:
        file, line = tree.line(path)
        problems.append(Problem(f"{kind} have no mechanisms, as in {path}", file, line, path))
    return problems


def missing(kind: str, tree: Tree) -> list[str]:
    """The required fields that the tree does not have; of a runtime, those that its role and its way to
    start require, too."""
    wanted = [path for path, field in SHAPES[kind].items() if field.required]
    if kind == "runtimes" and (role := tree.facts.get("role")):
        wanted += required(str(role[0].value))
    if kind == "runtimes" and (starts := tree.facts.get("starts")):
        wanted += STARTS.get(str(starts[0].value), ())
    return [path for path in wanted if path not in tree.facts]


def _field(path: str, fields: Mapping[str, Field]) -> Field | None:
    """The field at `path`; a star in a field's path stands for one name, which may have to be a quantity."""
    if path in fields:
        return fields[path]
    parts = path.split(".")
    for at, name in enumerate(parts):
        field = fields.get(".".join([*parts[:at], "*", *parts[at + 1 :]]))
        if field is not None and (not field.star or _is(name, field.star)):
            return field
    return None


def _is(text: str, dimension: str) -> bool:
    try:
        parse(text, dimension)
    except UnitError:
        return False
    return True


def _check(fact: Fact, path: str, field: Field) -> Problem | None:
    wanted = {"share": "ratio", "platforms": "list"}.get(field.dimension, field.dimension)
    if fact.dimension != wanted:
        return fact.problem(f"{path} is a {wanted}, not a {fact.dimension}", path, _unit_hint(wanted))
    if isinstance(fact.value, DistSpec) and not field.dist:
        return fact.problem(f"{path} is one value, not a distribution", path, "write value")
    if field.dimension == "share" and fact.base > 1:
        return fact.problem(f"{path} is a share: {fact.value} is above 1", path, "a percentage has the unit %")
    if field.positive and fact.base == 0:
        return fact.problem(f"{path} is zero", path, "it is above zero, or is not stated")
    if field.words:
        for word in [fact.value] if isinstance(fact.value, str) else fact.value:
            if word not in field.words:
                return fact.problem(f"{path} is {word}", path, near(word, field.words) or _one_of(field.words))
    if field.dimension == "platforms":
        if not fact.value:
            return fact.problem(f"{path} names no platform", path, "as in linux/arm64")
        for name in fact.value:
            try:
                platform(name)
            except UnitError as error:
                return fact.problem(error.message, path, error.hint)
    return None


def _one_of(words: tuple[str, ...]) -> str:
    return f"write one of {', '.join(words)}"


def _unit_hint(dimension: str) -> str:
    plain = {"flag": "write true or false", "text": "write a word, without a unit", "list": "write a list of words"}
    if dimension in plain:
        return plain[dimension]
    examples = {"duration": "ms", "size": "MB", "cpu": "cores", "byterate": "MB/s", "bitrate": "Mbps", "power": "W"}
    return f"its unit is one of {dimension}, as {examples[dimension]}" if dimension in examples else ""
