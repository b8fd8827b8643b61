"""Distribution fields: kept as the plain data that was written, checked when loaded, made into objects on demand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from simulator.facts.dist import DistSpec, parse_dist
from simulator.spec.quantity import Quantity
from simulator.units import UnitError

Written = str | int | float | dict[str, Any]

_SCHEMA = {
    "description": "a quantity, or a distribution",
    "examples": ["5ms", {"exponential": "5ms"}, {"lognormal": {"median": "5ms", "p99": "20ms"}}],
    "type": ["string", "number", "object"],
}


def _checker(dimension: str) -> AfterValidator:
    def check(written: Any) -> Any:
        try:
            parse_dist(written, dimension, lambda value: _quantity(value, dimension))
        except UnitError as error:
            context = {"said": error.message, "hint": error.hint}
            raise PydanticCustomError("quantity", "{said}", context) from None
        except (ValueError, TypeError, ArithmeticError):  # a number beyond float64
            raise PydanticCustomError("quantity", "{said}", {"said": "no distribution", "hint": ""}) from None
        return written

    return AfterValidator(check)


def _quantity(value: Any, dimension: str) -> float:
    classes = {c.dimension: c for c in Quantity.__subclasses__()}
    return float(classes[dimension](value))


# A random time span. `simulator.physics.distributions.from_spec(value, "duration", folder)` makes the object.
RandomDuration = Annotated[Any, _checker("duration"), WithJsonSchema(_SCHEMA)]


def parsed(written: Written, dimension: str = "duration") -> DistSpec:
    """The written form in base units. Raises UnitError."""
    return parse_dist(written, dimension)


def files(written: Any, folder: Path) -> list[Path]:
    """The data files that a written distribution names."""
    if not isinstance(written, Mapping):
        return []
    file = parse_dist(written, "duration").file
    return [folder / file] if file else []
