"""What a machine's power comes from, and what power, machines and bytes cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from simulator.spec.base import Glob, ModelName, Number, Spec, empty, wrong
from simulator.spec.quantity import DataPrice, Duration, Energy, EnergyPrice, Intensity, Power, Ratio, TimePrice
from simulator.units import UnitError


def _series(quantity: type[Ratio] | type[Intensity]) -> Callable[[Any], Any]:
    """Checks a quantity, or `file.csv#column`: one for each time_s from which on it holds."""

    def check(written: Any) -> Any:
        if isinstance(written, str) and "#" in written:
            return written
        try:
            quantity(written)
        except UnitError as error:
            raise wrong(error.message, f"{error.hint}; or a column of a file, as in grid.csv#g_per_kwh") from None
        return written

    return check


_SHARE = {"type": ["string", "number"], "description": "a ratio, or a column", "examples": [0.4, "sky.csv#clearness"]}
_GRID = {
    "type": ["string", "number"],
    "description": "a carbon intensity, or a column",
    "examples": ["300g/kWh", "grid.csv#g_per_kwh"],
}
Sky = Annotated[Any, AfterValidator(_series(Ratio)), WithJsonSchema(_SHARE)]
Carbon = Annotated[Any, AfterValidator(_series(Intensity)), WithJsonSchema(_GRID)]


class SolarSpec(Spec):
    """A panel of `peak` power (at 1000 W/m²) on a machine with a battery, at the machine's latitude and longitude.

    It leans by `tilt` degrees from the horizontal and faces `azimuth`, from north over east. `model` is its page (kind
    panels), over which `losses` stands. `sky` is the share of a clear sky's light that comes through: one number, or a
    column of a file that has a column time_s. The clear sky is that of simulator.physics.solar (meinel), or pvlib's (of
    Ineichen and Perez; needs the extra solar).
    """

    peak: Annotated[Power, Field(gt=0)]
    tilt: Annotated[Number, Field(ge=0, le=90)] = 0.0
    azimuth: Annotated[Number, Field(ge=0, le=360)] = 180.0
    model: ModelName = "silicon"
    losses: Annotated[Ratio, Field(lt=1)] | None = None
    sky: Sky = 1
    clear_sky: Literal["meinel", "pvlib"] = "meinel"


class BatterySpec(Spec):
    """A machine that has no other power than a battery of this `capacity`, and a panel, if it has one.

    `charge` is its state at the beginning. The machine goes off at `empty`, and gets its power back at `restart`:
    shares of the capacity. `model` is its page (kind batteries), over which `restart`, `efficiency` (of a round trip),
    `most_in` and `most_out` stand. Light and the CPU that requests take are constant over each `step`: the light of its
    middle, and the requests' mean of the step before. (Functions' requests do not reach it.)
    """

    capacity: Annotated[Energy, Field(gt=0)]
    charge: Ratio = Ratio(1)
    empty: Ratio = Ratio(0)
    restart: Annotated[Ratio, Field(gt=0)] | None = None
    model: ModelName = "lithium-ion"
    efficiency: Annotated[Ratio, Field(gt=0)] | None = None
    most_in: Annotated[Power, Field(gt=0)] | None = None
    most_out: Annotated[Power, Field(gt=0)] | None = None
    step: Annotated[Duration, Field(gt=0)] = Duration("5min")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.restart is not None and self.restart <= self.empty:
            raise wrong("the machine would start where it stops", "write a restart above empty", "restart")
        return self


class Prices(Spec):
    """In USD. `nodes`: of time on machines, used or not; `egress`: of bytes that leave machines for others that the
    same glob does not match; `data`: of bytes on links, both ways; `energy`: of what comes from the grid. Of several
    globs the first that matches counts; of `egress` each, for one network may lie within another.
    """

    nodes: dict[Glob, TimePrice] = empty()
    egress: dict[Glob, DataPrice] = empty()
    data: dict[Glob, DataPrice] = empty()
    energy: EnergyPrice | None = None
