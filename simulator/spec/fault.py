"""What all faults have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simulator.spec.base import Item, Name
from simulator.spec.quantity import Duration

Lasting = Annotated[Duration, Field(gt=0)]


class Fault(Item):
    """What all have: when it begins (in Python: now, if not given), and a name for the path grammar."""

    name: Name | None = None
    at: Duration | None = None
