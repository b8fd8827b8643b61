"""The database on an edge node (edgecore.db): what has arrived is written there first, and it outlives power cuts."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping

from simulator.control.delivery.ledger import Letter
from simulator.engine.clock import Clock

Taker = Callable[[Letter], None]  # what to do with a letter of one kind


class EdgeStore:
    """The letters that one node has, each in its latest version. A version that it has had is not applied again."""

    __slots__ = ("_clock", "_letters", "_life", "_takers", "_versions", "_write_ns")

    def __init__(self, clock: Clock, write_ns: int, takers: Mapping[str, Taker]) -> None:
        self._clock = clock
        self._write_ns = write_ns
        self._takers = takers
        self._letters: dict[Hashable, Letter] = {}
        self._versions: dict[Hashable, int] = {}  # of what was deleted too
        self._life = 0

    def knows(self, letter: Letter) -> bool:
        """Whether it has written this version, or a later one."""
        return self._versions.get(letter.key, 0) >= letter.version

    def file(self, letter: Letter) -> None:
        """A letter that was written, and acted upon, before time began."""
        self._letters[letter.key], self._versions[letter.key] = letter, letter.version

    def receive(self, letter: Letter, written: Callable[[], None]) -> None:
        """Write a letter, act upon it, then call `written`; a known one is only confirmed."""
        if self.knows(letter):
            written()
        else:
            self._clock.after(self._write_ns, self._write, self._life, letter, written)

    def cut_off(self) -> None:
        """Power is gone, and with it what was being written."""
        self._life += 1

    def hand_over(self) -> None:
        """Act upon all that is there: the process that does so has just started."""
        for letter in tuple(self._letters.values()):
            self._takers[letter.kind](letter)

    def _write(self, life: int, letter: Letter, written: Callable[[], None]) -> None:
        if life != self._life:
            return
        if not self.knows(letter):
            self.file(letter)
            if letter.delete:
                del self._letters[letter.key]
            self._takers[letter.kind](letter)
        written()
