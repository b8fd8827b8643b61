"""Which cells serve which nodes by radio, where, and what a change of the cell costs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Glob, Item, ModelName, Name, Number, Text, empty, wrong
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import BitRate, Duration, Length, Ratio
from simulator.spec.topology import LinkSpec

Radius = Annotated[Length, Field(gt=0)]
Rate = Annotated[BitRate, Field(gt=0)]
_OVER = ("latency", "rate", "up", "down", "jitter", "loss")


class Coverage(Item):
    """What all have. A node has one link to each cell that ever covers it, named `name.node.cell`; the one to the cell
    that serves it is whole, the others are cut, and all are while it joins a cell or none covers it.

    `model` names the facts of these links, and `latency` to `loss` stand over them, as with a link; `up` is the rate
    from the node to the cell. To join a cell, after another or after none, takes `handover`: the model's fact
    handover.time, if it is not given. Two coverages of one node are two radios, each with a cell of its own.
    """

    name: Name
    node: Glob
    cell: Glob
    model: ModelName
    latency: Duration | None = None
    rate: Rate | None = None
    up: Rate | None = None
    down: Rate | None = None
    jitter: Duration | None = None
    loss: Annotated[Ratio, Field(lt=1)] | None = None
    handover: RandomDuration | None = None

    @model_validator(mode="after")
    def _one_rate(self) -> Self:
        if self.rate is not None and (self.up is not None or self.down is not None):
            raise wrong("rate stands for up and down together", "give either rate, or up and down", "rate")
        return self

    def link(self, node: str, cell: str) -> LinkSpec:
        """The link between a node and a cell."""
        over: dict[str, Any] = {key: value for key in _OVER if (value := getattr(self, key)) is not None}
        return LinkSpec(name=f"{self.name}.{node}.{cell}", between=(node, cell), model=self.model, **over)


class DistanceCoverage(Coverage):
    """A cell covers a circle of `radius` around it; `radii` are those of cells with another one, by their names: of
    several globs the first that matches counts.

    Of the cells that cover a node the nearest serves it. It stays with its cell until that does not cover it any more,
    or is farther than another by the `margin`: 20% means a fifth farther. Without one, the model's fact handover.margin
    counts.
    """

    kind: Literal["distance"] = "distance"
    radius: Radius
    radii: dict[Glob, Radius] = empty()
    margin: Annotated[Ratio, Field(gt=0)] | None = None


class GridCoverage(Coverage):
    """A map says which cell serves where: a CSV `file` of squares, with the latitude and longitude of their south-west
    corners, and a column cell. A `square` is so many degrees long and wide; where there is none, nothing covers.
    """

    kind: Literal["grid"] = "grid"
    file: Text
    square: Annotated[Number, Field(gt=0, le=10)]


CoverageItem = Annotated[DistanceCoverage | GridCoverage, Field(discriminator="kind")]
