"""Where things are on the Earth, and how far apart."""

from __future__ import annotations

from math import asin, cos, radians, sin, sqrt
from typing import Final

# Mean radius of the Earth, IUGG (Moritz, Geodetic Reference System 1980, J. Geodesy 2000): 6371.0088 km.
EARTH_RADIUS_KM: Final = 6371.0088


def great_circle_km(lat_a: float, lon_a: float, lat_b: float, lon_b: float) -> float:
    """The distance in km between two points in degrees, on a sphere (haversine; Sinnott 1984): within 0.5 %."""
    phi_a, phi_b = radians(lat_a), radians(lat_b)
    half = sin((phi_b - phi_a) / 2) ** 2 + cos(phi_a) * cos(phi_b) * sin(radians(lon_b - lon_a) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))
