"""Our subset against the generated Kubernetes client: our fields are Kubernetes', and none of its is unknown."""

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
    theirs = set(upstream.attribute_map.values())
    assert set(field_names(model)) - ONLY_OLDER <= theirs
    assert theirs <= set(field_names(model)), "a valid field would be reported as misspelt"


def test_needed_fields_are_needed_there_too() -> None:
    more, fewer = set(), set()
    for model in ours():
        upstream = getattr(models, RENAMED.get(model.__name__, f"V1{model.__name__}"))
        here = {str(f.alias) for f in model.model_fields.values() if f.is_required()}
        there = {upstream.attribute_map[name] for name, f in upstream.model_fields.items() if f.is_required()}
        more |= {(model.__name__, field) for field in here - there - {"apiVersion", "kind", "metadata", "spec"}}
        fewer |= {(model.__name__, field) for field in there - here}
    # Optional in the generated types, and refused by the API server's validation where they are absent.
    assert more == {("Container", "image"), ("ReplicaSetSpec", "template")}
    # Of a dump's back references, kind and name are enough here.
    assert fewer == {("OwnerReference", "apiVersion"), ("OwnerReference", "uid")}


def test_versions_are_those_of_kubernetes() -> None:
    for name, kind in KINDS.items():
        assert hasattr(models, RENAMED.get(name, f"V1{name}"))
        assert all(version.rpartition("/")[2] in ("v1", "v2") for version in kind.versions)
