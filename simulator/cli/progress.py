"""Progress on stderr: a bar on a terminal, one line each ten seconds elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from simulator.cli.answer import say
from simulator.study.progress import Progress, Watch

EACH_S = 10.0


@contextmanager
def shown() -> Iterator[Watch]:
    """A watcher to hand to a study; what it shows is gone from a terminal when the study is done."""
    if sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield lines()


def lines() -> Watch:
    """One line each ten seconds, over one study or several in turn."""
    waited = before = 0.0

    def watch(progress: Progress) -> None:
        nonlocal waited, before
        waited += progress.wall_s - (before if progress.wall_s >= before else 0.0)  # a study begins at 0
        before = progress.wall_s
        if waited >= EACH_S:
            waited = 0.0
            say(text(progress))

    return watch


def about(watch: Watch, what: str) -> Watch:
    """The watcher of one study of several: it says which one this is."""
    return lambda progress: watch(replace(progress, what=what))


def text(progress: Progress) -> str:
    """`3 of 20 runs, 12min of 3h simulated, 41,000 events/s, 2min to go`; before it which study."""
    parts = [
        f"{f'{progress.what}: ' if progress.what else ''}{progress.done} of {progress.total} runs",
        f"{span(progress.simulated_s)} of {span(progress.simulated_total_s)} simulated",
        f"{progress.events_per_s:,.0f} events/s",
    ]
    if progress.eta_s is not None:
        parts.append(f"{span(progress.eta_s)} to go")
    return ", ".join(parts)


def span(seconds: float) -> str:
    """Seconds as people say them."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.0f}s"


@contextmanager
def _bar() -> Iterator[Watch]:
    from rich.console import Console  # noqa: PLC0415  # only where there is a terminal
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bars  # noqa: PLC0415

    console = Console(stderr=True)
    with Bars(BarColumn(), TextColumn("{task.description}"), console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0)
        yield lambda progress: bars.update(task, completed=progress.share, description=text(progress))
