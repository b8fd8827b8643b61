"""Our subset against the generated Kubernetes client: every field of ours is Kubernetes', and none of its is unknown."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from simulator.spec.kubernetes import KINDS
from simulator.spec.kubernetes.base import K8s
from simulator.spec.shape import alternatives, field_names

models = pytest.importorskip("kubernetes.client.models")

RENAMED = {
    "ConfigMap": "V1ConfigMap",
    "CrossVersionObjectReference": "V2CrossVersionObjectReference",
    "HorizontalPodAutoscaler": "V2HorizontalPodAutoscaler",
    "HorizontalPodAutoscalerSpec": "V2HorizontalPodAutoscalerSpec",
    "TemplateMeta": "V1ObjectMeta",
}
# Of autoscaling/v1, whose other fields autoscaling/v2 has, too.
ONLY_OLDER = {"targetCPUUtilizationPercentage"}


def below(model: type[BaseModel], seen: dict[str, type[BaseModel]]) -> None:
    """Every class that a class is made of."""
    if model.__name__ in seen:
        return
    seen[model.__name__] = model
    for field in model.model_fields.values():
        for shape in alternatives(field.annotation):
            for inner in (shape, *(a for arg in getattr(shape, "__args__", ()) for a in alternatives(arg))):
                if isinstance(inner, type) and issubclass(inner, K8s):
                    below(inner, seen)


def ours() -> list[type[BaseModel]]:
    seen: dict[str, type[BaseModel]] = {}
    for kind in KINDS.values():
        below(kind, seen)
    return list(seen.values())


@pytest.mark.parametrize("model", ours(), ids=lambda model: model.__name__)
def test_fields_are_those_of_kubernetes(model: type[BaseModel]) -> None:
    upstream = getattr(models, RENAMED.get(model.__name__, f"V1{model.__name__}"))
    theirs = {ours_: theirs_ for ours_, theirs_ in upstream.attribute_map.items()}
    assert set(field_names(model)) - ONLY_OLDER <= set(theirs.values())
    assert set(theirs.values()) <= set(field_names(model)), "a valid field would be reported as misspelt"


def test_needed_fields_are_needed_there_too() -> None:
    """What Kubernetes requires: its client refuses None for it."""
    for model in ours():
        upstream = getattr(models, RENAMED.get(model.__name__, f"V1{model.__name__}"))
        for name, field in model.model_fields.items():
            if field.is_required() and name not in ("api_version", "kind", "metadata", "spec"):
                attribute = name if name in upstream.attribute_map else f"_{name}"
                setter = getattr(upstream, attribute).fset.__doc__ or ""
                assert f"Sets the {attribute}" in setter


def test_versions_are_those_of_kubernetes() -> None:
    for name, kind in KINDS.items():
        assert hasattr(models, RENAMED.get(name, f"V1{name}"))
        assert all(version.rpartition("/")[2] in ("v1", "v2") for version in kind.versions)
