"""Which parameters of a policy are files, and where these are."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError

# In an annotation: a file, or several; or maybe a text that names none.
_PATH = re.compile(r"^(?!.*\b(dict|Dict|Mapping|Callable)\b).*\bPath\b")
_MANY = re.compile(r"\b(list|List|tuple|Tuple|Sequence)\b")
_TEXT = re.compile(r"\bstr\b")


def file_parameters(target: Any) -> dict[str, inspect.Parameter]:
    """The parameters of a policy that are files: annotated as a Path, alone, in a union or in a list."""
    try:
        parameters = inspect.signature(target).parameters.items()
    except (TypeError, ValueError):  # it is no policy, as will be said
        return {}
    return {name: parameter for name, parameter in parameters if _PATH.search(_written(parameter.annotation))}


def located(target: Any, params: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """The parameters, and each that is a file at its place. Raises UserError for a file that is not there."""
    found = dict(params)
    for name, parameter in file_parameters(target).items():
        given, annotation = found.get(name), _written(parameter.annotation)
        if given is None:
            continue
        many = isinstance(given, list | tuple) and _MANY.search(annotation) is not None
        places = []
        for each in given if many else (given,):
            if not isinstance(each, str | Path):
                raise UserError(Problem(f"{name} is the name of a file, not {each!r}", path=f"params.{name}"))
            place = base / Path(each).expanduser()
            if not place.is_file() and not _TEXT.search(annotation):
                hint = "files are relative to the experiment's"
                raise UserError(Problem(f"there is no file {place}", path=f"params.{name}", hint=hint))
            places.append(place if place.is_file() else each)
        found[name] = places if many else places[0]
    return found


def _written(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else f"{getattr(annotation, '__name__', '')} {annotation}"
