"""What goes wrong, when, and for how long. From Python the same classes are injected into a running simulation."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from simulator.spec.base import Flag, Glob, Item, Name, Text, not_offered, wrong
from simulator.spec.quantity import Duration, Ratio, Size

Lasting = Annotated[Duration, Field(gt=0)]
Mode = Literal["silent", "refused", "lossy", "one-way"]


class Fault(Item):
    """What all have: when it begins (in Python: now, if not given), and a name for the path grammar."""

    name: Name | None = None
    at: Duration | None = None


class Cut(Fault):
    """Links stop working, in one of four ways; without a duration, for good.

    `loss` is the share of packets that a lossy link loses; a one-way cut cuts the direction `up` (from the link's
    first end to its second) or `down`.
    """

    kind: Literal["cut"] = "cut"
    link: Glob
    duration: Lasting | None = None
    mode: Mode = "silent"
    loss: Annotated[Ratio, Field(gt=0)] | None = None
    direction: Literal["up", "down"] | None = None

    @model_validator(mode="after")
    def _of_its_mode(self) -> Self:
        if (self.mode == "lossy") != (self.loss is not None):
            said = "a lossy cut needs loss" if self.loss is None else f"a {self.mode} cut has no loss"
            raise wrong(said, "as in mode: lossy, loss: 20%", "mode" if self.loss is None else "loss")
        if self.direction is not None and self.mode != "one-way":
            raise wrong(f"a {self.mode} cut has no direction", "directions belong to mode: one-way", "direction")
        return self


class Crash(Fault):
    """Nodes lose power; they boot again after `reboot_after`, or never."""

    kind: Literal["crash"] = "crash"
    node: Glob
    reboot_after: Duration | None = None


# Of all orchestrators together; whether the cluster's own has it is checked when it is known.
Component = Literal["api-server", "scheduler", "controller-manager", "hub", "cloudcore", "exchange", "agbot"]


class Stop(Fault):
    """A component of the control plane stops; without a duration, for good. `leader`: only the copy that leads."""

    kind: Literal["stop"] = "stop"
    component: Component
    duration: Lasting | None = None
    cluster: Text | None = None
    leader: Flag | None = None

    @model_validator(mode="after")
    def _one_cluster(self) -> Self:
        if self.leader and self.component != "controller-manager":
            raise wrong(
                f"the {self.component} has no leader here",
                "leader: true stops that of the controller-manager",
                "leader",
            )
        return self


class Update(Fault):
    """Somebody gives a workload another image: a disturbance like others, for its pods are rolled to the new one.

    `workload` is a Deployment, a DaemonSet, or a workload of kind service (all of its sites); `image` replaces that of
    the first container. While the API server does not answer, whoever applies it tries again.
    """

    kind: Literal["update"] = "update"
    workload: Name
    image: Text


class HostUpdate(Fault):
    """Somebody gives the operating systems of nodes another image, each by the rules of its `system`: the machine
    reboots once, and a second time where it goes back.

    `compressed` and `unpacked` are what travels and what is written. A bad image boots, and then nothing on it starts.
    """

    kind: Literal["host-update"] = "host-update"
    node: Glob
    compressed: Annotated[Size, Field(gt=0)]
    unpacked: Annotated[Size, Field(gt=0)]
    health: Literal["good", "bad"] = "good"


def _offered(item: Any) -> Any:
    if isinstance(item, dict) and item.get("kind") == "outages":
        raise not_offered("faults of kind outages are", "kind")
    return item


FaultItem = Annotated[
    Annotated[Cut | Crash | Stop | Update | HostUpdate, Field(discriminator="kind")], BeforeValidator(_offered)
]
