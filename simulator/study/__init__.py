"""Experiments: a pure plan, its execution on any executor, the study that results, and its statistics."""
