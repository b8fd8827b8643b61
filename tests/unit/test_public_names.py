"""The public surface: complete, sorted, lazy, and cheap to import."""

from __future__ import annotations

import json
import subprocess
import sys

import simulator

_HEAVY = ("numpy", "pydantic", "networkx", "polars", "plotly", "scipy", "simpy", "yaml", "rich")


def test_import_loads_nothing_heavy() -> None:
    code = f"import json, sys, simulator; print(json.dumps([m for m in {_HEAVY!r} if m in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_every_public_name_resolves_to_the_thing_of_that_name() -> None:
    assert set(simulator._HOME) | {"__version__"} == set(simulator.__all__)
    for name, home in simulator._HOME.items():
        found = getattr(simulator, name)
        assert found.__module__.startswith(home.rsplit(".", 1)[0]), name


def test_all_is_sorted_and_dir_shows_it() -> None:
    assert sorted(simulator.__all__) == simulator.__all__
    assert set(dir(simulator)) == set(simulator.__all__)


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    assert not hasattr(simulator, "Kubernetes")
