"""What goes wrong with links beside a plain cut: again and again, between two sides, around whole zones."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Spec, Text, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.fault import Fault, Lasting
from simulator.spec.quantity import Duration, Ratio

Mode = Literal["silent", "refused", "lossy", "one-way"]


class Impairment(Fault):
    """How links fail. `loss` is the share of packets that a lossy link loses; a one-way cut cuts the direction `up`
    (from the link's first end to its second) or `down`."""

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


class Window(Spec):
    """One outage of a list, counted from the fault's `at`."""

    at: Duration
    duration: Lasting


class Outages(Impairment):
    """Links fail and come back, again and again.

    What fails as one: each `link` by itself, all links of each `node`, or all that lead out of each `zone`. It works
    for a time from `up`, then is down for a time from `down`: exponential times and a lossy mode make Gilbert and
    Elliott's channel, other distributions a semi-Markov chain, constants a link that flaps. It begins up. Instead,
    `windows` lists the outages, or `trace` names a CSV file with columns start_s and end_s or duration_s, in seconds;
    those hit all that fails alike. With none of them, a link fails as its model's facts outage.up and outage.down say.
    """

    recurs: ClassVar[bool] = True
    kind: Literal["outages"] = "outages"
    link: Glob | None = None
    node: Glob | None = None
    zone: Glob | None = None
    up: RandomDuration | None = None
    down: RandomDuration | None = None
    trace: Text | None = None
    windows: Annotated[tuple[Window, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        what = [key for key in ("link", "node", "zone") if getattr(self, key) is not None]
        if len(what) != 1:
            said = f"it names {' and '.join(what)}" if what else "it names no link, node or zone"
            raise wrong(said, 'name one of them, as in link: "lte-*"', what[-1] if what else "")
        if (self.up is None) != (self.down is None):
            missing = "up" if self.up is None else "down"
            raise wrong(f"outages need {missing}, too", "as in up: {exponential: 1h}, down: {exponential: 1min}")
        when = [key for key in ("up", "trace", "windows") if getattr(self, key) is not None]
        if len(when) > 1:
            raise wrong(f"outages have {' and '.join(when)}", "give up and down, or trace, or windows", when[-1])
        if not when and self.link is None:
            raise wrong("only links have models that know outages", "give up and down, or trace, or windows")
        if self.direction is not None and self.link is None:
            raise wrong(f"the links of a {what[0]} have no common direction", "name links", "direction")
        if self.mode == "one-way" and self.link is None:
            raise wrong(f"the links of a {what[0]} have no common direction", "name links, or another mode", "mode")
        ends = 0
        for number, window in enumerate(self.windows or ()):
            if window.at < ends:
                said = "it begins before the one in front of it has ended"
                raise wrong(said, "sort the windows, and join those that overlap", ("windows", str(number)))
            ends = window.at + window.duration
        return self


Side = Glob | Annotated[tuple[Glob, ...], Field(min_length=1)]


class Partition(Impairment):
    """The network falls into two sides: every link from a node of the one to a node of the other is cut; without a
    duration, for good. Each side is a glob of nodes or a list of them; whoever is on neither keeps all links."""

    kind: Literal["partition"] = "partition"
    between: Annotated[tuple[Side, ...], Field(min_length=2, max_length=2)]
    duration: Lasting | None = None

    @model_validator(mode="after")
    def _both_ways(self) -> Self:
        if self.mode == "one-way":
            raise wrong("a partition cuts both directions", "cut links by name for one of them", "mode")
        return self

    @property
    def sides(self) -> tuple[tuple[str, ...], ...]:
        """Both, as lists of globs."""
        return tuple((side,) if isinstance(side, str) else side for side in self.between)


class ZoneOutage(Impairment):
    """A zone, or a region of all the zones that match, goes down at one instant; without a duration, for good.

    Of its `network` all links to the rest of the world are cut, those inside are not; of its `power` every node in it
    goes down.
    """

    kind: Literal["zone-outage"] = "zone-outage"
    zone: Glob
    what: Literal["network", "power"] = "network"
    duration: Lasting | None = None

    @model_validator(mode="after")
    def _of_links(self) -> Self:
        if self.what == "power" and "mode" in self.model_fields_set:
            raise wrong("an outage of power has no mode", "modes belong to what: network", "mode")
        if self.mode == "one-way":
            raise wrong("the links of a zone have no common direction", "cut links by name for one of them", "mode")
        return self
