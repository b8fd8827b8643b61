"""What can be written: experiments, scenarios, topologies, workloads, faults, manifests, orchestrator pages."""

from simulator.spec.experiment import Case, Expectation, Experiment
from simulator.spec.load import experiment_names, load_experiment
from simulator.spec.scenario import Scenario

__all__ = ["Case", "Expectation", "Experiment", "Scenario", "experiment_names", "load_experiment"]
