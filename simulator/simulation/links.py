"""A link as the world has it, from what was written and what its model's facts say."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.physics.geography import fibre_delay_ns
from simulator.spec.rate_trace import read_rates
from simulator.spec.topology import LinkSpec, NodeSpec
from simulator.world.link import LinkRow, Rates


def within(row: LinkRow, ends: Iterable[NodeSpec], catalogue: Catalogue) -> LinkRow:
    """The link as fast as the network interfaces at its ends let it be; a model's is read only where it is the limit.
    A model without one (a till, a switch) takes whatever its link does.
    """
    for spec in ends:
        model = catalogue.model("nodes", spec.model)
        fastest = max(row.up_bps, row.down_bps, *(rate for trace in row.traces for _, rate in trace))
        if spec.nic is not None:
            most = float(spec.nic)
        elif model.has("nic") and model.tree.facts["nic"][0].base < fastest:
            most = float(model.quantity("nic"))
        else:
            continue
        row = row.within(most)
    return row


def link_row(name: str, a: int, b: int, spec: LinkSpec, catalogue: Catalogue, *, folder: Path | None = None) -> LinkRow:
    """The link `name` between nodes `a` and `b`. What `spec` states wins over its model, whose facts are recorded as
    read only where they are used; a `length` adds the model's delay per km to its latency. `folder` is where the files
    of its rates are.

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

    def sleep(field: str) -> int:
        if model is None or not (model.has("promotion.idle") or model.has("promotion.delay")):
            return 0
        if not model.has(field):
            raise UserError(Problem(f"{model.name} says that its radio sleeps, but has no fact {field}"))
        return int(model.quantity(field))

    def traced(written: str | None) -> Rates:
        file, _, column = (spec.rate_trace or written or "").rpartition("#")
        return read_rates((folder or Path()) / file, column) if file else ()

    traces, period = (traced(spec.up_trace), traced(spec.down_trace)), int(spec.trace_period or 0)
    if period and any(trace and trace[-1][0] - trace[0][0] >= period for trace in traces):
        said = f"the trace of link {name} takes as long as its trace_period, or longer"
        raise UserError(
            Problem(said, path=f"links.{name}.trace_period", hint="count it from the first row of the file")
        )
    duty = float(model.quantity("duty_cycle")) if model is not None and model.has("duty_cycle") else 1.0
    if any(traces) and duty < 1:
        said = f"link {name} has a duty cycle, and follows no trace"
        raise UserError(Problem(said, path=f"links.{name}", hint="leave the trace out, or give another model"))
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
        duty_cycle=duty,
        idle_ns=sleep("promotion.idle"),
        promotion_ns=sleep("promotion.delay"),
        traces=traces,
        period_ns=period,
    )
