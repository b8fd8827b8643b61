"""Where the sun stands, and what a clear sky lets through to a tilted plane. Angles in degrees, times in UTC.

The sun: declination, equation of time and distance by the Fourier series of Spencer (Search 2, 1971, 172), within 0.3°.
Air mass: Kasten and Young (Applied Optics 28, 1989, 4735). Direct beam: Meinel and Meinel ("Applied Solar Energy",
1976), 1353 W/m² · 0.7^(AM^0.678); the diffuse part is a tenth of it, from everywhere in the sky alike. Haurwitz' global
irradiance of a horizontal plane (Journal of Meteorology 2, 1945, 154) shares nothing with them: it is their check.

Refraction, height, haze, the ground's reflection and shadows are left out.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import acos, asin, atan2, cos, degrees, exp, pi, radians, sin, tan
from typing import Final, NamedTuple

BEYOND_W: Final = 1353.0  # W/m² above the air, at the mean distance
DIFFUSE: Final = 0.1  # of the direct beam
STANDARD_W: Final = 1000.0  # W/m² at which panels are rated


class Sun(NamedTuple):
    """Where it stands. `elevation` is negative at night; `azimuth` from north over east. Degrees."""

    elevation: float
    azimuth: float
    distance: float  # (mean / present)²: what the beam is multiplied by


def _spencer(day: float) -> tuple[float, float, float]:
    """Declination (rad), equation of time (minutes) and eccentricity factor at a day of the year, from 0."""
    b = 2 * pi * day / 365
    declination = (
        0.006918 - 0.399912 * cos(b) + 0.070257 * sin(b) - 0.006758 * cos(2 * b) + 0.000907 * sin(2 * b)
        - 0.002697 * cos(3 * b) + 0.00148 * sin(3 * b)
    )  # fmt: skip
    minutes = 229.18 * (0.000075 + 0.001868 * cos(b) - 0.032077 * sin(b) - 0.014615 * cos(2 * b) - 0.04089 * sin(2 * b))
    factor = 1.00011 + 0.034221 * cos(b) + 0.00128 * sin(b) + 0.000719 * cos(2 * b) + 0.000077 * sin(2 * b)
    return declination, minutes, factor


def declination(day: float) -> float:
    """The sun's, in degrees, at a day of the year counted from 0."""
    return degrees(_spencer(day)[0])


def day_hours(latitude: float, declination: float) -> float:
    """How long the sun's centre is above the horizon: the closed form 24/π · acos(−tan φ tan δ)."""
    x = -tan(radians(latitude)) * tan(radians(declination))
    return 24 / pi * acos(min(1.0, max(-1.0, x)))


def sun(when: datetime, latitude: float, longitude: float) -> Sun:
    """Where it stands at an instant, seen from there. `when` has a time zone."""
    utc = when.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + (utc.second + utc.microsecond / 1e6) / 3600
    tilt, minutes, factor = _spencer(utc.timetuple().tm_yday - 1 + hours / 24)
    angle = radians(15 * (hours + minutes / 60 - 12) + longitude)
    phi = radians(latitude)
    up = sin(phi) * sin(tilt) + cos(phi) * cos(tilt) * cos(angle)
    east, north = -cos(tilt) * sin(angle), cos(phi) * sin(tilt) - sin(phi) * cos(tilt) * cos(angle)
    return Sun(degrees(asin(min(1.0, max(-1.0, up)))), degrees(atan2(east, north)) % 360, factor)


def air_mass(elevation: float) -> float:
    """How much air the beam passes, relative to a sun in the zenith. `elevation` is not negative."""
    bent: float = (elevation + 6.07995) ** 1.6364
    return 1 / (sin(radians(elevation)) + 0.50572 / bent)


def beam_w(sun: Sun) -> float:
    """The direct beam through a clear sky, in W/m² of a plane that faces the sun."""
    return 0.0 if sun.elevation <= 0 else sun.distance * BEYOND_W * 0.7 ** (air_mass(sun.elevation) ** 0.678)


def plane_w(sun: Sun, tilt: float, azimuth: float) -> float:
    """What reaches a plane through a clear sky, in W/m². `tilt` from the horizontal; `azimuth` of its face, from north
    over east."""
    direct = beam_w(sun)
    e, t, a = radians(sun.elevation), radians(tilt), radians(sun.azimuth - azimuth)
    faces = max(0.0, sin(e) * cos(t) + cos(e) * sin(t) * cos(a))
    return direct * (faces + DIFFUSE * (1 + cos(t)) / 2)


def haurwitz_w(sun: Sun) -> float:
    """Global irradiance of a horizontal plane under a clear sky, in W/m², after Haurwitz."""
    z = sin(radians(sun.elevation))
    return 0.0 if z <= 0 else 1098 * z * exp(-0.059 / z)
