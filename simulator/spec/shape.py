"""The shape of what can be written: which keys a place accepts. Read by near-name hints and by the path grammar."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

Shapes = tuple[Any, ...]


@cache
def alternatives(annotation: Any) -> Shapes:
    """The types that a value of this annotation may have, without Annotated, unions and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(shape for option in get_args(annotation) for shape in alternatives(option))
    return () if annotation is NoneType else (annotation,)


def is_model(shape: Any) -> bool:
    """Whether the shape is a record with named fields."""
    return isinstance(shape, type) and issubclass(shape, BaseModel)


def field_names(model: type[BaseModel]) -> list[str]:
    """The keys of a record, as they are written."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _field(model: type[BaseModel], key: str) -> Any:
    for name, field in model.model_fields.items():
        if key in (name, field.alias):
            return field.annotation
    return None


def kind_of(shape: Any) -> str | None:
    """The `kind` of an item's class; None for every other shape."""
    field = shape.model_fields.get("kind") if is_model(shape) else None
    options = get_args(field.annotation) if field else ()
    return options[0] if options else None


def narrow(shapes: Iterable[Any], value: Any) -> Shapes:
    """The shapes that this value can have: of several records only the one of its `kind`, if one is."""
    shapes = tuple(shapes)
    kind = value.get("kind") if isinstance(value, Mapping) else None
    same = tuple(s for s in shapes if kind is not None and kind_of(s) == kind)
    return same or shapes


def step(shapes: Iterable[Any], segment: str | int) -> Shapes:
    """The shapes one segment (a key, or an index) further down; nothing where no shape has it."""
    found: list[Any] = []
    for shape in shapes:
        origin, arguments = get_origin(shape), get_args(shape)
        if is_model(shape):
            found += alternatives(_field(shape, str(segment)))
            if segment == kind_of(shape):  # the tag that pydantic puts into locations
                found.append(shape)
        elif origin is dict and isinstance(segment, str):
            found += alternatives(arguments[1])
        elif origin in (tuple, list) and isinstance(segment, int):
            found += alternatives(arguments[0])
    return tuple(found)


def keys(shapes: Iterable[Any]) -> list[str]:
    """The keys that records of these shapes have."""
    return sorted({key for shape in shapes if is_model(shape) for key in field_names(shape)})


def choices(shapes: Iterable[Any]) -> list[str]:
    """The words that literals of these shapes allow."""
    return [str(word) for shape in shapes if get_origin(shape) is Literal for word in get_args(shape)]
