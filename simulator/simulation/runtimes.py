"""The container runtimes of a node, from the facts of their models: an engine, and what runs under it."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.facts import Catalogue, Model
from simulator.physics.distributions import Constant, Distribution, from_spec
from simulator.runtime.settings import RuntimeCosts
from simulator.spec.topology import DEFAULT_RUNTIME as DEFAULT


def _time(model: Model, path: str) -> Distribution:
    """A measured time on the reference core: what the measuring host took, scaled by that host's speed."""
    return from_spec(model.distribution(path), "duration").scaled(model.quantity("start.speed"))


def _parts(catalogue: Catalogue, name: str, default_engine: str) -> tuple[Model, Model]:
    """Engine and low-level runtime of `containerd/runc`; a bare name runs under the node's default engine."""
    engine, slash, low = name.partition("/")
    if not slash:
        engine, low = default_engine, name
    return catalogue.model("runtimes", engine), catalogue.model("runtimes", low)


def runtime_costs(catalogue: Catalogue, names: tuple[str, ...]) -> tuple[dict[str, RuntimeCosts], int]:
    """Costs by RuntimeClass handler, the first the default, and the RAM in bytes that the engines' daemons hold.

    A runtime answers to its whole name and to its last part: `containerd/runc` is also the handler `runc`. Raises
    UserError for a runtime that the catalogue does not have.
    """
    names = names or (DEFAULT,)
    default_engine = names[0].partition("/")[0] if "/" in names[0] else DEFAULT.partition("/")[0]
    costs: dict[str, RuntimeCosts] = {}
    daemons: dict[str, int] = {}
    for name in names:
        engine, low = _parts(catalogue, name, default_engine)
        made = RuntimeCosts(
            sandbox=_time(engine, "start.sandbox") if engine.has("start.sandbox") else Constant(0.0),
            create=_time(low, "start.container"),
            start=Constant(0.0),  # sources measure create and start as one
            stop=from_spec(engine.distribution("stop"), "duration") if engine.has("stop") else Constant(0.0),
            slowdown=low.quantity("slowdown"),
            ram_bytes=int(engine.quantity("memory.per_instance") + low.quantity("memory.per_instance")),
            daemon_start_ns=int(engine.quantity("start.daemon")) if engine.has("start.daemon") else 0,
        )
        daemons[engine.name] = int(engine.quantity("memory.daemon"))
        costs[name] = costs[low.name] = made
    return costs, sum(daemons.values())


class RuntimeTable:
    """Costs of the combinations of runtimes that nodes have, each read once."""

    __slots__ = ("_catalogue", "_known")

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._known: dict[tuple[str, ...], tuple[Mapping[str, RuntimeCosts], int]] = {}

    def of(self, names: tuple[str, ...]) -> tuple[Mapping[str, RuntimeCosts], int]:
        """As `runtime_costs`."""
        found = self._known.get(names)
        if found is None:
            found = self._known[names] = runtime_costs(self._catalogue, names)
        return found
