"""Masts along a straight road that leads north, each with a fibre to a cloud; a bus with a camera, which begins at its
south end. Only what covers the bus (`coverage`) and moves it (`movement`) joins it to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, degrees, radians
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.geography import EARTH_RADIUS_KM
from simulator.spec.near import did_you_mean
from simulator.streams import Rng
from simulator.units import UnitError, parse

SOUTH: Final = (45.0, 5.7)  # where the road begins, in degrees
_DEFAULTS: Final[Mapping[str, Any]] = {"masts": 21, "spacing": "500m", "offset": "30m", "fibre": "20km"}
_MOST: Final = 10_000


def build(params: Mapping[str, Any], _rng: Rng) -> Mapping[str, Any]:
    """The topology as plain data: `masts` so many, `spacing` apart, `offset` to the east of the road, each `fibre` from
    the cloud. Raises UserError for parameters that it does not have, and for values that are none."""
    problems = [
        Problem(f"the topology takes no parameter {name}", path=f"params.{name}", hint=did_you_mean(name, _DEFAULTS))
        for name in params
        if name not in _DEFAULTS
    ]
    given = {**_DEFAULTS, **params}
    masts = given.pop("masts")
    if isinstance(masts, bool) or not isinstance(masts, int) or not 1 <= masts <= _MOST:
        problems.append(Problem(f"masts takes a whole number from 1 to {_MOST}, not {masts!r}", path="params.masts"))
    metres = {}
    for name in ("spacing", "offset", "fibre"):
        try:
            metres[name] = float(parse(given[name], "length"))
        except UnitError as error:
            problems.append(Problem(f"{name}: {error.message}", path=f"params.{name}", hint=error.hint))
    if problems:
        raise UserError(problems)
    latitude, longitude = SOUTH
    east = _degrees(metres["offset"]) / cos(radians(latitude))
    nodes = [
        {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
        *(
            {"name": f"mast-{i}", "model": "gateway", "zone": "road", "role": "router",
             "latitude": latitude + _degrees(i * metres["spacing"]), "longitude": longitude + east}
            for i in range(masts)
        ),
        {"name": "bus", "model": "raspberry-pi-4b", "zone": "bus", "latitude": latitude, "longitude": longitude},
        {"name": "camera", "model": "camera", "zone": "bus", "role": "device"},
    ]  # fmt: skip
    links = [
        {"name": "fibre", "between": ["mast-*", "cloud"], "model": "fibre-wan", "length": f"{metres['fibre']!r}m"},
        {"name": "cabin", "between": ["camera", "bus"], "model": "ethernet"},
    ]
    return {"nodes": nodes, "links": links}


def _degrees(metres: float) -> float:
    return degrees(metres / (1000 * EARTH_RADIUS_KM))
