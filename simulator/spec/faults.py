"""What goes wrong, when, and for how long. From Python the same classes are injected into a running simulation."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Flag, Glob, Name, Text, wrong
from simulator.spec.failures import ClockLoss, ClockSkew, DiskFill, Failures, PowerCut, Slow, Wear
from simulator.spec.fault import Fault, Lasting
from simulator.spec.outages import Impairment, Outages, Partition, ZoneOutage
from simulator.spec.quantity import Duration, Size


class Cut(Impairment):
    """Links stop working, in one of four ways; without a duration, for good."""

    kind: Literal["cut"] = "cut"
    link: Glob
    duration: Lasting | None = None


LinkFault = Cut | Outages | Partition | ZoneOutage


class Crash(Fault):
    """Nodes go down, each by itself; they boot again after `reboot_after`, or never. One that is down cannot crash."""

    kind: Literal["crash"] = "crash"
    node: Glob
    reboot_after: Duration | None = None


NodeFault = Crash | PowerCut | Failures | Slow | DiskFill | Wear | ClockSkew | ClockLoss

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


FaultItem = Annotated[LinkFault | NodeFault | Stop | Update | HostUpdate, Field(discriminator="kind")]
