"""Where things are, and how long light needs between them."""

from __future__ import annotations

from simulator.geography import EARTH_RADIUS_KM, great_circle_km

__all__ = ["EARTH_RADIUS_KM", "fibre_delay_ns", "great_circle_km"]


def fibre_delay_ns(length_km: float, ns_per_km: float) -> int:
    """One way through `length_km` of cable, rounded to a nanosecond. `ns_per_km` is the fact of the fibre's model."""
    return round(length_km * ns_per_km)
