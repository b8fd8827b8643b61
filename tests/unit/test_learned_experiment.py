"""The experiment on the learned policy is the scenario that it was trained on, on the seed that was held back."""

from __future__ import annotations

import pytest

import simulator as sim
from simulator.spec.load import find_experiment

pytest.importorskip("gymnasium")


def test_it_is_what_the_network_was_trained_on_and_on_the_seed_that_was_held_back() -> None:
    rl = pytest.importorskip("simulator.rl")
    experiment = sim.Experiment.load(find_experiment("learned-placement"))
    assert experiment.scenario.dump() == rl.practice().dump()
    assert experiment.seed == 20_000
