"""What all mechanisms are made of: frozen groups of parameters, numbers in base units.

Times are ns, sizes bytes, cpu millicores, rates per second. A class takes facts, quantities as text, or base units;
none of its numbers has a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from simulator.facts.dist import DistSpec
from simulator.facts.fact import Fact
from simulator.units import UnitError, parse


def _wrong(message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("fact", "{said}", {"said": message, "hint": hint})


def _quantity(dimension: str) -> BeforeValidator:
    def read(given: Any) -> Any:
        if isinstance(given, str):
            try:
                return parse(given, dimension)
            except UnitError as error:
                raise _wrong(error.message, error.hint) from None
        if not isinstance(given, Fact):
            return given
        if given.dimension != dimension:
            raise _wrong(f"this is a {dimension}, not a {given.dimension}")
        if isinstance(given.value, DistSpec):
            raise _wrong("this is one value, not a distribution", "write value")
        return given.base

    return BeforeValidator(read)


def _span(given: Any) -> Any:
    if not isinstance(given, Fact):
        return given
    spec = given.value
    if given.dimension != "duration" or not isinstance(spec, DistSpec) or spec.kind != "uniform":
        raise _wrong("this is a range of durations", "write dist: {uniform: {low: …, high: …}}")
    return round(spec.parameters["low"]), round(spec.parameters["high"])


def _words(given: Any) -> Any:
    value = given.value if isinstance(given, Fact) else given
    return tuple(value) if isinstance(value, list) else value


Ns = Annotated[int, _quantity("duration"), Field(strict=True, ge=0)]
Period = Annotated[int, _quantity("duration"), Field(strict=True, gt=0)]
Span = Annotated[tuple[int, int], BeforeValidator(_span)]
Bytes = Annotated[int, _quantity("size"), Field(strict=True, ge=0)]
Millicores = Annotated[int, _quantity("cpu"), Field(strict=True, ge=0)]
Count = Annotated[int, _quantity("count"), Field(strict=True, ge=0)]
Some = Annotated[int, _quantity("count"), Field(strict=True, ge=1)]
Rate = Annotated[float, _quantity("frequency"), Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, _quantity("ratio"), Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, _quantity("ratio"), Field(ge=0, le=1)]
RateOrNone = Annotated[float, _quantity("frequency"), Field(ge=0)]
Factor = Annotated[float, _quantity("ratio"), Field(ge=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]

_ORDERED: Final = (("first", "cap"), ("retry_first", "retry_cap"), ("least", "most"), ("renew_deadline", "lease"))


class Part(BaseModel):
    """A frozen group of parameters; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in _ORDERED:
            if hasattr(self, low) and hasattr(self, high) and getattr(self, low) > getattr(self, high):
                raise _wrong(f"{high} lies below {low}", "swap them")
        return self


class Backoff(Part):
    """A wait that grows by `factor` from `first` to `cap`, and starts again after `reset` without a failure."""

    first: Period
    factor: Factor
    cap: Period
    reset: Period | None = None


class Doubling(Part):
    """A wait that doubles from `first` to `cap`."""

    first: Period
    cap: Period


def kind_of(mechanism: type[Part]) -> str:
    """The `kind` by which a page names this mechanism."""
    return str(get_args(mechanism.model_fields["kind"].annotation)[0])
