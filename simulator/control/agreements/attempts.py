"""Requests that fail, and when the next is made: evaluated when somebody asks, none costs an event."""

from __future__ import annotations


class Attempts:
    """A cycle is `retries` + 1 requests, `gap_ns` apart; the next cycle begins `pause_ns` after the last has failed.

    How long a request takes to fail is its caller's to say: nothing where it is refused, its time-out where nobody
    answers. `at` is when the request begins that comes, or is under way.
    """

    __slots__ = ("_gap_ns", "_pause_ns", "_retries", "_syn_ns", "_tried", "at")

    def __init__(self, retries: int, gap_ns: int, pause_ns: int, syn_ns: int) -> None:
        self._retries = retries
        self._gap_ns = gap_ns
        self._pause_ns = pause_ns
        self._syn_ns = syn_ns
        self._tried = 0  # requests of this cycle that have failed
        self.at = 0

    def begin(self, at: int) -> None:
        """A cycle's first request is made then."""
        self.at = at
        self._tried = 0

    def ended(self, now: int) -> bool:
        """A request has failed now. Whether the cycle has failed with it."""
        if self._tried < self._retries:
            self._tried += 1
            self.at = now + self._gap_ns
            return False
        self.begin(now + self._pause_ns)
        return True

    def pass_until(self, now: int, took: int) -> bool:
        """Every request that has ended by now was in vain. Whether a cycle has failed meanwhile."""
        failed = False
        if not self._tried and self.at + took <= now:
            cycles = (now - self.at) // self._cycle_ns(took)
            self.at += cycles * self._cycle_ns(took)
            failed = cycles > 0
        while self.at + took <= now:
            failed |= self.ended(self.at + took)
        return failed

    def fails(self, took: int, after: int) -> int:
        """The end of the first cycle that fails later than `after`."""
        end = self.at + took + (self._retries - self._tried) * (self._gap_ns + took)
        if end > after:
            return end
        return end + -(-(after + 1 - end) // self._cycle_ns(took)) * self._cycle_ns(took)

    def succeeds(self, now: int, took: int) -> int:
        """When a request will get through if somebody answers from now on; one under way sends its next SYN."""
        if self.at >= now:
            return self.at
        sent, gap = self.at, self._syn_ns
        while sent < now:
            sent, gap = sent + gap, 2 * gap
        if sent <= self.at + took:
            return sent
        self.ended(self.at + took)
        return self.at

    def _cycle_ns(self, took: int) -> int:
        return (self._retries + 1) * took + self._retries * self._gap_ns + self._pause_ns
