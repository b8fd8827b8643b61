"""What a scenario gets wrong about who moves and what covers them: one small function for each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import isfile  # unlike Path.is_file, it takes any text
from pathlib import Path

from simulator.errors import Problem
from simulator.facts.yaml import Path as Place
from simulator.spec.coverage import GridCoverage
from simulator.spec.distribution import files
from simulator.spec.look import Look
from simulator.spec.movement import PositionTrace, RandomWaypoint
from simulator.spec.near import did_you_mean
from simulator.spec.problems import UNKNOWN, Source
from simulator.spec.scenario import Scenario
from simulator.spec.topology import is_glob, matching


def check_movement(look: Look) -> Iterator[Problem]:
    """No two items have one name, and every file is there."""
    scenario = look.scenario
    parts = (("movement", scenario.movement), ("coverage", scenario.coverage))
    for part, items in parts:
        names = [item.name for item in items]
        for number, name in enumerate(names):
            if name is not None and name in names[:number]:
                yield look.source.problem((part, number, "name"), f"two items of {part} are named {name}")
    for place, path in _files(scenario):
        if not isfile(path):
            hint = did_you_mean(path.name, [p.name for p in path.parent.glob("*.csv")])
            said = f"there is no file {path}"
            yield look.source.problem(place, said, hint or "files are relative to the experiment's")


def _files(scenario: Scenario) -> Iterator[tuple[Place, Path]]:
    for number, item in enumerate(scenario.movement):
        if isinstance(item, PositionTrace):
            yield ("movement", number, "file"), scenario.folder / item.file
        elif isinstance(item, RandomWaypoint):
            yield from (
                (("movement", number, "pause"), path) for path in files(item.pause, scenario.folder)
            )  # fmt: skip
    for number, cover in enumerate(scenario.coverage):
        yield from ((("coverage", number, "handover"), path) for path in files(cover.handover, scenario.folder))
        if isinstance(cover, GridCoverage):
            yield ("coverage", number, "file"), scenario.folder / cover.file


def unmatched(scenario: Scenario, nodes: Sequence[str], source: Source = UNKNOWN) -> Iterator[Problem]:
    """Every glob matches a node of the topology."""
    globs: list[tuple[Place, str]] = [(("movement", i, "node"), item.node) for i, item in enumerate(scenario.movement)]
    for number, cover in enumerate(scenario.coverage):
        globs += [(("coverage", number, "node"), cover.node), (("coverage", number, "cell"), cover.cell)]
    for place, glob in globs:
        if not matching(glob, nodes):
            said = f"{glob} matches no node" if is_glob(glob) else f"no node is named {glob}"
            yield source.problem(place, said, did_you_mean(glob, nodes, "nodes are"))


def radio_links(scenario: Scenario, nodes: Sequence[str]) -> Iterator[str]:
    """The names of all links that there would be if every cell covered every node at some time."""
    for cover in scenario.coverage:
        for node in matching(cover.node, nodes):
            for cell in matching(cover.cell, nodes):
                yield f"{cover.name}.{nodes[node]}.{nodes[cell]}"
