"""The base of our subset of Kubernetes' objects: their names in Python, their camelCase in YAML.

A field is simulated; or valid in Kubernetes but not simulated, which is declared as `NotSimulated` and reported by
name; or unknown, which is an error. A null is an absent field, as in Kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from simulator.errors import UserError
from simulator.spec.base import Flag, Spec, empty, wrong
from simulator.spec.problems import UNKNOWN, Source, translate

_ACRONYM = re.compile(r"(Ip|Cidr|Id|Pid|Ipc|Fqdn|Cpu)(?=s?(?:[A-Z]|$))")


class _Ignored:
    """Marks what is valid in Kubernetes and not simulated."""


NotSimulated = Annotated[Any, _Ignored()]
Labels = dict[str, Annotated[str, Field(max_length=253)]]
Int = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**31)]
Natural = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
Many = Annotated[int, Field(strict=True, ge=1, lt=2**31)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


def kubernetes_name(name: str) -> str:
    """`host_ip` as Kubernetes writes it: hostIP."""
    return _ACRONYM.sub(lambda match: match[1].upper(), to_camel(name))


class K8s(Spec):
    """Any part of an object."""

    model_config = ConfigDict(alias_generator=kubernetes_name, validate_by_name=True, validate_by_alias=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, Mapping) else data

    @classmethod
    def parse(cls, data: Any, source: Source = UNKNOWN) -> Self:
        """The part that plain data describes, by Kubernetes' names only. Raises UserError with every problem."""
        try:
            return cls.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            raise UserError(translate(error, cls, data, source)) from None

    def not_simulated(self) -> Iterator[str]:
        """The names of the given fields that are not simulated, in all depths."""
        for name, field in type(self).model_fields.items():
            if name not in self.model_fields_set:
                continue
            if any(isinstance(mark, _Ignored) for mark in field.metadata):
                yield str(field.alias)
            else:
                yield from _below(getattr(self, name))


def _below(value: Any) -> Iterator[str]:
    if isinstance(value, K8s):
        yield from value.not_simulated()
    elif isinstance(value, tuple):
        for part in value:
            yield from _below(part)


class OwnerReference(K8s):
    """Who made this object, in a dump."""

    api_version: str = ""
    kind: str
    name: str
    uid: str = ""
    controller: Flag = False
    block_owner_deletion: Flag = False


class ObjectMeta(K8s):
    """Name, namespace, labels, and what a server has filled in."""

    name: Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")] | None = None
    namespace: Annotated[str, Field(min_length=1)] = "default"
    labels: Labels = empty()
    owner_references: tuple[OwnerReference, ...] = ()
    annotations: NotSimulated = None
    creation_timestamp: NotSimulated = None
    deletion_grace_period_seconds: NotSimulated = None
    deletion_timestamp: NotSimulated = None
    finalizers: NotSimulated = None
    generate_name: NotSimulated = None
    generation: NotSimulated = None
    managed_fields: NotSimulated = None
    resource_version: NotSimulated = None
    self_link: NotSimulated = None
    uid: NotSimulated = None


class K8sObject(K8s):
    """What has an apiVersion, a kind and a name. `versions`: the apiVersions under which it is read."""

    versions: ClassVar[tuple[str, ...]]
    simulated: ClassVar[bool] = True

    api_version: str
    kind: str
    metadata: ObjectMeta
    _source: Source = PrivateAttr(default=UNKNOWN)

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.metadata.name is None:
            raise wrong("metadata.name is missing", at="metadata")
        if self.api_version not in self.versions:
            raise wrong(f"{self.kind} is not served as {self.api_version}", f"write {self.versions[0]}", "apiVersion")
        return self

    @property
    def name(self) -> str:
        """Its name within kind and namespace."""
        return self.metadata.name or ""

    @property
    def title(self) -> str:
        """Kind and name, with the namespace where it has one of its own: Deployment shop/api."""
        space = self.metadata.namespace
        return f"{self.kind} {self.name}" if space == "default" else f"{self.kind} {space}/{self.name}"

    @property
    def source(self) -> Source:
        """Where it was read."""
        return self._source

    def read_at(self, source: Source) -> Self:
        """The same object, knowing where it was read."""
        self._source = source
        return self
