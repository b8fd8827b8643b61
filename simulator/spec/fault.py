"""What all faults have."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from simulator.spec.base import Item, Name
from simulator.spec.quantity import Duration

Lasting = Annotated[Duration, Field(gt=0)]


class Fault(Item):
    """What all have: when it begins (in Python: now, if not given), and a name for the path grammar.

    One that `recurs` goes on by itself, and begins with the run where a scenario does not say when.
    """

    recurs: ClassVar[bool] = False

    name: Name | None = None
    at: Duration | None = None
