"""Sites around one cloud region, each with a fibre of its own: a star without any real map behind it.

The sites lie on a sunflower spiral (equal areas, golden angle) whose edge is `radius` km from the cloud; a fibre is as
long as its site is far.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, pi, sqrt
from typing import Any, Final

from simulator.shipped.topologies._sites import Backbone, City, assemble, offset, read_params

from simulator.errors import Problem, UserError
from simulator.streams import Rng
from simulator.units import UnitError, parse

_GOLDEN_ANGLE: Final = pi * (3 - sqrt(5))
_DEFAULTS: Final = {"radius": "100km", "latitude": 50.0, "longitude": 10.0}


def build(params: Mapping[str, Any], rng: Rng) -> Mapping[str, Any]:
    """The topology as plain data. `radius` is a length, `latitude` and `longitude` place the cloud; the counts are
    those of `_sites.Sites`."""
    sites, own = read_params(params, _DEFAULTS)
    radius_km, latitude, longitude = _place(own)
    centre = City("centre", latitude, longitude)
    far = [radius_km * sqrt((i + 0.5) / sites.sites) for i in range(sites.sites)]
    cities = [offset(City(f"pop-{i}", latitude, longitude), km, i * _GOLDEN_ANGLE) for i, km in enumerate(far)]
    backbone = Backbone([centre, *cities], [(0, 1 + i, km) for i, km in enumerate(far)])
    return assemble(backbone, range(1, 1 + sites.sites), 0, sites, rng)


def _place(own: Mapping[str, Any]) -> tuple[float, float, float]:
    """The radius in km, and the centre in degrees. Raises UserError with every problem."""
    problems = []
    radius_m = 0.0
    try:
        radius_m = parse(own["radius"], "length")
        if not 0 < radius_m <= 5_000_000:
            problems.append(Problem("radius takes a length up to 5000km, above 0", path="params.radius"))
    except UnitError as error:
        problems.append(Problem(f"radius: {error.message}", path="params.radius", hint=error.hint))
    for name, most in (("latitude", 85), ("longitude", 180)):
        value = own[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > most:
            said = f"{name} takes degrees from -{most} to {most}, not {value!r}"
            problems.append(Problem(said, path=f"params.{name}"))
    if problems:
        raise UserError(problems)
    return radius_m / 1000, float(own["latitude"]), float(own["longitude"])
