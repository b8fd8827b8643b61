"""From validation errors to problems: each with its file and line, one clear sentence, and a hint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from simulator.errors import NotOffered, Problem, UserError
from simulator.facts.yaml import Document, Path, dotted
from simulator.spec.near import did_you_mean, near
from simulator.spec.shape import alternatives, choices, keys, kind_of, narrow, step

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails


class NotYet(Problem):
    """A part of the interface that this version has no mechanism for."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that was set over the file's: the path as written, and where in the file if it came from an axis or a
    case (from the command line or from Python: nowhere)."""

    label: str
    at: Path | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a spec's plain data stands: its document, and what was set over it."""

    document: Document | None = None
    over: Mapping[Path, Setting] = field(default_factory=dict)
    moved: Mapping[Path, Path] = field(default_factory=dict)  # read under one path, written under another
    elsewhere: Mapping[Path, Source] = field(default_factory=dict)  # parts that stand in a file of their own
    prefix: Path = ()  # of the part that is being read

    def under(self, *prefix: str | int) -> Source:
        """The same file, for a part of it that is read by itself."""
        return replace(self, prefix=(*self.prefix, *prefix))

    def beside(self, parts: Mapping[str, Source], *above: str | int) -> Source:
        """The same file, with the parts below `above` that stand in files of their own."""
        return replace(self, elsewhere={(*self.prefix, *above, key): source for key, source in parts.items()})

    def problem(self, path: Path, message: str, hint: str = "", kind: type[Problem] = Problem) -> Problem:
        """What is wrong at `path`, with the file and line where the value was written."""
        return self._problem((*self.prefix, *path), message, hint, kind)

    def _problem(self, path: Path, message: str, hint: str, kind: type[Problem]) -> Problem:
        for length in range(len(path), -1, -1):
            if (other := self.elsewhere.get(path[:length])) is not None:
                return other.problem(path[length:], message, hint, kind)
            if (moved := self.moved.get(path[:length])) is not None:
                return self._problem((*moved, *path[length:]), message, hint, kind)
            if (setting := self.over.get(path[:length])) is not None:
                said = f"set {setting.label}: {message}"
                if setting.at is None or self.document is None:
                    return kind(said, path=dotted(path), hint=hint)
                line = self.document.line((*setting.at, *path[length:]))
                return kind(said, self.document.file, line, dotted(path), hint)
        if self.document is None:
            return kind(message, path=dotted(path), hint=hint)
        return kind(message, self.document.file, self.document.line(path), dotted(path), hint)


UNKNOWN = Source()  # built in Python: no file


def raise_all(problems: Iterable[Problem]) -> None:
    """Raise UserError with all of them, in the order of the file; NotOffered if nothing else is wrong."""
    found = sorted(dict.fromkeys(problems), key=lambda p: (p.file or "", p.line or 0))
    if found:
        raise (NotOffered if all(isinstance(p, NotYet) for p in found) else UserError)(found)


_NOUNS = {
    "model_type": "keys with values",
    "dict_type": "keys with values",
    "model_attributes_type": "keys with values",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a number of usual size",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
}
_BOUNDS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}
_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def translate(error: ValidationError, model: type[BaseModel], data: Any, source: Source) -> list[Problem]:
    """Every problem of a validation error, in our words. What only follows from another problem is left out."""
    walks = [Walk(details, model, data) for details in error.errors(include_url=False)]
    return [walk.problem(source) for walk in walks if not walk.induced()]


_WORDS = {"None": "nothing", "True": "true", "False": "false"}


def show(value: Any) -> str:
    """A value as a message shows it, short."""
    text = repr(value) if isinstance(value, str) else _WORDS.get(str(value), str(value))
    return text if len(text) <= 60 else f"{text[:57]}…"


def _called(path: Path) -> str:
    """What stands at a path, in a sentence."""
    if not path:
        return "the file"
    if isinstance(path[-1], int) and len(path) > 1:
        return f"item {path[-1] + 1} of {path[-2]}"
    return str(path[-1])


