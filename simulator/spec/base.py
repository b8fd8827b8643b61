"""The base of everything that can be written: frozen, strict about its keys, the same from YAML and from Python."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError
from pydantic_core import PydanticCustomError

from simulator.errors import UserError
from simulator.spec.problems import UNKNOWN, Source, translate

Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Positive = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e15, le=1e15)]  # whole ones stay exact
Flag = Annotated[bool, Field(strict=True)]
Name = Annotated[str, Field(max_length=253, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?$")]
Glob = Annotated[str, Field(min_length=1, max_length=253)]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
ModelName = Annotated[str, Field(min_length=1, max_length=200)]


class Spec(BaseModel):
    """A frozen record with named fields and no others. Raises UserError, with every problem, when built wrongly."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise UserError(translate(error, type(self), fields, UNKNOWN)) from None

    # Tells pydantic that this is still its own constructor, so that nested records do not pass through it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]  # an attribute of the function

    @classmethod
    def parse(cls, data: Any, source: Source = UNKNOWN) -> Self:
        """The record that plain data describes. Raises UserError with every problem, each with its file and line."""
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise UserError(translate(error, cls, data, source)) from None

    def dump(self) -> dict[str, Any]:
        """The plain data that this record came from: what was given, and nothing else."""
        dumped: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return dumped


class Item(Spec):
    """A record with a `kind` that its class fills in itself."""

    def model_post_init(self, _context: Any) -> None:
        """Count `kind` as given: a dumped item names its kind."""
        self.__pydantic_fields_set__.add("kind")


def wrong(message: str, hint: str = "", at: str | tuple[str, ...] = "") -> PydanticCustomError:
    """What a validator raises: a sentence for the user, and the key (or path) where, if not the whole record."""
    return PydanticCustomError("wrong", "{said}", {"said": message, "hint": hint, "at": at})


def _resource(text: str) -> str:
    domain, slash, name = text.partition("/")
    if not (domain and slash and name) or "/" in name:
        raise wrong(f"{text!r} is no extended resource", "it has a domain: example.com/gpu")
    return text


Resource = Annotated[Text, AfterValidator(_resource), Field(json_schema_extra={"pattern": "^[^/]+/[^/]+$"})]


def not_offered(what: str, at: str = "") -> PydanticCustomError:
    """What a validator raises for a part of the interface that this version has no mechanism for."""
    return PydanticCustomError("not_offered", "{said}", {"said": f"{what} not offered yet", "at": at})


def empty() -> Any:
    """The default of a mapping: a new empty one for each record."""
    return Field(default_factory=dict)


class Use(Spec):
    """A plug-in by reference, with parameters for its constructor."""

    use: Text
    params: dict[str, Any] = empty()


def _form(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<use>"


# `kube-default`, or {use: ./mine.py:Mine, params: {…}}. The tags stand in brackets: no key is ever called so.
Reference = Annotated[Annotated[Text, Tag("<name>")] | Annotated[Use, Tag("<use>")], Discriminator(_form)]


def use(reference: str | Use) -> Use:
    """The long form of a reference."""
    return Use(use=reference) if isinstance(reference, str) else reference
