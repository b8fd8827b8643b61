"""Whether what a scenario gives for a policy's parameters is what their annotations say: YAML knows no types."""

from __future__ import annotations

import inspect
import types
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

_SCALARS: Final = {
    float: ("a number", int | float),
    int: ("a whole number", int),
    bool: ("true or false", bool),
    str: ("a text", str),
    type(None): ("nothing", type(None)),
}
_LISTS: Final = (list, tuple, set, frozenset, Sequence, Collection, Iterable, AbstractSet)
_MAPPINGS: Final = (dict, Mapping)


def misfits(target: Any, params: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """The parameters whose values are of another type: what each takes, in words, and its default (or empty).

    An annotation that is none of numbers, texts, words, lists and mappings of these says nothing here.
    """
    try:
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except Exception:  # annotations may name what is imported for type checkers only
        return {}
    found: dict[str, tuple[str, Any]] = {}
    for name, parameter in inspect.signature(target).parameters.items():
        hint = hints.get(name, Any)
        given = params.get(name)
        as_default = given is None and parameter.default is None
        if name in params and not as_default and not _fits(given, hint):
            found[name] = _words(hint), parameter.default
    return found


def _fits(value: Any, hint: Any) -> bool:
    if isinstance(hint, type) and hint in _SCALARS:
        return isinstance(value, _SCALARS[hint][1]) and (hint is bool or not isinstance(value, bool))
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, each) for each in args)
    if origin is Literal:
        return value in args
    if _is(_LISTS, hint):
        return isinstance(value, list | tuple) and all(_fits(each, args[0]) for each in value if _alike(hint))
    if _is(_MAPPINGS, hint):
        return isinstance(value, Mapping) and all(_fits(each, args[1]) for each in value.values() if args)
    return True


def _is(kinds: tuple[Any, ...], hint: Any) -> bool:
    return hint in kinds or get_origin(hint) in kinds


def _alike(hint: Any) -> bool:
    """Whether all items are of one type: not those of tuple[int, str]."""
    args = get_args(hint)
    return len(args) == 1 or args[1:] == (...,)


def _words(hint: Any) -> str:
    if isinstance(hint, type) and hint in _SCALARS:
        return _SCALARS[hint][0]
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(map(_words, args)))
    if origin is Literal:
        return " or ".join(map(str, args))
    if _is(_LISTS, hint):
        return f"a list, each of it {_words(args[0])}" if args and _alike(hint) else "a list"
    if _is(_MAPPINGS, hint):
        return f"keys, each with {_words(args[1])}" if args else "keys with values"
    return getattr(hint, "__name__", str(hint))
