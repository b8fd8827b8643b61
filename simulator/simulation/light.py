"""What a panel gives, step by step: the light of a clear sky where and when it is, dimmed by the weather."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.physics.solar import STANDARD_W, plane_w, sun
from simulator.spec.power import SolarSpec
from simulator.spec.series import Series

Light = Callable[[datetime], float]  # W/m² of the panel's plane under a clear sky, at an instant


def panel_w(spec: SolarSpec, light: Light, sky: Series, losses: float, *, begins: datetime, at: int) -> float:
    """What the panel gives, in W, with the light and the weather of an instant (ns of the run)."""
    clear = light(begins + timedelta(microseconds=at / 1000))
    share = float(sky[bisect_right(sky, at, key=itemgetter(0)) - 1][1])
    return float(spec.peak) * clear / STANDARD_W * share * (1 - losses)


def light(spec: SolarSpec, latitude: float, longitude: float) -> Light:
    """The clear sky that the panel names. Raises UserError where pvlib is asked for and not installed."""
    if spec.clear_sky == "pvlib":
        return _pvlib(latitude, longitude, spec.tilt, spec.azimuth)
    return lambda when: plane_w(sun(when, latitude, longitude), spec.tilt, spec.azimuth)


def _pvlib(latitude: float, longitude: float, tilt: float, azimuth: float) -> Light:
    """Ineichen and Perez, with the turbidity of the place and month, on the plane after Hay and Davies; a day of
    minutes at a time, for a call of pvlib costs as much as a thousand instants."""
    try:
        import pandas as pd  # noqa: PLC0415  # an extra
        from pvlib import irradiance  # noqa: PLC0415  # likewise
        from pvlib.location import Location  # noqa: PLC0415  # likewise
    except ModuleNotFoundError:
        hint = "pip install 'littoral[solar]', or clear_sky: meinel"
        raise UserError(Problem("clear_sky: pvlib needs the package pvlib", hint=hint)) from None
    place = Location(latitude, longitude)

    @cache
    def day(first: datetime) -> NDArray[np.float64]:
        times = pd.date_range(first, periods=24 * 60, freq="min")
        stands, clear = place.get_solarposition(times), place.get_clearsky(times)
        plane = irradiance.get_total_irradiance(
            tilt, azimuth, stands["apparent_zenith"], stands["azimuth"], clear["dni"], clear["ghi"], clear["dhi"],
            dni_extra=irradiance.get_extra_radiation(times), model="haydavies", albedo=0,
        )  # fmt: skip
        found: NDArray[np.float64] = plane["poa_global"].fillna(0.0).to_numpy()
        return found

    def at(when: datetime) -> float:
        first = when.replace(hour=0, minute=0, second=0, microsecond=0)
        minutes = (when - first).total_seconds() / 60
        return float(np.interp(minutes, np.arange(24 * 60), day(first)))

    return at
