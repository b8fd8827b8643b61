"""One image on its way to a node, layer by layer.

A pull asks for the manifest (one round trip), fetches the lacking layers, a few at once, and unpacks them from the base
up. It asks its neighbours first, where there are any, the mirror of its site, then the registry. A layer that two pulls
want travels once, and is unpacked once. Model: containerd.

Where an engine fetches deltas, a layer takes its share of the bytes if an earlier version of the image is here. Where
it pulls lazily, a share of each layer is fetched before the image counts as there, the rest behind the container's
back; what a container has to wait for later is not in the model.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from simpy.events import Event

from simulator.engine.activity import Activity
from simulator.engine.clock import Timer
from simulator.world.image import Image, Layer
from simulator.world.registry import Source

if TYPE_CHECKING:
    from simulator.runtime.puller import Puller

Done = Callable[[str], None]  # called with what went wrong, or with "" when the image is there


class Fetch:
    """Bytes of one layer on their way. Cut off in silence, it waits for the way to come back, but not for ever.

    `sources` are asked in turn; the last is the registry itself. Where nothing comes for the engine's time, and no
    other layer of a pull that wants it either, it is given up; looked at once in that time.
    """

    __slots__ = ("_from", "_left", "_puller", "_sources", "_timer", "_transfer", "layer", "pulls", "size", "whole")

    def __init__(self, puller: Puller, layer: Layer, sources: Sequence[Source], size: int, *, whole: bool) -> None:
        self._puller = puller
        self._sources = sources
        self._left = self.size = size
        self._from = -1  # the node that the bytes come from
        self._timer: Timer | None = None  # set while nothing comes
        self._transfer: Activity | None = None
        self.layer = layer
        self.whole = whole  # its archive, which the disk has to hold
        self.pulls: list[Pull] = []

    def begin(self) -> None:
        """Ask the first source; if it cannot send the layer yet, wait for it."""
        asked = self._sources
        asked[0].provide(self.layer, self.size, self._provided)
        if self._transfer is None and self._sources is asked:
            self._wait()

    def go(self) -> None:
        """Begin, or go on after a silence."""
        self._drop_timer()
        self._transfer = self._puller.network.transfer(self._from, self._puller.host.index, self._left)
        assert self._transfer.done.callbacks is not None  # made just now, so not yet processed
        self._transfer.done.callbacks.append(self._ended)

    @property
    def way(self) -> str:
        """Whom the bytes come from, in the record's words."""
        return self._sources[0].way

    @property
    def moves(self) -> bool:
        """Whether bytes come now, to this node or to whom it waits for."""
        if self._timer is not None:
            return self._transfer is None and self._sources[0].moves(self.layer, self.size)
        return self._transfer is not None

    @property
    def stalled(self) -> bool:
        """Whether no byte comes because the way is silent."""
        return self._timer is not None and self._transfer is not None

    def access(self) -> str:
        """What a connection between this node and the source meets now: ok, silent or refused."""
        here, there, network = self._puller.host.index, self._from, self._puller.network
        way = network.access(here, there)
        return way if way != "ok" else network.access(there, here)

    def stop(self) -> None:
        """Nobody wants it any more."""
        self._drop_timer()
        self._leave()
        transfer, self._transfer, self._sources = self._transfer, None, ()
        if transfer is not None:
            transfer.cancel()

    def _wait(self) -> None:
        self._timer = self._puller.host.clock.after(self._puller.host.settings.pulls.stall_ns, self._give_up)

    def _leave(self) -> None:
        if self._sources:
            self._sources[0].leave(self._provided)

    def _provided(self, node: int | None) -> None:
        if node is None:
            self._fail("connection reset")
        else:
            self._from = node
            self.go()

    def _ended(self, event: Event) -> None:
        transfer = self._transfer
        if transfer is None or transfer.done is not event:
            return
        if event.value:
            self._leave()
            self._puller.fetched(self, "")
            return
        self._left = round(transfer.remaining())
        if self.access() == "silent":
            self._wait()
        else:
            self._fail("connection reset")

    def _give_up(self) -> None:
        if any(fetch.moves for pull in self.pulls for fetch in pull.fetches) or self.moves:
            self._wait()
        else:
            self._fail("no progress")

    def _fail(self, error: str) -> None:
        """The source is of no use: begin again with the next, or tell what went wrong."""
        self._drop_timer()
        self._leave()
        self._transfer = None
        self._sources = self._sources[1:]
        if self._sources:
            self._left = self.size
            self.begin()
        else:
            self._puller.fetched(self, error)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Pull:
    """One image on its way, for everybody on the node who wants it."""

    __slots__ = ("_came", "_fetches", "_lacking", "_puller", "_timer", "_to_unpack", "_unpacking", "brought", "image",
                 "name", "over", "sources", "waiting")  # fmt: skip

    def __init__(self, puller: Puller, name: str) -> None:
        self._puller = puller
        self.name = name
        self.waiting: list[Done] = []
        self.image: Image | None = None
        self.over = False
        self.sources: Sequence[Source] = ()  # the first has answered, or is asked
        self.brought: Counter[str] = Counter()  # bytes of its layers, by the way they came
        self._lacking: deque[Layer] = deque()  # to be fetched
        self._to_unpack: deque[Layer] = deque()  # from the base up
        self._came: set[str] = set()  # digests of layers whose bytes are here
        self._fetches: dict[str, Fetch] = {}  # by digest
        self._unpacking: dict[str, Layer] = {}
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Its turn has come: ask for the manifest."""
        puller, clock = self._puller, self._puller.host.clock
        if not puller.allowance.take(clock.now):
            self.end("pull QPS exceeded")
            return
        self.sources = puller.sources(self.name)
        self._ask()

    @property
    def fetches(self) -> Iterable[Fetch]:
        """Its layers that are on their way."""
        return self._fetches.values()

    def _ask(self) -> None:
        puller, asked = self._puller, self.sources
        keeper = asked[0].keeper(self.name)
        assert keeper is not None  # neighbours are asked only where one has the image
        wait = puller.host.settings.pulls.dial_timeout_ns
        self._timer = puller.host.clock.after(wait, self._unanswered, asked, "registry does not answer")

        def refused() -> None:
            self._unanswered(asked, "registry refuses")

        def distrusted() -> None:
            self._unanswered(asked, "x509: certificate has expired or is not yet valid")

        def reached() -> None:
            if asked[0].tls and not puller.network.clocks.trusts(puller.host.index, "registry"):
                puller.network.send(keeper, puller.host.index, 0, distrusted)
            else:
                asked[0].ask(self.name, answer, refused)

        def answer(image: Image | None) -> None:
            puller.network.send(keeper, puller.host.index, 0, self._answered, asked, image)

        puller.network.send(puller.host.index, keeper, 0, reached, failed=refused)

    def _unanswered(self, asked: Sequence[Source], error: str) -> None:
        """This source is of no use: ask the next."""
        if self.over or asked is not self.sources:
            return
        self._drop_timer()
        if len(asked) > 1:
            self.sources = asked[1:]
            self._ask()
        else:
            self.end(error)

    def _answered(self, asked: Sequence[Source], image: Image | None) -> None:
        if self.over or asked is not self.sources or self.image is not None:
            return
        self._drop_timer()
        puller = self._puller
        if image is None:
            self.end("not found")
            return
        self.image = image
        puller.store.hold(image)
        lacking = puller.store.missing(image)
        self._to_unpack.extend(lacking)
        self._came.update(layer.digest for layer in lacking if puller.store.has_archive(layer))
        self._lacking.extend(layer for layer in lacking if layer.digest not in self._came)
        if not lacking:
            self._timer = puller.host.clock.after(0, self.end, "")
            return
        self._fill()
        self._unpack()

    def _fill(self) -> None:
        """Keep as many layers on their way as is allowed."""
        puller = self._puller
        assert self.image is not None
        while self._lacking and not self.over and len(self._fetches) < puller.layers_at_once:
            layer = self._lacking.popleft()
            if puller.is_here(layer):  # another pull has brought it meanwhile
                self._came.add(layer.digest)
            else:
                self._fetches[layer.digest] = puller.fetch(layer, self)

    def _unpack(self) -> None:
        """Have the layers unpacked whose bytes are here, and all below them; pipelined, those that are on their way."""
        puller, engine = self._puller, self._puller.engine
        if not engine.overlap and (self._lacking or self._fetches):
            return
        while self._to_unpack and not self.over:
            layer = self._to_unpack[0]
            came = layer.digest in self._came or puller.is_here(layer)
            if not came and not (engine.pipelined and layer.digest in self._fetches):
                return
            self._to_unpack.popleft()
            if not puller.store.has_layer(layer):
                self._unpacking[layer.digest] = layer
                puller.unpacker.add(layer, came, self._unpacked)
        self._see_whether_done()

    def layer_came(self, layer: Layer) -> None:
        """The bytes of a layer are here."""
        del self._fetches[layer.digest]
        self._came.add(layer.digest)
        self._fill()
        if not self.over:
            self._unpack()

    def _unpacked(self, layer: Layer, error: str) -> None:
        self._unpacking.pop(layer.digest, None)
        if error:
            self.end(error)
        else:
            self._see_whether_done()

    def _see_whether_done(self) -> None:
        if not (self.over or self._to_unpack or self._unpacking):
            self.end("")

    def end(self, error: str) -> None:
        """It is over, well (no error) or not. What has come stays on the disk."""
        if self.over:
            return
        self.over = True
        self._drop_timer()
        for fetch in self._fetches.values():
            self._puller.leave(fetch, self)
        self._fetches.clear()
        for layer in self._unpacking.values():
            self._puller.unpacker.leave(layer, self._unpacked)
        self._unpacking.clear()
        if self.image is not None:
            self._puller.store_image(self.image, error)
        self._puller.ended(self, error)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
