"""Requests under way: the request of a user, its tries, and the order in which events at one instant happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from simulator.traffic.batches import Batch, User
    from simulator.traffic.calls import Choice, Site, Steps

# What happens next to a try. It waits in the heap as one of the first four; DONE once its work will be over.
LINK: Final = 0  # it enters the next link of its way
ARRIVE: Final = 1  # it reaches the pod
DONE: Final = 2  # its work is over
BACK: Final = 3  # what it asked for, or the notice that it failed, is back where it was issued
WAIT: Final = 4  # it waits for a call of its own, or for a worker; no event of its own is due
GONE: Final = 5  # the pod that served it is dead
# Entries of the heap that are no tries.
ISSUE: Final = 6  # a user's next request is due
LATE: Final = 7  # a try runs into its time-out

# What can become of a request, in the order of the columns of the `traffic` table.
OUTCOMES: Final = ("completed", "timeout", "no-endpoint", "refused", "lost", "died")
COMPLETED, TIMEOUT, NO_ENDPOINT, REFUSED, LOST, DIED = range(6)

# A request is (origin, k) as one int64. The key of a try, request and serial number within it, orders what happens
# at one instant; time-outs come after everything else that happens then.
K_BITS: Final = 36
SERIAL_BITS: Final = 20
AFTER_ALL: Final = 1 << 90
NEVER: Final = 1 << 62


class Origin:
    """A source of one flow, or one of its users: who issues requests one after another."""

    __slots__ = ("flow", "index", "node", "place")

    def __init__(self, index: int, flow: int, node: int, place: int) -> None:
        self.index, self.flow, self.node, self.place = index, flow, node, place


class Request:
    """A request of a user: its number, when it was issued, how many tries it and its calls have made."""

    __slots__ = ("batch", "columns", "i", "id", "issued", "key", "origin", "serial", "user")

    id: int
    key: int
    origin: Origin
    issued: int
    serial: int
    batch: Batch
    columns: dict[Any, Any]  # the batch's draws, by name; works by visit
    i: int  # its row in them
    user: User | None  # who thinks when it has ended


class Try:
    """One try of a request, or of a call within it. `open` until its issuer has an answer or has given up."""

    __slots__ = ("arrived", "call", "choice", "deadline", "error", "hop", "key", "kind", "open", "parent", "request",
                 "site", "steps", "work")  # fmt: skip

    key: int
    kind: int
    request: Request
    site: Site
    parent: Try | None  # the try that waits for this one
    choice: Choice
    steps: Steps  # of the way that it is on; empty for a notice
    hop: int
    call: int  # calls made so far
    error: int  # why it cannot be answered well; 0 as long as it can
    open: bool
    deadline: int
    arrived: int  # at the pod; kept where threads block
    work: int  # ns that its work will take; kept in a queue where threads block

    @property
    def moves(self) -> bool:
        """Whether it still passes links and stations; the notice that a try has failed does not."""
        return self.kind in (LINK, ARRIVE, DONE) or (self.kind == BACK and bool(self.steps))


class Late:
    """A heap entry: this try runs into its time-out."""

    __slots__ = ("kind", "what")

    def __init__(self, what: Try) -> None:
        self.kind = LATE
        self.what = what
