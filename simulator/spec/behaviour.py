"""What a manifest cannot say: how much work a request is, what the process holds in memory, whom it calls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simulator.spec.base import Count, Positive, Spec, Text
from simulator.spec.distribution import RandomDuration
from simulator.spec.quantity import ByteRate, Cpu, Duration, Size

Wait = Annotated[Duration, Field(gt=0)]
ExitCode = Annotated[int, Field(strict=True, ge=0, le=255)]


class Memory(Spec):
    """The working set: of the started, idle process, and what each request in service adds.

    `dirty` is how much of it the process writes anew each second, which decides how it moves while it runs; without it,
    what the runtime's page assumes.
    """

    idle: Size
    per_request: Size = Size("0")
    dirty: ByteRate | None = None


class Call(Spec):
    """One call that a request makes to another service before it is answered."""

    target: Text
    request: Size
    response: Size
    timeout: Wait | None = None
    retries: Count = 0


class Behaviour(Spec):
    """How a workload's main container behaves.

    `work` is time on one reference core for each request; `background`, CPU that the process takes beside them all the
    time, which counts for energy alone (without it: none, or what the container asks for if the process has a `run`).
    `start` is the time from process start until it answers; `run`, for a process that ends, how long it runs before it
    exits with `exit_code`.
    """

    work: RandomDuration = "0"
    workers: Positive = 1
    threads: Literal["blocking", "async"] = "blocking"
    memory: Memory | None = None
    calls: tuple[Call, ...] = ()
    background: Cpu | None = None
    start: Duration = Duration("0")
    run: Wait | None = None
    exit_code: ExitCode = 0