class Walk:
    """One error, walked down to from the model's root beside the data: its path without the tags of unions."""

    def __init__(self, details: ErrorDetails, model: type[BaseModel], data: Any) -> None:
        self.details = details
        self.context: Mapping[str, Any] = details.get("ctx", {})
        self.path: Path = ()
        self.shapes = alternatives(model)
        self.owner = self.shapes  # of the record that has the last key
        self.value = data
        last = details["loc"][-1:]
        for segment in details["loc"]:
            wider = narrow(self.shapes, self.value)
            if segment == "[key]":  # pydantic's word for "this key itself"
                continue
            if self._has(segment) or (segment in last and details["type"] == "missing"):
                self.owner, self.path = wider, (*self.path, segment)
                self.value = self.value[segment] if self._has(segment) else None
                self.shapes = step(wider, segment)
            else:  # the tag of a union
                self.shapes = tuple(s for s in wider if kind_of(s) == segment) or wider

    def known(self) -> list[str]:
        """The keys that the record with the error may have."""
        return keys(self.owner)

    def _has(self, segment: str | int) -> bool:
        if isinstance(self.value, Mapping):
            return segment in self.value
        return isinstance(self.value, list | tuple) and isinstance(segment, int) and segment < len(self.value)

    def problem(self, source: Source) -> Problem:
        kind, context, path = self.details["type"], self.context, self.path
        key = _called(path)
        if kind in ("quantity", "wrong", "not_offered"):
            at = context.get("at") or ()
            path = (*path, *((at,) if isinstance(at, str) else at))
            said = f"{key}: {context['said']}" if kind == "quantity" else str(context["said"])
            return source.problem(path, said, context.get("hint", ""), NotYet if kind == "not_offered" else Problem)
        if kind == "missing":
            return source.problem(path, f"{key} is missing")
        if kind == "extra_forbidden":
            return source.problem(path, f"unknown key {key}", did_you_mean(key, self.known()))
        if kind == "union_tag_not_found":
            return source.problem(path, "kind is missing", f"one of {', '.join(self._kinds())}")
        if kind == "union_tag_invalid":
            tag = str(context.get("tag"))
            return source.problem((*path, "kind"), f"no kind {tag!r}", did_you_mean(tag, self._kinds()))
        if kind == "literal_error":
            options = choices(self.shapes) or [str(context.get("expected"))]
            return source.problem(path, f"{key}: no {show(self.value)} here", did_you_mean(str(self.value), options))
        if kind in _BOUNDS:
            bound, words = _BOUNDS[kind]
            return source.problem(path, f"{key} {words} {context[bound]}, and is {show(self.value)}")
        if kind in _LENGTHS:
            bound, words = _LENGTHS[kind]
            return source.problem(path, f"{key} takes {words} {context[bound]}", f"it has {context['actual_length']}")
        if kind in ("string_too_short", "string_too_long", "string_pattern_mismatch"):
            given = self.details["input"]  # of a key its name, not what stands behind it
            return source.problem(path, f"{key}: {show(given)} is no name", "letters, digits and - . _ / : @ +")
        noun = _NOUNS.get(kind)
        said = f"{key} takes {noun}, not {show(self.value)}" if noun else f"{key}: {self.details['msg']}"
        return source.problem(path, said, self._quotes(noun))

    def _quotes(self, noun: str | None) -> str:
        plain = isinstance(self.value, bool | int | float)
        return f'write "{show(self.value)}" in quotes' if noun == "text" and plain else ""

    def induced(self) -> bool:
        """Whether it only follows from another problem: a key that is missing because it is misspelt, a list that is
        too short because its items are wrong."""
        kind, given = self.details["type"], self.details["input"]
        if kind == "too_short":
            return len(self.value) >= int(self.context["min_length"])
        if kind != "missing" or not isinstance(given, Mapping):
            return False
        return near(str(self.path[-1]), [k for k in given if isinstance(k, str) and k not in self.known()]) is not None

    def _kinds(self) -> list[str]:
        return [kind for shape in self.shapes if (kind := kind_of(shape)) is not None]
