"""How many instances of a function there are: what a policy for the point `scaling` of a function is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class VariantView:
    """A function as it is built for one runtime, by what the runtime's pages state. Times on the reference core."""

    runtime: str
    isolation: str  # process, user-kernel, vm, language, enclave
    cold_start_s: float  # mean of the runtime's part of a start and the function's own; the orchestrator's is not in it
    slowdown: float  # of work
    ram_bytes: int  # that an instance takes beyond its own


@dataclass(frozen=True, slots=True)
class FunctionView:
    """What is known of a function before its first request. Sizes and CPU are what one instance asks for."""

    name: str
    concurrency: int  # requests in one instance at once
    cpu_m: int
    ram_bytes: int
    rate_per_s: float = 0.0  # requests, in the mean, as they are described: what a platform has learnt of its past
    work_s: float = 0.0  # of a request, in the mean, on the reference core
    variants: tuple[VariantView, ...] = ()  # the runtimes that it is built for; empty: it has but one


@dataclass(frozen=True, slots=True)
class Keep:
    """Instances are started for requests; a used one goes after `idle_s` seconds without any.

    `prewarmed` more that nobody has used are kept besides. With `paused` an instance without a request is frozen, and
    the next one waits until it runs again. `most` instances exist at once (None: any number); a
    request that then finds no room is refused, or waits in a queue.
    """

    idle_s: float
    prewarmed: int = 0
    most: int | None = None
    full: Literal["refuse", "queue"] = "refuse"
    paused: bool = False
    variant: int = 0  # the row of the variant that instances are of


class Scaling:
    """Decides once for each function, before its first request. The constructor only stores its parameters."""

    def keep(self, function: FunctionView) -> Keep:
        """How many instances of this function are kept, and for how long."""
        raise NotImplementedError


ScalingFunction = Callable[[FunctionView], Keep]
