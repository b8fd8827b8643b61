"""What radios and wired ports take, by machine: from what links carry, and from the states of radios that sleep.

A radio is that of a link's first node, as `up` is what that node sends: the other end belongs to the network, or is a
machine whose own radio nobody has measured. Ports are those of links whose model is no radio, at either end. Power is
the machine's: without it neither takes any.

What readings take is added up by interval at the end, from what was sent in each. Only over links of machines with a
battery, which has to know, and over those whose rate follows a trace it is looked at as the run goes on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

import numpy as np

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue, Model
from simulator.physics.power import Floats
from simulator.physics.radio import RadioLaw
from simulator.runtime.load import Load
from simulator.simulation.clusters.world import World
from simulator.traffic.busy import Busy
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND
from simulator.world.link import LinkRow
from simulator.world.promotion import Promotion
from simulator.world.radio_states import RadioStates

PARTS: Final = ("radio", "port")
_NEEDS_IDLE: Final = tuple(
    f"radio.{name}" for name in ("promotion", "tail", "send", "receive", "send_bit", "receive_bit", "frame")
)


def radio_law(page: Model, sleeps: bool) -> RadioLaw | None:
    """The radio of a link's model; None: it is none. One that never `sleeps` rests connected, or idle where its model
    knows no other state. Raises UserError where facts are missing, or contradict each other."""
    if not page.has("radio.idle"):
        if odd := [field for field in _NEEDS_IDLE if page.has(field)]:
            raise UserError(Problem(f"{page.name} has {odd[0]}, but no fact radio.idle"))
        return None

    def of(field: str, otherwise: float = 0.0) -> float:
        return float(page.quantity(f"radio.{field}")) if page.has(f"radio.{field}") else otherwise

    if sleeps and not (page.has("radio.promotion") and page.has("radio.tail")):
        said = f"{page.name} says that its radio sleeps, but not what it takes when it wakes and is connected"
        raise UserError(Problem(said, hint="radio.promotion and radio.tail"))
    rest = of("tail") if sleeps or page.has("radio.tail") else of("idle")
    try:
        return RadioLaw(
            rest_w=rest,
            idle_w=of("idle") if sleeps else rest,
            promotion_w=of("promotion") if sleeps else 0.0,
            send_w=of("send", rest),
            receive_w=of("receive", rest),
            send_bit_j=of("send_bit"),
            receive_bit_j=of("receive_bit"),
            frame_j=of("frame"),
        )
    except ValueError as error:
        raise UserError(Problem(f"{page.name}: {error}", hint="radio.send and radio.receive")) from None


class Transmitters:
    """Looks at all links from now, t = 0, on, whenever it is asked. `loads` are those of the machines, by node;
    `batteries` the nodes that have one."""

    __slots__ = ("_bit_j", "_busy", "_bytes", "_frame_j", "_frames", "_joules", "_live", "_loads", "_most_w", "_ns",
                 "_overhead", "_owner", "_part", "_plane", "_readings", "_rest_w", "_seen", "_sleepers", "_unsent",
                 "_watts", "_world", "any")  # fmt: skip

    def __init__(
        self, world: World, plane: RequestPlane, busy: Busy, catalogue: Catalogue,
        *, loads: Sequence[Load], batteries: Collection[int],
    ) -> None:  # fmt: skip
        """Raises UserError where facts of a radio are missing, or contradict each other."""
        self._world, self._plane, self._busy, self._loads = world, plane, busy, loads
        network, nodes = world.network, world.nodes
        hops, machines = len(network.rate_bps), len(nodes.names)
        # By end (sender, receiver) and directed link: whose it is (-1: nobody's), and what it takes.
        self._owner, self._part = np.full((2, hops), -1), np.zeros(hops, np.int64)
        self._bit_j, self._watts, self._frame_j = np.zeros((3, 2, hops))
        self._overhead = np.zeros(hops)  # s of airtime of each frame that its size does not make
        self._rest_w, self._most_w = np.zeros((2, machines))
        self._joules = np.zeros((len(PARTS), machines))
        self._sleepers: dict[int, _Sleeper] = {}  # by identity of the radio
        self._bytes, self._ns, self._frames, self._readings, self._unsent = np.zeros((5, hops))
        self._seen = world.clock.now
        ports = [_port(catalogue.model("nodes", row.model)) for row in nodes.rows]
        laws = dict[tuple[str, bool], RadioLaw | None]()
        awake = set[tuple[int, str]]()  # one radio has many links where it roams
        for i, row in enumerate(network.links):
            radio = network.radios[i]
            key = row.model, radio is not None
            if key not in laws:
                laws[key] = radio_law(catalogue.model("links", row.model), radio is not None) if row.model else None
            law = laws[key]
            if law is None:
                for node, sends in ((row.a, 2 * i), (row.b, 2 * i + 1)):
                    self._own(node, sends, sends ^ 1, RadioLaw(0.0, send_bit_j=ports[node], receive_bit_j=ports[node]))
                self._part[2 * i : 2 * i + 2] = PARTS.index("port")
                continue
            self._own(row.a, 2 * i, 2 * i + 1, law)
            if row.duty_cycle < 1:
                self._overhead[2 * i : 2 * i + 2] = row.latency_ns / SECOND
            self._rests(row, law, radio, awake)
        self.any = bool((self._owner >= 0).any())
        traced = np.array([each is not None for each in network.capacities], np.bool_)
        own = np.isin(self._owner, list(batteries))
        self._live = frozenset(np.flatnonzero((own.any(axis=0) | traced) & (self._owner >= 0).any(axis=0)).tolist())
        if self.any and any(any(row.traces) for row in network.links):
            network.before_rates.append(self.look)

    def _own(self, node: int, sends: int, receives: int, law: RadioLaw) -> None:
        """A machine's end of one link."""
        if law == RadioLaw(0.0):
            return
        for end, hop, bit_j, watts in (
            (0, sends, law.send_bit_j, law.send_w),
            (1, receives, law.receive_bit_j, law.receive_w),
        ):
            self._owner[end, hop] = node
            self._bit_j[end, hop], self._watts[end, hop] = bit_j, watts - law.rest_w
        self._frame_j[0, sends] = law.frame_j

    def _rests(self, row: LinkRow, law: RadioLaw, radio: Promotion | None, awake: set[tuple[int, str]]) -> None:
        """What a radio takes when no bit passes, once for all of its links."""
        if radio is not None:
            if id(radio) in self._sleepers:
                return
            self._sleepers[id(radio)] = _Sleeper(row.a, law, radio)
        elif not row.radio or (row.a, row.radio) not in awake:
            awake.add((row.a, row.radio))
            self._rest_w[row.a] += law.rest_w
        else:
            return
        self._most_w[row.a] += law.most_w(row.up_bps, row.down_bps)

    def rest_w(self, node: int) -> float:
        """What the radios of a machine take as long as nobody sends: before anything was measured."""
        asleep = sum(sleeper.law.idle_w for sleeper in self._sleepers.values() if sleeper.node == node)
        return float(self._rest_w[node]) + asleep

    def most_w(self, node: int) -> float:
        """The most that the radios of a machine can take."""
        return float(self._most_w[node])

    def joules(self, part: str) -> Floats:
        """By machine: what one part of it has taken up to the last look, but for what is `late`."""
        found: Floats = self._joules[PARTS.index(part)].copy()
        return found

    def late(self, intervals: int) -> Iterator[Floats]:
        """For each interval: by part and machine, what readings took to which no look was given. At the end."""
        rates, live = np.array(self._world.network.rate_bps), list(self._live)
        open_ = rates > 0
        for sent in self._plane.telemetry.sent.by_interval(intervals, len(rates)):
            sent[:, live] = 0
            bits, frames = sent
            on_air = frames * self._overhead
            on_air[open_] += bits[open_] / rates[open_]
            yield self._took(bits, on_air, frames)

    def look(self) -> None:
        """Add what was taken since the last look. It has to come before a machine's power does or goes."""
        now = self._world.clock.now
        if now == self._seen or not self.any:
            return
        self._plane.settle(now)
        if self._live:
            self._plane.telemetry.advance(now, self._live)
        self._send()
        on = np.array([load.on for load in self._loads])
        radio = self._joules[PARTS.index("radio")]
        radio += on * self._rest_w * ((now - self._seen) / SECOND)
        for sleeper in self._sleepers.values():
            took = sleeper.took(now)
            if on[sleeper.node]:
                radio[sleeper.node] += took
        self._seen = now

    def _send(self) -> None:
        network = self._world.network
        rates: Floats = np.array(network.rate_bps)
        bytes_now, ns = np.array(network.bytes_carried), self._busy.by_hop(len(rates))
        readings, frames = np.zeros((2, len(rates)))
        if self._live:
            live = list(self._live)
            sent = self._plane.telemetry.sent.total(len(rates))
            readings[live], frames[live] = sent[:, live]
        seconds, new = (ns - self._ns) / SECOND, frames - self._frames
        whole = 8 * (bytes_now - self._bytes) + readings - self._readings  # bits of which nobody knows when they leave
        self._unsent += whole  # while a trace says 0, they wait
        open_ = rates > 0
        on_air = seconds * open_ + new * self._overhead
        on_air[open_] += self._unsent[open_] / rates[open_]
        self._unsent[open_] = 0
        self._joules += self._took(seconds * rates + whole, on_air, new)
        self._bytes, self._ns, self._frames, self._readings = bytes_now, ns, frames, readings

    def _took(self, bits: Floats, on_air: Floats, frames: Floats) -> Floats:
        """J by part and machine for what directed links send, and how long (s)."""
        took = bits * self._bit_j + on_air * self._watts + frames * self._frame_j
        owned, found = self._owner >= 0, np.zeros_like(self._joules)
        part = np.broadcast_to(self._part, owned.shape)[owned]
        np.add.at(found, (part, self._owner[owned]), took[owned])
        return found


def _port(page: Model) -> float:
    return float(page.quantity("power.per_bit")) if page.has("power.per_bit") else 0.0


class _Sleeper:
    """The radio of one machine, if it sleeps."""

    __slots__ = ("_seen", "_states", "law", "node")

    def __init__(self, node: int, law: RadioLaw, radio: Promotion) -> None:
        self.node, self.law, self._states = node, law, RadioStates(radio)
        self._seen = (0, 0, 0)  # the time of the last look, and how long it had woken and been connected by then

    def took(self, now: int) -> float:
        """J since the last look, as if no bit had passed."""
        before, self._seen = self._seen, (now, *self._states.until(now))
        span, waking, connected = (new - old for new, old in zip(self._seen, before, strict=True))
        law = self.law
        watt_ns = law.idle_w * (span - waking - connected) + law.promotion_w * waking + law.rest_w * connected
        return watt_ns / SECOND
