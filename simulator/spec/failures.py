"""What goes wrong with nodes: their power, their speed, their disks, their clocks.

A wrong clock matters where one machine's time meets another's: in certificates, which begin and end, and in the stamps
of readings. It does not where somebody waits: for a lease, a session or a leader, timed by one's own clock from when it
was heard (Kubernetes' node lifecycle controller and leader election, KubeEdge's keep-alive, Open Horizon's exchange),
or for a message to grow too old in a spool. CronJobs, which would follow the clock of the control plane, are not run.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Number, Positive, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.fault import Fault, Lasting
from simulator.spec.quantity import ByteRate, Duration, Ratio, Size


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


class ClockSkew(Fault):
    """The clocks of nodes are set wrong, `ahead` or `behind`, until NTP puts them right after `duration`; without it,
    for good. Each gains `drift` parts per million from then on (negative: loses).

    A node that takes a certificate for not begun, or for ended, opens no connection to its control plane and its
    registry; one that stands goes on until it ends. What is left out: certificates of clients, which servers hold
    against their own clocks, TLS between servers of one control plane, and downloads of host images. The latest setting
    of a clock holds.
    """

    kind: Literal["clock-skew"] = "clock-skew"
    node: Glob
    ahead: Duration | None = None
    behind: Duration | None = None
    drift: Annotated[Number, Field(gt=-1e6, lt=1e6)] = 0
    duration: Lasting | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.ahead is not None and self.behind is not None:
            raise wrong("it says both ahead and behind", "as in behind: 2d, or ahead: 1h", "behind")
        if not (self.ahead or self.behind or self.drift):
            raise wrong("it leaves the clock right", "as in behind: 2d, or ahead: 1h, or drift: 50")
        return self


class ClockLoss(Fault):
    """Nodes that have no clock which runs without power (`rtc: false` in their model) come back from each boot after
    `at` with the time that was saved last: one that is up does so each `saved` (without: as their model says), so that
    when the run begins the last time is up to that long ago. NTP puts the clock right as soon as the way to the
    registry's machine, which stands for the internet, is whole."""

    recurs: ClassVar[bool] = True
    kind: Literal["clock-loss"] = "clock-loss"
    node: Glob
    saved: Lasting | None = None


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
