"""Strict YAML 1.2 with line numbers: every file a user or the catalogue writes goes through here.

PyYAML's C parser does the parsing; its YAML 1.1 guesses (`no` as false, `12:30` as a number, dates, octal `010`)
are replaced by the four resolvers of the YAML 1.2 core schema. Mapping keys are always text, so `1.30` stays `1.30`.
Duplicate keys, foreign tags, binary or non-UTF-8 input and aliases that expand without end are problems with a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

import yaml

from simulator.errors import Problem, UserError

Path = tuple[str | int, ...]

_MAX_DEPTH: Final = 100
_MAX_ALIASED: Final = 100_000  # values that aliases may add to one file
_CORE: Final = "tag:yaml.org,2002:"
_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_Parser: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: plain data, and the line on which each path stands."""

    data: Any
    file: str
    lines: dict[Path, int]

    def line(self, path: Path) -> int | None:
        """The 1-based line of `path`, or of its nearest known parent.

        Segments that the file does not have are skipped: pydantic puts the tag of a union into its locations.
        """
        known: Path = ()
        for segment in path:
            if (*known, segment) in self.lines:
                known = (*known, segment)
        return self.lines.get(known)

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """What is wrong at `path`, with this file and its line."""
        return Problem(message, self.file, self.line(path), dotted(path), hint)


def dotted(path: Path) -> str:
    return ".".join(map(str, path))


def load_yaml(source: str | bytes, file: str) -> Document:
    """The one document of a file. Raises UserError, with every problem found, if there is none or more than one."""
    documents = load_all_yaml(source, file)
    if len(documents) > 1:
        line = documents[1].line(())
        raise UserError(Problem("a second document starts here", file, line, hint="write one document: remove ---"))
    return documents[0]


def load_all_yaml(source: str | bytes, file: str) -> list[Document]:
    """All documents of a file that are not empty, at least one. Raises UserError with every problem found."""
    return _Reader(_text(source, file), file).documents()


def _text(source: str | bytes, file: str) -> str:
    if isinstance(source, bytes):
        source = _decoded(source, file)
    if bad := _FORBIDDEN.search(source):
        line = source.count("\n", 0, bad.start()) + 1
        said = "the file is binary" if bad[0] == "\0" else f"character U+{ord(bad[0]):04X} is not allowed in YAML"
        raise UserError(Problem(said, file, line, hint="YAML is UTF-8 text"))
    return source


def _decoded(source: bytes, file: str) -> str:
    if source.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(Problem("the file is UTF-16", file, 1, hint="save it as UTF-8"))
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        said = "the file is binary" if b"\0" in source[:1024] else "the file is not UTF-8"
        raise UserError(Problem(said, file, line, hint="YAML is UTF-8 text")) from None


class _Reader:
    """Reads one file, event by event, so that neither depth nor aliases can exhaust the stack or memory."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._problems: list[Problem] = []

    def documents(self) -> list[Document]:
        parser = _Parser(self._text)
        self._events: Iterator[yaml.Event] = iter(parser.get_event, None)
        found: list[Document] = []
        try:
            for event in self._events:
                if not isinstance(event, yaml.DocumentStartEvent):
                    continue
                self._lines: dict[Path, int] = {}
                self._anchors: dict[str, tuple[Any, int]] = {}
                self._aliased = self._count = 0
                if (data := self._value(next(self._events), ())) is not None:
                    found.append(Document(data, self._file, self._lines))
        except yaml.MarkedYAMLError as error:
            self._add_syntax(error)
        finally:
            parser.dispose()
        if not found and not self._problems:
            self._problems.append(Problem("the file is empty", self._file, 1))
        if self._problems:
            raise UserError(self._problems)
        return found

    def _add(self, event: yaml.Event, message: str, hint: str = "", path: Path = ()) -> None:
        self._problems.append(Problem(message, self._file, _line(event), dotted(path), hint))

    def _add_syntax(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        here = self._text.splitlines()[mark.line : mark.line + 1] if mark else []
        tab = bool(here) and "\t" in here[0][: len(here[0]) - len(here[0].lstrip())]
        hint = "YAML indents with spaces, never with tabs" if tab else (error.context or "")
        if not tab and "cannot start any token" in (error.problem or ""):
            hint = "put the value in quotes"
        self._problems.append(Problem(f"no YAML: {error.problem}", self._file, line, hint=hint))

    def _value(self, event: yaml.Event, path: Path) -> Any:
        self._lines.setdefault(path, _line(event))
        if len(path) > _MAX_DEPTH:
            self._add(event, f"nested deeper than {_MAX_DEPTH} levels")
            raise UserError(self._problems)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._count += 1
        value: Any
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event, "seq", path)
            value = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                value.append(self._value(item, (*path, len(value))))
        else:
            assert isinstance(event, yaml.MappingStartEvent)  # nothing else can start a value
            self._check_tag(event, "map", path)
            value = self._mapping(path)
        if event.anchor:
            self._anchors[event.anchor] = value, self._count - before
        return value

    def _mapping(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[tuple[Any, int]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if not key:
                self._add(event, "a key must be a word", "lists, mappings and nothing are no keys", path)
            here = (*path, key)
            if key in found:
                self._add(event, f"{key} stands here twice", f"first on line {self._lines[here]}", here)
            self._lines[here] = _line(event)
            value = self._value(event if not isinstance(event, yaml.ScalarEvent) else next(self._events), here)
            if not isinstance(event, yaml.ScalarEvent):
                self._value(next(self._events), here)
            elif key == "<<" and event.implicit[0]:
                merged.append((value, _line(event)))
            else:
                found[key] = value
        for value, line in merged:
            for part in value if isinstance(value, list) else [value]:
                if not isinstance(part, dict):
                    self._problems.append(Problem("<< takes a mapping, or a list of them", self._file, line))
                    continue
                for key in part.keys() - found.keys():
                    self._lines[*path, key] = line
                found = {**part, **found}
        return found

    def _alias(self, event: yaml.AliasEvent) -> Any:
        if event.anchor not in self._anchors:
            self._add(event, f"*{event.anchor} names no anchor that ends before it")
            return None
        value, count = self._anchors[event.anchor]
        self._aliased += count
        self._count += count
        if self._aliased > _MAX_ALIASED:
            self._add(event, f"aliases expand to more than {_MAX_ALIASED} values")
            raise UserError(self._problems)
        return deepcopy(value)

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent, wanted: str, path: Path) -> None:
        if event.tag not in (None, "!", _CORE + wanted):
            self._add(event, f"tag {event.tag.removeprefix(_CORE)} is not used here", "remove it", path)

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:
        text: str = event.value
        if event.tag in (None, "!"):
            value = _plain(text) if event.implicit[0] else text
        elif event.tag == _CORE + "str":
            value = text
        else:
            value = _plain(text)
            kind = {bool: "bool", int: "int", float: "float", type(None): "null"}.get(type(value), "str")
            self._check_tag(event, kind, path)
        if value is _TOO_LONG:
            self._add(event, "the number has too many digits", path=path)
            return 0
        return value


_TOO_LONG: Final = object()


def _plain(text: str) -> Any:
    """A plain scalar by the YAML 1.2 core schema (section 10.3.2)."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        return int(text) if len(text) < 1000 else _TOO_LONG
    if _BASED.fullmatch(text):
        return int(text[2:], 8 if text[1] == "o" else 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float(f"{special[1] or ''}inf") if special[2] else float("nan")
    return text


def _line(event: yaml.Event) -> int:
    assert event.start_mark is not None  # PyYAML marks every event that it reads
    return int(event.start_mark.line) + 1
