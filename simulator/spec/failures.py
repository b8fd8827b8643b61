"""What goes wrong with nodes: their power, their speed, their disks.

Clocks that are wrong are left out, for nothing that is modelled reads another machine's: whoever waits for a lease, a
session or a leader times it by its own clock, from when it heard (Kubernetes' node lifecycle controller and leader
election, KubeEdge's keep-alive, Open Horizon's exchange), and ages of readings are true ages.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Number, Positive, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.fault import Fault, Lasting
from simulator.spec.quantity import ByteRate, Ratio, Size


class Machines(Fault):
    """Nodes by name, or all that stand in the zones of these names."""

    node: Glob | None = None
    zone: Glob | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.node is None) == (self.zone is None):
            said = "it names neither nodes nor zones" if self.node is None else "it names both nodes and zones"
            raise wrong(said, 'as in node: "edge-*", or zone: "site-*"', "" if self.node is None else "zone")
        return self


class PowerCut(Machines):
    """Nodes, or everything in whole zones (routers and devices too), lose power at one instant; without a duration, for
    good.

    Cuts may overlap, with each other and with crashes: a node boots when all causes have ended, and begins again if its
    power goes while it does.
    """

    kind: Literal["power-cut"] = "power-cut"
    duration: Lasting | None = None


class Failures(Machines):
    """Nodes, or whole zones, fail at random and are repaired, again and again.

    Each works for a time from `up`, counted from the return of its power; then a repair takes a time from `down`, of
    which `repairers` do one each at a time, first come, first served (without: one for each).
    """

    recurs: ClassVar[bool] = True
    kind: Literal["failures"] = "failures"
    up: RandomDuration
    down: RandomDuration
    repairers: Positive | None = None


class Slow(Fault):
    """Nodes run at `factor` of their speed (heat, a noisy neighbour, a weak supply); without a duration, for good.

    It holds for the work of requests that reach their pod, and for starts and layers to unpack that begin, from then
    on; what has begun goes on as it was. Several on one node multiply.
    """

    kind: Literal["slow"] = "slow"
    node: Glob
    factor: Annotated[Number, Field(gt=0)]
    duration: Lasting | None = None


class DiskFill(Fault):
    """Something fills the disks of nodes, by a size or a share of what images may have of it, as far as there is room;
    without a duration, for good. It is not the node agent's to delete."""

    kind: Literal["disk-fill"] = "disk-fill"
    node: Glob
    size: Annotated[Size, Field(gt=0)] | None = None
    share: Annotated[Ratio, Field(gt=0)] | None = None
    duration: Lasting | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.size is None) == (self.share is None):
            said = "it says neither size nor share" if self.size is None else "it says both size and share"
            raise wrong(said, "as in size: 5GB, or share: 90%", "" if self.size is None else "share")
        return self


class Wear(Fault):
    """The disks of nodes wear out: when the bytes written to one reach its `endurance` (without: its model's).

    Counted from `at` on, beside the share that is `worn` already: images as they arrive and are unpacked, and `writes`,
    which stand for logs, databases and everything else. A worn disk is `read-only`, so that no image and no container
    can be written any more, or `dead`: the node goes down for good.
    """

    recurs: ClassVar[bool] = True
    kind: Literal["wear"] = "wear"
    node: Glob
    endurance: Annotated[Size, Field(gt=0)] | None = None
    worn: Ratio = Ratio(0)
    writes: ByteRate = ByteRate("0B/s")
    then: Literal["read-only", "dead"] = "read-only"
