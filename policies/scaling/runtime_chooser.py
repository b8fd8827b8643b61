"""The runtime that answers soonest in the mean: a container, a microVM or a Wasm module for each function.

Idea: a request in n finds no instance and waits for a cold start, all take their work times the runtime's slowdown; so
what is asked for often belongs in a container, and what is asked for seldom in what starts quickest. With Poisson
arrivals at rate λ, one after another, and a keep-alive of T the share of cold starts is e^(-λT) (M. Shahrad et al.,
USENIX ATC 2020, on fixed keep-alives), and two runtimes break even at λ = ln((C₁ - C₂) / (w (s₂ - s₁))) / T, with cold
starts C, slowdowns s and work w. Isolation goes first: of `isolated` functions only those variants that have a guest or
an enclave of their own. Complexity: O(variants), once for each function. Caveats: by means, and by what the runtimes'
pages state: neither what the orchestrator adds to a start, nor the first pull of an image, nor requests at once; and
a kubelet that looks once a second at its pods hides what is shorter.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from math import exp

from simulator.policy import FunctionView, Keep, Scaling, VariantView
from simulator.units import duration, seconds


class RuntimeChooser(Scaling):
    """`idle` is how long an instance is kept without a request, a duration; `isolated` are globs over functions."""

    def __init__(self, idle: str | float, isolated: tuple[str, ...] = ()) -> None:
        duration(idle)  # refused now, if it is none
        self.idle, self.isolated = idle, isolated

    def keep(self, function: FunctionView) -> Keep:
        """The variant with the shortest mean, of those that are allowed."""
        variants = function.variants
        rows = list(range(len(variants)))
        if any(fnmatchcase(function.name, glob) for glob in self.isolated):
            rows = [row for row in rows if variants[row].isolation in ("vm", "enclave")]
            if not rows:
                raise ValueError(f"{function.name} is to be isolated, and no variant of it is")
        best = min(rows, key=lambda row: self.mean_s(function, variants[row]), default=0)
        return Keep(seconds(duration(self.idle)), variant=best)

    def mean_s(self, function: FunctionView, variant: VariantView) -> float:
        """What a request of the function takes with this variant, in the mean, in seconds."""
        cold = exp(-function.rate_per_s * seconds(duration(self.idle)))
        return cold * variant.cold_start_s + function.work_s * variant.slowdown
