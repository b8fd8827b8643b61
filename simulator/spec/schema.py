"""The JSON Schema of the experiment file, for editors that complete and check while one types."""

from __future__ import annotations

from typing import Any

from simulator.spec.experiment import Experiment


def experiment_schema() -> dict[str, Any]:
    """JSON Schema 2020-12; items of workloads and faults are told apart by their `kind`."""
    schema = Experiment.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Littoral experiment", **schema}
