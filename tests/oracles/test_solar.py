"""The sun against closed forms, against another clear sky, and against pvlib where it is installed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import radians, sin

import pytest

from simulator.errors import UserError
from simulator.physics.solar import air_mass, beam_w, day_hours, declination, haurwitz_w, plane_w, sun
from simulator.simulation.light import light, panel_w
from simulator.spec.power import SolarSpec

PLACES = [(0.0, 0.0), (30.0, -100.0), (46.5, 9.5), (60.0, 25.0), (-35.0, 149.0)]
DAYS = [datetime(2026, 3, 21, tzinfo=UTC), datetime(2026, 6, 21, tzinfo=UTC), datetime(2026, 12, 21, tzinfo=UTC)]


def elevations(day: datetime, latitude: float, longitude: float) -> list[float]:
    """Each minute of a day that begins with the sun's midnight."""
    begin = day - timedelta(hours=longitude / 15)
    return [sun(begin + timedelta(minutes=k), latitude, longitude).elevation for k in range(1440)]


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_noon_stands_at_90_less_latitude_and_declination(day: datetime, latitude: float, longitude: float) -> None:
    noon = day.timetuple().tm_yday - 0.5 - longitude / 360
    assert max(elevations(day, latitude, longitude)) == pytest.approx(90 - abs(latitude - declination(noon)), abs=0.15)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_a_day_is_as_long_as_the_closed_form_says(day: datetime, latitude: float, longitude: float) -> None:
    up = sum(e > 0 for e in elevations(day, latitude, longitude)) / 60
    noon = day.timetuple().tm_yday - 0.5 - longitude / 360
    assert up == pytest.approx(day_hours(latitude, declination(noon)), abs=2.5 / 60)


def test_declination_is_the_tropic_s_at_the_solstices_and_none_at_the_equinox() -> None:
    assert declination(171.5) == pytest.approx(23.44, abs=0.05)
    assert declination(354.5) == pytest.approx(-23.44, abs=0.05)
    assert declination(78.6) == pytest.approx(0, abs=0.3)


def test_a_polar_night_is_dark_and_a_polar_day_has_24_hours() -> None:
    assert day_hours(75, -23.4) == 0
    assert day_hours(75, 23.4) == 24
    assert max(elevations(DAYS[2], 75, 0)) < 0


def test_noon_is_early_or_late_by_the_equation_of_time() -> None:
    """From an almanac: on 11 February the sun is 14 min 13 s late at Greenwich, on 3 November 16 min 27 s early."""
    for day, late in ((datetime(2026, 2, 11, tzinfo=UTC), 14.2), (datetime(2026, 11, 3, tzinfo=UTC), -16.4)):
        seen = elevations(day, 51.5, 0.0)
        assert seen.index(max(seen)) - 720 == pytest.approx(late, abs=1)


def test_air_mass_is_1_in_the_zenith_and_38_at_the_horizon() -> None:
    assert air_mass(90) == pytest.approx(1, abs=0.001)
    assert air_mass(30) == pytest.approx(2, abs=0.01)
    assert air_mass(0) == pytest.approx(38, abs=0.2)


def test_the_beam_at_air_mass_1_is_seven_tenths_of_what_comes_from_space() -> None:
    high = sun(datetime(2026, 3, 21, 12, tzinfo=UTC), 0, 1.8)
    assert high.elevation > 89
    assert beam_w(high) == pytest.approx(0.7 * 1353 * high.distance, rel=0.001)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(("latitude", "longitude"), PLACES)
def test_a_day_s_light_on_the_ground_is_haurwitz_s(day: datetime, latitude: float, longitude: float) -> None:
    """Another clear sky, fitted to measurements by Haurwitz; the two share nothing but the sun's elevation."""
    suns = [sun(day + timedelta(minutes=10 * k), latitude, longitude) for k in range(144)]
    assert sum(plane_w(s, 0, 0) for s in suns) == pytest.approx(sum(map(haurwitz_w, suns)), rel=0.125)


def test_a_panel_that_faces_the_sun_gets_the_beam_and_one_that_turns_away_the_sky() -> None:
    low = sun(datetime(2026, 1, 8, 11, tzinfo=UTC), 52.5, 13.4)
    facing = plane_w(low, 90 - low.elevation, low.azimuth)
    assert facing == pytest.approx(beam_w(low) * (1 + 0.1 * (1 + sin(radians(low.elevation))) / 2))
    assert facing > plane_w(low, 0, 180) > plane_w(low, 90, (low.azimuth + 180) % 360) > 0
    assert plane_w(sun(datetime(2026, 1, 8, 0, tzinfo=UTC), 52.5, 13.4), 60, 180) == 0


def test_the_weather_holds_from_its_time_on() -> None:
    begins, sky = datetime(2026, 6, 21, tzinfo=UTC), ((0, 1.0), (100, 0.5), (300, 0.25))
    spec = SolarSpec(peak="20W")
    gives = [panel_w(spec, lambda _: 1000.0, sky, 0.1, begins=begins, at=at) for at in (0, 99, 100, 299, 300, 10**9)]
    assert gives == pytest.approx([18, 18, 9, 9, 4.5, 4.5])


def test_pvlib_is_asked_for_and_not_there() -> None:
    try:
        import pvlib  # noqa: F401
    except ModuleNotFoundError:
        with pytest.raises(UserError, match=r"pip install 'littoral\[solar\]'"):
            light(SolarSpec(peak="20W", clear_sky="pvlib"), 52.5, 13.4)


@pytest.mark.filterwarnings("ignore::Warning")  # pvlib's of pandas
@pytest.mark.parametrize("day", DAYS)
def test_the_sun_and_a_lowland_s_clear_sky_are_pvlib_s(day: datetime) -> None:
    """NREL's solar position algorithm; and Ineichen and Perez, who know the haze of the place: on the ground within a
    tenth, on a steep panel under a low sun up to a quarter more."""
    pvlib = pytest.importorskip("pvlib", reason="pvlib (the extra solar) is not installed")
    times = [day + timedelta(minutes=20 * k) for k in range(72)]
    import pandas as pd

    theirs = pvlib.location.Location(52.5, 13.4, altitude=0).get_solarposition(pd.DatetimeIndex(times))
    errors = [abs(sun(t, 52.5, 13.4).elevation - e) for t, e in zip(times, theirs["elevation"], strict=True)]
    assert max(errors) < 0.3
    for tilt, most in ((0, 0.15), (60, 0.3)):
        ours, other = (
            sum(map(light(SolarSpec(peak="1W", tilt=tilt, clear_sky=sky), 52.5, 13.4), times))
            for sky in ("meinel", "pvlib")
        )
        assert ours == pytest.approx(other, rel=most)
