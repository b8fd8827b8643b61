"""Executors by name: `process`, `serial`, or `module:factory` giving any `concurrent.futures.Executor`."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from simulator.errors import NotOffered, Problem, UserError
from simulator.units import HOUR

FEW_RUNS = 4
SHORT_NS = 2 * HOUR  # of simulated time, all runs together


class SerialExecutor(Executor):
    """Runs each call in this process, when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """The finished future."""
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def choose(name: str | None, runs: int, simulated_ns: int, workers: int | None) -> str:
    """`serial` where starting processes would take longer than it saves, or where one worker is asked for."""
    if name is not None:
        return name
    return "serial" if workers == 1 or runs <= 1 or (runs <= FEW_RUNS and simulated_ns <= SHORT_NS) else "process"


@contextmanager
def executor(
    name: str, workers: int | None = None, runs: int | None = None, base: Path | None = None
) -> Iterator[Executor]:
    """The executor of this name, shut down at the end; at an error or Ctrl-C at once.

    `base` is where `./file.py:factory` is looked for. Raises UserError for a name that is none.
    """
    if name == "serial":
        yield SerialExecutor()
    elif name == "process":
        count = min(workers or _cores(), runs or 1_000_000)
        with _ours(count) as pool:
            yield pool
    else:
        given = _factory(name, base or Path())()
        if not isinstance(given, Executor):
            said = f"{name} gave a {type(given).__name__}, not a concurrent.futures.Executor"
            raise UserError(Problem(said, hint="the factory takes no arguments and returns an Executor"))
        with given:
            yield given


@contextmanager
def _ours(workers: int) -> Iterator[Executor]:
    """A pool of fresh processes (spawn: the same on every system, and safe with threads)."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_in_worker)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _in_worker() -> None:
    """Ctrl-C reaches the workers too: they go without a word, and the parent speaks."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _factory(name: str, base: Path) -> Callable[[], Any]:
    if name.startswith("dask:"):
        raise NotOffered(
            Problem("the executor dask: is not offered in this version", hint="process, serial, or module:factory")
        )
    module, _, attribute = name.rpartition(":")
    if not module or not attribute:
        raise UserError(Problem(f"no executor named {name!r}", hint="process, serial, or module:factory"))
    if module.endswith(".py"):
        from simulator.policy.reference import resolve  # noqa: PLC0415  # the one grammar, files included

        return _callable(resolve(name, base, what="executor"), name)
    try:
        return _callable(getattr(import_module(module), attribute), name)
    except (ImportError, AttributeError) as error:
        raise UserError(Problem(f"the executor {name!r} cannot be imported: {error}")) from error


def _callable(found: Any, name: str) -> Callable[[], Any]:
    if not callable(found):
        raise UserError(Problem(f"{name} is no factory", hint="a function without arguments that returns an Executor"))
    return found  # type: ignore[no-any-return]  # what it returns is checked when it is called
