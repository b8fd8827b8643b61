"""`littoral schema`: JSON Schema of the experiment file."""

from __future__ import annotations

from simulator.cli.answer import Answer
from simulator.study.plain import to_json


def schema() -> Answer:
    """Print the JSON Schema of the experiment file, for editors that complete and check while one types."""
    from simulator.spec.schema import experiment_schema  # noqa: PLC0415  # pydantic

    document = experiment_schema()
    return Answer(document, to_json(document))
