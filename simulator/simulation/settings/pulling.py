"""How images are pulled: from the page of the node agent that asks for them, and of the engine that does it."""

from __future__ import annotations

from dataclasses import replace

from simulator.facts import Model
from simulator.runtime.image_settings import PLAIN, DiskSettings, EnginePull, ImageGcSettings
from simulator.runtime.settings import AgentSettings, PullSettings
from simulator.simulation.runtimes import RuntimeTable
from simulator.spec.mechanism import Docker, Kubelet


def pulls(
    of: Kubelet | Docker, *, parallel: bool, registry: tuple[float, int], gc: ImageGcSettings | None = None
) -> PullSettings:
    """What the node agent says of pulls; `registry` is (qps, burst) of its requests for them."""
    qps, burst = registry
    return PullSettings(
        parallel=parallel,
        at_once=None,
        layers_at_once=of.layers_at_once,
        registry_qps=qps,
        registry_burst=burst,
        dial_timeout_ns=of.pull_dial,
        stall_ns=of.pull_stall,
        backoff_first_ns=of.pull_backoff.first,
        backoff_cap_ns=of.pull_backoff.cap,
        backoff_factor=of.pull_backoff.factor,
        backoff_reset_ns=of.pull_backoff.reset,
        gc=gc,
    )


def disk_pressure(of: Kubelet) -> DiskSettings | None:
    """When the node agent takes its disk to be short."""
    if of.disk_eviction is None:
        return None
    return DiskSettings(
        least=of.disk_eviction,
        reclaim=of.disk_reclaim,
        check_ns=of.eviction_check,
        cleanup_ns=of.eviction_cleanup,
        transition_ns=of.pressure_transition,
    )


def engine_pull(page: Model | None) -> EnginePull:
    """The page's facts under `pull`; what it does not say is as in `EnginePull`. Rates are scaled to a reference core.
    Without an engine a node pulls in the plainest way."""
    if page is None:
        return PLAIN
    speed = page.quantity("pull.speed") if page.has("pull.speed") else 1.0

    def flag(name: str, default: bool) -> bool:
        return page.flag(f"pull.{name}") if page.has(f"pull.{name}") else default

    def number(name: str, default: float) -> float:
        return float(page.quantity(f"pull.{name}")) if page.has(f"pull.{name}") else default

    def rate(name: str) -> float | None:
        return float(page.quantity(f"pull.{name}")) / speed if page.has(f"pull.{name}") else None

    return EnginePull(
        overlap=flag("overlap", PLAIN.overlap),
        pipelined=flag("pipelined", PLAIN.pipelined),
        keeps_archives=not flag("drops_archives", not PLAIN.keeps_archives),
        unpacks_once=flag("unpacks_once", PLAIN.unpacks_once),
        layers_at_once=int(number("layers_at_once", 0)) or None,
        verify_bytes_per_s=rate("verify"),
        unpack_bytes_per_s=rate("unpack"),
        threads=int(number("threads", PLAIN.threads)),
        mount_ns=int(number("mount_per_layer", PLAIN.mount_ns)),
        delta=number("delta", PLAIN.delta),
        lazy=number("lazy", PLAIN.lazy),
    )


class PullTable:
    """The agents' settings on nodes with the combinations of runtimes that there are, each made once."""

    __slots__ = ("_known", "_runtimes", "_settings")

    def __init__(self, runtimes: RuntimeTable, settings: AgentSettings) -> None:
        self._runtimes = runtimes
        self._settings = settings
        self._known: dict[tuple[str, ...], AgentSettings] = {}

    def of(self, names: tuple[str, ...]) -> AgentSettings:
        """The settings on a node with these runtimes: the engine of the first pulls."""
        if names not in self._known:
            stack = next(iter(self._runtimes.stacks(names).values()))
            pulls = replace(self._settings.pulls, engine=engine_pull(stack.engine))
            self._known[names] = replace(self._settings, pulls=pulls)
        return self._known[names]
