"""Random time spans: kept as the plain data that was written, checked when loaded.

`simulator.physics.distributions.from_spec(written, "duration", folder)` makes the object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from simulator.facts.dist import FORMS, parse_dist
from simulator.spec.quantity import Duration
from simulator.units import UnitError

_SCHEMA = {
    "description": "a duration, or a distribution of durations",
    "examples": ["5ms", {"exponential": "5ms"}, {"lognormal": {"median": "5ms", "p99": "20ms"}}],
    "type": ["string", "number", "object"],
}
_NUMBERS = frozenset({"sigma", "shape"})  # parameters without a unit


def _checked(written: Any) -> Any:
    try:
        parse_dist(written, "duration", lambda value: float(Duration(value)))
    except UnitError as error:
        raise _wrong(written, error.message, error.hint) from None
    except (ValueError, TypeError, ArithmeticError):  # parameters beyond float64
        raise _wrong(written, "no distribution") from None
    return written


def _wrong(written: Any, said: str, hint: str = "") -> PydanticCustomError:
    """The error, at the parameter that is wrong if it is one alone."""
    at: tuple[str, ...] = ()
    if isinstance(written, Mapping) and len(written) == 1:
        ((name, body),) = written.items()
        at = (name, *_culprit(name, body)) if name in FORMS else (name,)
    return PydanticCustomError("quantity", "{said}", {"said": said, "hint": hint, "at": at})


def _culprit(name: str, body: Any) -> tuple[str, ...]:
    allowed = {parameter for form in FORMS[name] for parameter in form}
    for key, value in body.items() if isinstance(body, Mapping) else ():
        if key not in allowed and not re.fullmatch(r"p\d+(\.\d+)?", key):
            return (key,)
        try:
            _ = Duration(value) if key not in _NUMBERS else float(value)
        except (ValueError, TypeError):
            return (key,)
    return ()


RandomDuration = Annotated[Any, AfterValidator(_checked), WithJsonSchema(_SCHEMA)]


def files(written: Any, folder: Path) -> list[Path]:
    """The data files that a written distribution names."""
    file = parse_dist(written, "duration").file if isinstance(written, Mapping) else ""
    return [folder / file] if file else []
