"""What a scenario says of power and prices names files and globs, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulator.facts.yaml import Path as Place
from simulator.spec.scenario import Scenario


def data_files(scenario: Scenario) -> Iterator[tuple[Place, Path]]:
    """Every file of a series, and where it was named."""
    for number, node in enumerate(scenario.world.nodes):
        if node.solar is not None and "#" in str(node.solar.sky):
            yield ("topology", "nodes", number, "solar", "sky"), scenario.folder / node.solar.sky.rpartition("#")[0]
    for zone, written in scenario.carbon.items():
        if "#" in str(written):
            yield ("carbon", zone), scenario.folder / written.rpartition("#")[0]


def globs(scenario: Scenario) -> Iterator[tuple[Place, str, str]]:
    """Every glob, where it was written, and what it has to match: a node, link or zone."""
    for zone in scenario.carbon:
        yield ("carbon", zone), zone, "zone"
    if scenario.prices is not None:
        for key, what in (("nodes", "node"), ("egress", "node"), ("data", "link")):
            for glob in getattr(scenario.prices, key):
                yield ("prices", key, glob), glob, what
