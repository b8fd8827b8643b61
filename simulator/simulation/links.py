"""A link as the world has it, from what was written and what its model's facts say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.physics.geography import fibre_delay_ns
from simulator.spec.topology import LinkSpec, NodeSpec
from simulator.world.link import LinkRow


def within(row: LinkRow, ends: Iterable[NodeSpec], catalogue: Catalogue) -> LinkRow:
    """The link as fast as the network interfaces at its ends let it be; a model's is read only where it is the limit.
    A model without one (a till, a switch) takes whatever its link does.
    """
    for spec in ends:
        model, fastest = catalogue.model("nodes", spec.model), max(row.up_bps, row.down_bps)
        if spec.nic is not None:
            most = float(spec.nic)
        elif model.has("nic") and model.tree.facts["nic"][0].base < fastest:
            most = float(model.quantity("nic"))
        else:
            continue
        row = replace(row, up_bps=min(row.up_bps, most), down_bps=min(row.down_bps, most))
    return row


def link_row(name: str, a: int, b: int, spec: LinkSpec, catalogue: Catalogue) -> LinkRow:
    """The link `name` between nodes `a` and `b`. What `spec` states wins over its model, whose facts are recorded as
    read only where they are used; a `length` adds the model's delay per km to its latency.

    The jitter of a model is at most the latency, also where a scenario gives a shorter one. Raises UserError where
    the model is unknown or knows no delay per km.
    """
    model = catalogue.model("links", spec.model) if spec.model is not None else None
    latency = 0
    if spec.latency is not None:
        latency = int(spec.latency)
    elif model is not None:
        latency = int(model.quantity("latency"))
        if spec.length is not None:
            if not model.has("per_km"):
                said = f"link {name} has a length, but its model {model.name} no delay per km"
                raise UserError(Problem(said, path=f"links.{name}.length", hint="a fibre-wan has; or give a latency"))
            latency += fibre_delay_ns(spec.length / 1000, model.quantity("per_km"))

    def stated(given: float | None, field: str, otherwise: float = 0.0) -> float:
        return given if given is not None else model.quantity(field) if model else otherwise

    both = spec.rate
    return LinkRow(
        name,
        a,
        b,
        latency_ns=latency,
        up_bps=float(both if both is not None else stated(spec.up, "up")),
        down_bps=float(both if both is not None else stated(spec.down, "down")),
        jitter_ns=min(int(stated(spec.jitter, "jitter")), latency),
        loss=float(stated(spec.loss, "loss")),
        model=spec.model or "",
    )
