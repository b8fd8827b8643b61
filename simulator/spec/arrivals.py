"""When requests are issued."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from simulator.spec.base import Positive, Spec, Text, not_offered, wrong
from simulator.spec.behaviour import Wait
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import Frequency

Rate = Annotated[Frequency, Field(gt=0)]


def _rate_or_profile(value: Any) -> Any:
    if isinstance(value, dict) and "profile" in value:
        raise not_offered("arrival profiles are", "profile")
    if isinstance(value, dict):
        raise wrong("a rate alone needs no braces", "write poisson: 10/s")
    return value


class Arrivals(Spec):
    """When requests are issued, at each source. Open: `poisson` at a rate, `every` so often, or a `trace` of times
    (`file.csv#column`, seconds). Closed: `users`, each of whom thinks, asks, and waits for the answer.
    """

    poisson: Annotated[Rate, BeforeValidator(_rate_or_profile)] | None = None
    every: Wait | None = None
    trace: Text | None = None
    users: Positive | None = None
    think: RandomDuration | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = [k for k in ("poisson", "every", "trace", "users") if getattr(self, k) is not None]
        if len(given) != 1:
            said = f"arrivals have one form, not {' and '.join(given)}" if given else "arrivals have no form"
            raise wrong(said, "poisson: 10/s, every: 100ms, trace: file.csv#column, or users and think", *given[1:2])
        if (self.users is None) != (self.think is None):
            raise wrong("users think: the one needs the other", "as in {users: 10, think: {exponential: 1s}}", *given)
        return self
