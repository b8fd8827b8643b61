"""Commands of the interface that a later version has."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from simulator.cli.answer import Answer
from simulator.errors import NotOffered, Problem

Anything = Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]


def import_(*arguments: Anything) -> Answer:
    """Not offered yet: read topologies, traces, outage logs and manifests of others."""
    raise NotOffered(Problem("the command import is not offered in this version"))


def serve_policy(*arguments: Anything) -> Answer:
    """Not offered yet: a policy as a kube-scheduler extender."""
    raise NotOffered(Problem("the command serve-policy is not offered in this version"))
