"""Quantity fields: numbers in base units that remember the text they came from, so that a spec dumps to its YAML."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from simulator.units import UnitError, parse

# int64 nanoseconds last 292 years, int64 bytes 9 EB; half of that leaves room for sums.
_LARGEST = 2**62
_EXAMPLES = {
    "duration": ["10ms", "5min", "1h30min"],
    "size": ["64Mi", "45MB"],
    "cpu": ["500m", 2],
    "bitrate": ["10Mbps"],
    "byterate": ["20MB/s"],
    "frequency": ["10/s"],
    "ratio": [0.5, "50%"],
    "length": ["120km"],
    "speed": ["50km/h", "1.4m/s"],
    "energy": ["50Wh"],
    "power": ["3.5W"],
    "carbon intensity": ["300g/kWh"],
    "price of time": ["0.19USD/h"],
    "price of data": ["0.09USD/GB"],
    "price of energy": ["0.25USD/kWh"],
}


class Quantity:
    """What every quantity has: a dimension of `simulator.units`, and what was given. Never negative.

    Raises UnitError for text that is no quantity of the dimension.
    """

    dimension: ClassVar[str]
    largest: ClassVar[float] = _LARGEST
    given: str | int | float

    def __new__(cls, given: str | float) -> Self:
        if isinstance(given, Quantity):
            given = given.given
        try:
            value = parse(given, cls.dimension)
        except UnitError:
            raise
        except (ValueError, OverflowError):  # more digits than Python converts
            value = _LARGEST + 1
        if value < 0:
            raise UnitError(f"{given!r} is negative", "write 0 or more")
        if value > cls.largest:
            shown = given if len(str(given)) < 40 else f"{str(given)[:30]}…"
            raise UnitError(
                f"{shown!r} is beyond any {cls.dimension}", f"at most {cls.largest:g}" if cls.largest == 1 else ""
            )
        self: Self = super().__new__(cls, value)  # type: ignore[call-arg]  # int or float comes next in the MRO
        self.given = given
        return self

    def __reduce__(self) -> tuple[type[Self], tuple[str | float]]:
        return type(self), (self.given,)

    @classmethod
    def _validated(cls, given: Any) -> Self:
        try:
            return cls(given)
        except UnitError as error:
            context = {"said": error.message, "hint": error.hint}
            raise PydanticCustomError("quantity", "{said}", context) from None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        written = core_schema.plain_serializer_function_ser_schema(lambda value: value.given)
        return core_schema.no_info_plain_validator_function(cls._validated, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": ["string", "number"], "description": f"a {cls.dimension}", "examples": _EXAMPLES[cls.dimension]}


class Duration(Quantity, int):
    """A time span: int ns."""

    dimension = "duration"


class Size(Quantity, int):
    """A number of bytes: int."""

    dimension = "size"


class Cpu(Quantity, int):
    """Processor time per time: int millicores."""

    dimension = "cpu"


class BitRate(Quantity, float):
    """A link's rate: float bit/s."""

    dimension = "bitrate"
    largest = 1e18


class ByteRate(Quantity, float):
    """A device's rate: float byte/s."""

    dimension = "byterate"
    largest = 1e18


class Frequency(Quantity, float):
    """Events per time: float 1/s."""

    dimension = "frequency"
    largest = 1e12


class Length(Quantity, float):
    """A length: float metres."""

    dimension = "length"
    largest = 1e12


class Speed(Quantity, float):
    """A speed: float m/s."""

    dimension = "speed"
    largest = 1e6


class Energy(Quantity, float):
    """An energy: float joules."""

    dimension = "energy"
    largest = 1e18


class Power(Quantity, float):
    """A power: float watts."""

    dimension = "power"
    largest = 1e12


class Intensity(Quantity, float):
    """The carbon dioxide (equivalent) of an energy: float g/J."""

    dimension = "carbon intensity"
    largest = 1.0  # 3600 kg/kWh; coal's is below 1.2


class TimePrice(Quantity, float):
    """What a machine costs: float USD/s."""

    dimension = "price of time"
    largest = 1e6


class DataPrice(Quantity, float):
    """What carried bytes cost: float USD/B."""

    dimension = "price of data"
    largest = 1e6


class EnergyPrice(Quantity, float):
    """What energy costs: float USD/J."""

    dimension = "price of energy"
    largest = 1e6


class Ratio(Quantity, float):
    """A probability or share: float from 0 to 1."""

    dimension = "ratio"
    largest = 1
