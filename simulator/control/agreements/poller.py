"""The polls of one agent as they are made: computed while quiet or while the way is broken, real messages otherwise.

How a poll fails depends on the cut. Refused: at once. Silent: after its time-out; one under way when the way returns
sends its next SYN. One-way: a connection needs both directions, so as silent. Lossy: TCP repeats, and a poll fails only
if that takes longer than its time-out; every poll is then made, since each has its own luck.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import gcd
from typing import Final

from simulator.control.agreements.attempts import Attempts
from simulator.control.agreements.exchange import Exchange
from simulator.control.agreements.mailbox import Mail
from simulator.control.agreements.polling import Polls
from simulator.control.agreements.settings import PollSettings
from simulator.control.delivery.reach import OK, SILENT, Reach
from simulator.control.liveness.lease import NEVER
from simulator.engine.clock import Clock, Timer
from simulator.runtime.ticks import next_tick
from simulator.streams import Rng, key
from simulator.units import SECOND
from simulator.world.network import Network

_QUIET: Final = "quiet"  # polls find nothing: they are computed
_SET: Final = "set"  # the next poll will be made, at the time of the timer
_SENT: Final = "sent"  # a poll is under way
_STUCK: Final = "stuck"  # the way is broken: failing polls are computed
_OFF: Final = "off"  # the agent does not work


class Poller:
    """`answered(mails)` is called with what a poll has brought, `broke()` when the heartbeat has failed, and
    `restored(gap)` when it is back, so many ns after the last good poll."""

    __slots__ = ("_answered", "_arrived", "_attempts", "_broke", "_broken", "_came", "_clock", "_exchange", "_good",
                 "_grace", "_in_cycle", "_index", "_key", "_mode", "_network", "_polls", "_reach", "_restored", "_row",
                 "_settings", "_timer", "_took", "_trial", "_whole")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        network: Network,
        reach: Reach,
        *,
        row: int,
        name: str,
        exchange: Exchange,
        settings: PollSettings,
        answered: Callable[[tuple[Mail, ...]], None],
        restored: Callable[[int], None],
        broke: Callable[[], None],
    ) -> None:
        self._clock, self._network, self._reach, self._row = clock, network, reach, row
        self._index = reach.rows[row]
        self._exchange, self._settings = exchange, settings
        self._key = key(name)  # at the Exchange's intake
        self._answered, self._restored, self._broke = answered, restored, broke
        first = clock.now + int(settings.least_ns * rng.draw("poll-phase", self._key))
        self._polls = Polls(settings, clock.now, first)
        self._attempts = Attempts(settings.retries, settings.gap_ns, settings.least_ns, settings.syn_ns)
        self._in_cycle = False  # a poll has begun, or failed, and none has been answered since
        self._took = 0  # how long a request takes to fail on the way as it is
        self._arrived = self._good = clock.now  # when the last poll that was made arrived; was answered
        self._whole = int(reach.delay_ns[row])
        self._came = clock.now  # when the request under way came to the Exchange
        self._broken = False  # the heartbeat has failed
        self._timer: Timer | None = None  # the next poll, or the time-out of the one under way
        self._grace: Timer | None = None  # when the heartbeat will have failed
        self._trial = 0  # which request that is: late answers to earlier ones count for nothing
        self._mode = _QUIET
        if not self._smooth:
            self.path_changed()

    # What the Exchange sees.

    def heard(self) -> int:
        """When the last poll that arrived did so."""
        if self._mode != _QUIET:
            return self._arrived
        delay = self._delay
        return max(self._arrived, self._polls.heard(self._clock.now - delay) + delay)

    def next_poll(self) -> int | None:
        """When the next poll is made if everything goes on as it does."""
        if self._mode == _SET and self._timer is not None:
            return self._timer.time
        return self._polls.due(self._clock.now + 1) if self._mode in (_QUIET, _SENT) else None

    def polls_per_s(self) -> float:
        """How often it polls now, with success."""
        return 0.0 if self._mode in (_STUCK, _OFF) else SECOND / self._polls.interval(self._clock.now)

    def overdue(self, missing_ns: int, origin: int, period: int) -> int | None:
        """The first pass at which the last poll would be too old."""
        now, most = self._clock.now, self._settings.most_ns
        if self._mode != _QUIET:
            return next_tick(origin, period, max(now + 1, self._arrived + missing_ns))
        if missing_ns > most:
            return None
        delay = self._delay
        at, steady = next_tick(origin, period, now + 1), 0
        # Once the interval has stopped growing, polls and passes meet in the same way again after a common multiple.
        while steady <= most // gcd(most, period):
            if at - max(self._arrived, self._polls.heard(at - delay) + delay) >= missing_ns:
                return at
            steady += self._polls.interval(at - delay) >= most
            at += period
        return None

    def news(self) -> None:
        """Something waits: the next poll is made."""
        if self._mode == _QUIET:
            self._go_on()

    # At a loaded Exchange.

    def due(self) -> int:
        """When the next quiet poll comes to the Exchange, now at the earliest; NEVER while the next is not quiet."""
        if self._mode != _QUIET:
            return NEVER
        delay = self._delay
        return self._polls.due(self._clock.now - delay) + delay

    def made(self) -> int:
        """The quiet poll that comes now has to wait. From here on it is a request like any other: this one."""
        self._came = self._clock.now
        sent = self._came - self._delay
        self._good = self._polls.heard(sent - 1)
        self._arrived = max(self._arrived, self._good + self._came - sent)
        self._polls.pass_until(sent - 1)
        self._request(sent)
        return self._trial

    def taken(self, trial: int) -> None:
        """A request has been taken, and is answered."""
        self._arrived = self._clock.now
        if self._mode == _SENT and trial == self._trial:
            self._polls.waited(self._arrived - self._came)
        mails = self._exchange.polled(self._index)
        size = self._settings.bytes + self._exchange.size(mails)
        self._network.send(self._reach.api_node, self._index, size, self._response, trial, mails)

    def lost(self, trial: int) -> None:
        """A request has failed."""
        if self._mode != _SENT or trial != self._trial:
            return
        if self._attempts.ended(self._clock.now):
            self._fail()
        if self._state == OK:
            self._set(self._attempts.at)
        else:
            self._stick(self._attempts.at)

    # What its agent does.

    def start(self) -> None:
        """The agent works: it polls at once."""
        now = self._clock.now
        self._polls = Polls(self._settings, now, now)
        self._good = now
        self._set(now)

    def halt(self) -> None:
        """The agent works no more."""
        self._arrived = self.heard()
        self._stop()
        self._mode, self._in_cycle, self._broken = _OFF, False, False
        self._exchange.pulse_changed(self._index)

    def agreed(self) -> None:
        """The node has an agreement: its interval may grow."""
        self._adjust(self._polls.agreed)

    def reset(self) -> None:
        """Poll as often as can be."""
        self._adjust(self._polls.reset)

    def alert(self) -> None:
        """Poll more often than at rest."""
        self._adjust(self._polls.alert)

    # What its way does.

    def path_changed(self) -> None:
        """The way to the Exchange is another. A poll under way finds out by itself."""
        now = self._clock.now
        match self._mode:
            case "quiet" if not self._smooth:
                self._arrived = self.heard()
                self._good = self._polls.heard(now)
                self._polls.pass_until(now)
                self._go_on()
            case "set" if self._state != OK and self._timer is not None:
                self._stick(self._timer.time)
            case "stuck":
                if self._attempts.pass_until(now, self._took):
                    self._polls.failed()
                if self._state == OK:
                    self._set(self._attempts.succeeds(now, self._took))
                else:
                    self._stick(self._attempts.at)
            case "set":
                self._go_on()
            case "quiet":
                self._exchange.comes_otherwise(self._index)

    # Inside.

    @property
    def _state(self) -> int:
        return int(self._reach.state[self._row])

    @property
    def _smooth(self) -> bool:
        return self._state == OK and not self._reach.loss[self._row]

    @property
    def _delay(self) -> int:
        """How long a poll is on its way, or was when the way was whole last."""
        if self._state == OK:
            self._whole = int(self._reach.delay_ns[self._row])
        return self._whole

    def _adjust(self, change: Callable[[int], None]) -> None:
        now = self._clock.now
        if self._mode == _QUIET:
            self._arrived = self.heard()
            self._polls.pass_until(now)
        change(now)
        if self._mode in (_QUIET, _SET) and not self._in_cycle:
            self._go_on()

    def _go_on(self) -> None:
        """What comes next after what has just happened."""
        self._stop()
        if self._smooth and not self._exchange.waiting(self._index):
            self._mode = _QUIET
            self._exchange.pulse_changed(self._index)
            return
        now = self._clock.now
        if self._mode == _QUIET:
            self._arrived = self.heard()
            self._good = self._polls.heard(now)
            self._polls.pass_until(now)
        due = self._polls.due(now)
        if self._state == OK:
            self._set(due)
        else:
            self._stick(due)

    def _set(self, at: int) -> None:
        self._stop()
        self._mode = _SET
        self._timer = self._clock.at(at, self._poll)
        self._exchange.pulse_changed(self._index)

    def _stick(self, at: int) -> None:
        """The way is broken: the next request, at `at`, and all after it fail."""
        self._stop()
        self._mode = _STUCK
        if not self._in_cycle:
            self._attempts.begin(at)
            self._in_cycle = True
        self._took = self._settings.timeout_ns if self._state == SILENT else 0
        if not self._broken:
            end = self._attempts.fails(self._took, max(self._good + self._settings.failed_ns, self._clock.now - 1))
            self._grace = self._clock.at(end, self._break)
        self._exchange.pulse_changed(self._index)

    def _break(self) -> None:
        self._attempts.pass_until(self._clock.now, self._took)
        self._fail()

    def _fail(self) -> None:
        """A whole poll has failed."""
        self._polls.failed()
        if not self._broken and self._clock.now - self._good > self._settings.failed_ns:
            self._broken = True
            self._broke()

    def _poll(self) -> None:
        self._request(self._clock.now)
        self._network.send(
            self._index, self._reach.api_node, self._settings.bytes, self._arrive, self._trial,
            failed=partial(self.lost, self._trial),
        )  # fmt: skip

    def _request(self, sent: int) -> None:
        self._mode = _SENT
        self._trial += 1
        self._polls.poll(sent)
        if not self._in_cycle:
            self._attempts.begin(sent)
            self._in_cycle = True
        self._timer = self._clock.at(sent + self._settings.timeout_ns, self.lost, self._trial)

    def _arrive(self, trial: int) -> None:
        if trial == self._trial:
            self._came = self._clock.now
        self._exchange.take_in(self._key, self.taken, trial, lost=self.lost)

    def _response(self, trial: int, mails: tuple[Mail, ...]) -> None:
        if self._mode != _SENT or trial != self._trial:
            return
        now = self._clock.now
        gap, self._good = now - self._good, now
        broken, self._broken, self._in_cycle = self._broken, False, False
        self._polls.restored()
        if not mails:
            self._polls.quiet()
        self._mode = _SET
        self._go_on()
        if broken:
            self._restored(gap)
        if mails:
            self._answered(mails)

    def _stop(self) -> None:
        for timer in (self._timer, self._grace):
            if timer is not None:
                timer.cancel()
        self._timer = self._grace = None
