"""What is wrong with the images that a scenario describes."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.errors import Problem
from simulator.facts.yaml import Path as Place
from simulator.spec import image
from simulator.spec.kubernetes.kinds import roots
from simulator.spec.kubernetes.pod import template_of
from simulator.spec.look import Look
from simulator.spec.near import did_you_mean


def check_images(look: Look) -> Iterator[Problem]:
    """Every image that is described is used."""
    if not look.complete:
        return
    used = {key for key in look.images.values() if key is not None}
    used |= {base for key in used for base in image.bases(look.scenario.images, key)}
    for name in look.scenario.images:
        if name not in used:
            hint = did_you_mean(name, [*look.images, *map(image.repository, look.images)], "workloads use")
            yield look.source.problem(("images", name), f"no workload uses image {name}", hint)


def check_bases(look: Look) -> Iterator[Problem]:
    """Every base is an image that is described, and leaves room above it."""
    images = look.scenario.images
    for name, described in images.items():
        if described.base is None:
            continue
        place: Place = ("images", name, "base")
        key = image.find(images, described.base)
        if key is None:
            hint = did_you_mean(described.base, images, "images are") or "describe it, too"
            yield look.source.problem(place, f"no image is named {described.base}", hint)
        elif name in image.bases(images, name):
            yield look.source.problem(place, f"image {name} is, by whatever detour, its own base")
        else:
            for what in ("compressed", "unpacked"):
                if getattr(described, what) < getattr(images[key], what):
                    said = f"image {name} is smaller than its base {key}"
                    yield look.source.problem(("images", name, what), said, "its bytes count those of the base")
            if described.layers <= images[key].layers:
                said = f"image {name} has no layer above the {images[key].layers} of its base {key}"
                yield look.source.problem(("images", name, "layers"), said, "its layers count those of the base")


def check_platforms(look: Look) -> Iterator[Problem]:
    """Some platform runs all images of a pod."""
    described = look.scenario.images
    for obj in roots(look.objects):
        template = template_of(obj)
        containers = (*template.spec.init_containers, *template.spec.containers) if template else ()
        keys = {key for c in containers if (key := look.images[c.image]) is not None}
        if keys and not frozenset.intersection(*(frozenset(described[key].platforms) for key in keys)):
            said = f"{obj.title}: no platform runs all of its images: {', '.join(sorted(keys))}"
            yield look.source.problem(("images", min(keys), "platforms"), said)
