"""The request plane and telemetry: streams in arrays, loops in a lean heap, one semantics."""
