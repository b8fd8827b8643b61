"""When a quiet agent polls: the law by which its interval grows, evaluated when somebody asks.

After each poll without news a counter goes up; when it reaches most ÷ interval (whole), the interval grows by a step
and the counter starts anew. Model: anax changes/changes_worker.go. A poll costs no event unless it finds something.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.control.agreements.settings import PollSettings


class _Place(NamedTuple):
    """Where a poll clock stands: `base` is what the next interval counts from, `heard` the last poll, `quiet` how many
    quiet polls have counted at this interval."""

    base: int
    heard: int
    interval: int
    quiet: int


class Polls:
    """One agent's polls while nothing stands in their way. Times in ns."""

    __slots__ = ("_at", "_grows_ns", "_kept", "_settings")

    def __init__(self, settings: PollSettings, now: int, first: int) -> None:
        """The agent has registered `now`; its first poll is due at `first`."""
        self._settings = settings
        self._at = _Place(first - settings.least_ns, now, settings.least_ns, 0)
        self._grows_ns = now + settings.quiet_ns
        self._kept: int | None = None  # the interval to return to when polls succeed again

    # What is asked.

    def interval(self, now: int) -> int:
        """The interval in force."""
        return self._walk(now).interval

    def heard(self, now: int) -> int:
        """The last poll at or before `now`, the time of registration where there was none."""
        return self._walk(now).heard

    def due(self, time: int) -> int:
        """The first poll at or after `time`, if all before it find nothing."""
        at = self._walk(time - 1)
        return max(at.base + at.interval, time)

    # What happens.

    def pass_until(self, now: int) -> None:
        """Everything up to and at `now` was quiet."""
        self._at = self._walk(now)

    def poll(self, now: int) -> None:
        """A poll is made now whose outcome is open; the next counts from it. All before were told of."""
        self._at = self._at._replace(base=now, heard=now)

    def waited(self, time_ns: int) -> None:
        """The poll made last has waited for so long at the hub: the next counts from its answer."""
        self._at = self._at._replace(base=self._at.base + time_ns, heard=self._at.heard + time_ns)

    def quiet(self) -> None:
        """The poll made last has found nothing."""
        self._at = self._counted(self._at, self._at.base, 1)

    def agreed(self, now: int) -> None:
        """The node has an agreement: from now on the interval may grow."""
        self._grows_ns = min(self._grows_ns, now)

    def reset(self, now: int) -> None:
        """A negotiation has begun, or a policy has changed: poll as often as can be."""
        self._at = self._at._replace(base=now, interval=self._settings.least_ns, quiet=0)

    def alert(self, now: int) -> None:
        """Something has changed that is no negotiation: poll more often than at rest."""
        at = self._at
        self._at = at._replace(base=now, interval=min(at.interval, self._settings.alert_ns), quiet=0)

    def failed(self) -> None:
        """A poll has failed: from here on as often as can be."""
        if self._kept is None:
            self._kept = self._at.interval
        self._at = self._at._replace(interval=self._settings.least_ns, quiet=0)

    def restored(self) -> None:
        """A poll has been answered: if others before it failed, the interval of before them may come back."""
        if self._kept is not None and self._settings.restore:
            self._at = self._at._replace(interval=self._kept)
        self._kept = None

    # Inside.

    def _walk(self, to: int) -> _Place:
        at, most = self._at, self._settings.most_ns
        while at.base + at.interval <= to:
            polls = (to - at.base) // at.interval
            if at.interval < most:
                if at.base + at.interval < self._grows_ns:  # these do not count
                    polls = min(polls, -(-(self._grows_ns - at.base) // at.interval) - 1)
                else:
                    polls = min(polls, max(1, most // at.interval - at.quiet))
            at = self._counted(at, at.base + polls * at.interval, polls)
        return at

    def _counted(self, at: _Place, now: int, polls: int) -> _Place:
        """After so many quiet polls at one interval, the last of them now."""
        settings = self._settings
        interval, count = at.interval, at.quiet
        if interval < settings.most_ns and now >= self._grows_ns:
            count += polls
            if count >= settings.most_ns // interval:
                interval, count = min(interval + settings.step_ns, settings.most_ns), 0
        return _Place(now, now, interval, count)
