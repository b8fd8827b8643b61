"""The policies for shared GPUs against a loop of its own: pods come one by one, the first best gets each, none ends."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import GI, Plane, node, template
from simulator.policy.reference import instantiate
from simulator.world.device import Accelerators

GPU, WHOLE, CORES = "nvidia.com/gpu", 1000, 64  # the largest machine's
# Cores and GPUs of each machine: so many that a wrong weight shows.
SIZES = [(16, 2), (64, 4), (16, 0), (32, 4), (32, 2), (8, 1), (64, 4), (16, 4), (48, 2), (24, 4), (64, 1), (40, 4)]
# Sixteen pods that are usual, (cores, GPUs, thousandths of each), so that their weights are exact.
USUAL = [(4, 1, 1000)] * 5 + [(2, 1, 500)] * 4 + [(6, 1, 300)] * 3 + [(12, 0, 0)] * 2 + [(8, 2, 1000), (16, 4, 1000)]
Ask = tuple[int, int, int]
Rule = Callable[["Machine", "Machine"], Any]


@dataclass
class Machine:
    """Free cores and thousandths of each GPU, and what was placed."""

    number: int
    cores: int
    free: list[int]
    pods: list[Ask] = field(default_factory=list)

    def fits(self, ask: Ask) -> bool:
        return self.cores >= ask[0] and sum(free >= max(ask[2], 1) for free in self.free) >= ask[1]

    def take(self, ask: Ask, device: int | None = None) -> Machine:
        """The machine once the pod has `device`, or the fullest that do."""
        order = sorted((free, i) for i, free in enumerate(self.free) if free >= ask[2])
        gets = [device] if device is not None else [i for _, i in order[: ask[1]]]
        free = [each - ask[2] * (i in gets) for i, each in enumerate(self.free)]
        return Machine(self.number, self.cores - ask[0], free, [*self.pods, ask])


# What a rule makes of a machine before and after the pod: the smallest wins, the first of equals.


def best_fit(before: Machine, _: Machine) -> Any:
    return Fraction(before.cores, CORES) + Fraction(sum(before.free), 4 * WHOLE)


def dot_product(before: Machine, after: Machine) -> Any:
    cores, gpus, share = after.pods[-1]
    product = Fraction(gpus * share, 4 * WHOLE) * Fraction(sum(before.free), 4 * WHOLE)
    return product + Fraction(cores, CORES) * Fraction(before.cores, CORES)


def packing(before: Machine, after: Machine) -> Any:
    _, gpus, share = after.pods[-1]
    in_use = share < WHOLE and any(share <= free < WHOLE for free in before.free)
    return (0 if in_use else 1 if before.pods else 2, sum(before.free)) if gpus else 0


def clustering(before: Machine, after: Machine) -> Any:
    _, *kind = after.pods[-1]
    return ([*kind] not in [[*pod[1:]] for pod in before.pods], sum(before.free)) if kind[0] else 0


def fgd(before: Machine, after: Machine) -> Any:
    return useless(after) - useless(before)


def useless(machine: Machine) -> int:
    """Sixteen times the thousandths that a usual pod is expected to have no use for."""
    return sum(sum(free for free in machine.free if not (of[1] and machine.fits(of) and free >= of[2])) for of in USUAL)


def alone(rule: Rule, asks: Sequence[Ask]) -> list[int | None]:
    """Where each pod goes; None: nowhere."""
    machines = [Machine(i, cores, [WHOLE] * gpus) for i, (cores, gpus) in enumerate(SIZES)]
    found: list[int | None] = []
    for ask in asks:
        ways: list[tuple[Machine, Machine]] = []
        for machine in filter(lambda each: each.fits(ask), machines):
            one_of = rule is fgd and ask[1] == 1  # it chooses the device as well
            which = [i for i, free in enumerate(machine.free) if free >= ask[2]] if one_of else [None]
            ways += [(machine, machine.take(ask, device)) for device in which]
        _, chosen = min(ways, key=lambda way: rule(*way), default=(None, None))
        found.append(chosen and chosen.number)
        if chosen:
            machines[chosen.number] = chosen
    return found


def ours(name: str, params: dict[str, str], folder: Path, asks: Sequence[Ask]) -> list[int | None]:
    boxes = [
        node(f"n{i}", cores * 1000, 999 * GI, **(
            {"extended": {GPU: gpus}, "accelerators": (Accelerators(GPU, "T4", gpus),)} if gpus else {}
        ))
        for i, (cores, gpus) in enumerate(SIZES)
    ]  # fmt: skip
    bed = Plane(boxes, policy=instantiate(name, params, folder, given=2))
    for i, (cores, gpus, share) in enumerate(asks):
        want = {} if not gpus else {GPU: gpus} if share == WHOLE else {f"{GPU}-milli": share}
        bed.pod(f"p{i}", template(cores * 1000, 0, extended=want))
        bed.run(0.05)
    places = bed.places()
    return [int(places[f"p{i}"][1:]) if places[f"p{i}"] else None for i in range(len(asks))]


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("gpu-best-fit", best_fit),
        ("gpu-dot-product", dot_product),
        ("gpu-packing", packing),
        ("gpu-clustering", clustering),
        ("fgd", fgd),
    ],
)
def test_pods_go_where_a_loop_of_its_own_puts_them(name: str, rule: Rule, tmp_path: Path) -> None:
    asks = [USUAL[i] for i in np.random.default_rng(1).integers(len(USUAL), size=60)]
    params = {"typical": "usual.csv"} if rule is fgd else {}
    with (tmp_path / "usual.csv").open("w", encoding="utf-8") as file:
        rows = [(cores * 1000, 0, gpus, share) for cores, gpus, share in USUAL]
        csv.writer(file).writerows([("cpu_milli", "memory_mib", "num_gpu", "gpu_milli"), *rows])
    got = ours(name, params, tmp_path, asks)
    assert got == alone(rule, asks)
    assert set(got) == {None, *range(len(SIZES))}  # every machine has some, and some find no room
