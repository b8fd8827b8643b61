"""Images that a scenario does not describe: the catalogue's page of that name, or else its default."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios import SMALL, simulation, world_of
from simulator.facts import Catalogue
from simulator.simulation.images import pages

API: dict[str, Any] = SMALL["workloads"][1] | {"calls": []}


@pytest.mark.parametrize(
    ("name", "page"),
    [("nginx", "nginx"), ("nginx:1.27", "nginx"), ("docker.io/library/nginx:latest", "nginx"), ("redis:7", "redis-7"),
     ("nginx:alpine", "nginx-alpine"), ("redis:6", "default-image"), ("node", "default-image"),
     ("h:5000/nginx", "default-image"), ("shop/api:2", "default-image")],
)  # fmt: skip
def test_a_page_is_for_its_name(name: str, page: str) -> None:
    assert pages(Catalogue(), [name]) == {name: page}


@pytest.mark.parametrize(
    ("image", "size", "said"),
    [("redis:7", 43.59e6, "catalogue's redis-7"), ("own", 43.19e6, "catalogue's default-image, which is assumed")],
)
def test_its_bytes_travel_and_its_page_is_named(image: str, size: float, said: str) -> None:
    s = simulation({**SMALL, "behaviour": {}, "images": {}, "workloads": [API | {"image": image}]})
    found = world_of(s).registry.find(image)
    assert found is not None
    assert sum(layer.compressed for layer in found.layers) == pytest.approx(size, rel=0.001)
    run = s.finish()
    assert any(f"image {image}: described nowhere" in warning and said in warning for warning in run.warnings)
    assert any("images.redis-7." in fact["path"] for fact in run.facts) == (image == "redis:7")
