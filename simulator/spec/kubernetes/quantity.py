"""Kubernetes' resource quantities: `500m`, `1.5`, `128974848`, `129e6`, `65541060Ki`; CPU and memory round up."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from simulator.spec.base import wrong
from simulator.spec.near import did_you_mean

_SUFFIX = {"n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000), "": Fraction(1)} | {
    prefix: Fraction(1000**power) for power, prefix in enumerate("kMGTPE", start=1)
} | {f"{prefix}i": Fraction(1024**power) for power, prefix in enumerate("KMGTPE", start=1)}  # fmt: skip
_QUANTITY = re.compile(r"([+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30}))(?:[eE]([+-]?\d{1,2})|([A-Za-z]*))")
_LARGEST = 2**62
NATIVE = ("cpu", "memory", "ephemeral-storage")


def value(text: Any) -> Fraction:
    """The quantity exactly. Raises the validation error that the reader turns into a problem."""
    plain = not isinstance(text, bool) and isinstance(text, str | int | float)
    match = _QUANTITY.fullmatch(str(text)) if plain else None
    if match is None or (match[3] or "") not in _SUFFIX:
        unit = match[3] if match else ""
        hint = (
            "write 64Mi, or 64M for 10^6 bytes"
            if unit.rstrip("bB") in _SUFFIX and unit
            else "write 500m, 2, 64Mi or 1G"
        )
        raise wrong(f"{text!r} is no quantity", hint)
    exact = Fraction(match[1]) * Fraction(10) ** int(match[2] or 0) * _SUFFIX[match[3] or ""]
    if exact < 0:
        raise wrong(f"{text!r} is negative", "write 0 or more")
    if exact > _LARGEST:
        raise wrong(f"{text!r} is beyond any machine", "")
    return exact


def cpu_m(text: Any) -> int:
    """Millicores, rounded up as the scheduler does."""
    return ceil(value(text) * 1000)


def whole(text: Any) -> int:
    """Bytes, or pieces of an extended resource, rounded up."""
    return ceil(value(text))


def _checked(text: Any) -> Any:
    value(text)
    return text


ResourceValue = Annotated[Any, AfterValidator(_checked), WithJsonSchema({"type": ["string", "number"]})]


def _known(resources: dict[str, Any]) -> dict[str, Any]:
    for name, amount in resources.items():
        if "/" not in name and name not in NATIVE and not name.startswith("hugepages-"):
            hint = did_you_mean(name, NATIVE)
            raise wrong(f"{name} is no resource", hint or "extended resources have a domain: example.com/gpu", name)
        if "/" in name and value(amount).denominator != 1:
            raise wrong(f"{name} comes in whole pieces", f"not {amount}", name)
        if name.endswith("-milli") and value(amount) > 1000:
            raise wrong(f"{name} are thousandths of one device", "ask for whole ones without -milli", name)
    return resources


Resources = Annotated[dict[str, ResourceValue], AfterValidator(_known)]
