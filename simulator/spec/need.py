"""What a pod needs of a node's accelerators."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from simulator.spec.base import Positive, Resource, Spec, Text, wrong
from simulator.spec.quantity import Size


class AcceleratorNeed(Spec):
    """`count` whole accelerators, or a share of one: `milli` thousandths of it, `memory` of its own.

    `product` are the models that will do: the node's label `<resource>.product` has to be one of them.
    """

    resource: Resource
    count: Positive | None = None
    milli: Annotated[int, Field(strict=True, ge=1, le=1000)] | None = None
    memory: Annotated[Size, Field(gt=0)] | None = None
    product: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _whole_or_share(self) -> Self:
        if self.count is not None and (self.milli is not None or self.memory is not None):
            raise wrong("an accelerator is taken whole or shared", "give count, or milli and memory", "count")
        return self
