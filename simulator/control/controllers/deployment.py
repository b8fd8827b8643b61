"""Deployments: a ReplicaSet per template, and the slow change from one to the next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import ceil, floor

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Deployment, ReplicaSet
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller
from simulator.control.controllers.index import PodIndex
from simulator.engine.clock import Clock
from simulator.streams import key as identity
from simulator.world.pod import PodTemplate

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes' safe alphabet: no vowels, no words


def template_hash(template: PodTemplate) -> str:
    """The pod-template-hash: ten letters that are the same for equal templates."""
    number, letters = identity(repr(template)), []
    for _ in range(10):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


def bounds(deployment: Deployment) -> tuple[int, int]:
    """How many pods above, and how many below the wanted number a rolling update may go: surge, unavailable.

    Shares are rounded up for the surge and down for what may be missing; if both are 0, one may be missing.
    """
    surge = _resolve(deployment.max_surge, deployment.replicas, up=True)
    missing = _resolve(deployment.max_unavailable, deployment.replicas, up=False)
    return surge, missing if surge or missing else 1


def _resolve(value: int | str, replicas: int, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = replicas * int(value.removesuffix("%")) / 100
    return ceil(share) if up else floor(share)


class DeploymentController(Controller[Deployment]):
    """RollingUpdate and Recreate. `history` old, empty ReplicaSets are kept of each."""

    __slots__ = ("_hashes", "_history", "_pods", "_sets")

    def __init__(
        self,
        clock: Clock,
        server: ApiServer,
        client: Client,
        pods: PodIndex,
        *,
        workers: int,
        history: int,
        retry: RetrySettings,
    ) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._pods = pods
        self._history = history
        self._sets: dict[int, dict[int, ReplicaSet]] = defaultdict(dict)  # deployment uid -> its sets, oldest first
        self._hashes: dict[int, tuple[PodTemplate, str]] = {}
        server.watch(Deployment, self._changed)
        server.watch(ReplicaSet, self._set_changed)
        pods.hooks.append(lambda _event, pod: self._recreate_waits(pod.owner))

    def update(self, deployment: Deployment, template: PodTemplate) -> None:
        """A user applies another template: roll to it. Written at once; the controller sees it by its watch."""
        deployment.template = template
        deployment.generation += 1
        self.server.changed(deployment)

    def scale(self, deployment: Deployment, replicas: int) -> None:
        """A user wants another number of replicas."""
        deployment.replicas = replicas
        deployment.generation += 1
        self.server.changed(deployment)

    def everything(self) -> list[Deployment]:
        """Every deployment."""
        return list(self.server.list(Deployment))

    def sync(self, key: Deployment) -> Sync:
        """One step of the roll-out: what it changes brings the next."""
        sets = list(self._sets[key.uid].values())
        if key.deleted or key.deletion_ns is not None:
            yield self.call_all([(self.server.remove, (each,)) for each in sets])
            return None
        wanted = self._hash(key.template)
        new = next((each for each in sets if each.hash == wanted), None)
        old = [each for each in sets if each is not new]
        if key.strategy == "Recreate":
            yield from self._recreate(key, new, old)
        else:
            yield from self._roll(key, new, old)
        return None

    def _recreate(self, key: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> Sync:
        running = [each for each in old if each.replicas]
        if running:
            yield self.call_all([(self._scale, (each, 0)) for each in running])
        elif not any(self._pods.owned(each) for each in old):
            if new is None:
                yield self.call(self._create, key, key.replicas)
            elif new.replicas != key.replicas:
                yield self.call(self._scale, new, key.replicas)
        return None

    def _roll(self, key: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> Sync:
        total = sum(each.replicas for each in old) + (new.replicas if new else 0)
        surge, missing = bounds(key)
        has = new.replicas if new else 0
        target = min(has + max(0, key.replicas + surge - total), key.replicas) if has <= key.replicas else key.replicas
        if new is None:
            yield self.call(self._create, key, target)
        elif target != has:
            yield self.call(self._scale, new, target)
        elif any(each.replicas for each in old):
            steps = scale_down(key.replicas - missing, new, old)
            yield self.call_all([(self._scale, step) for step in steps])
        elif new.available >= key.replicas:
            empty = [each for each in old if not each.replicas and not each.available]
            yield self.call_all([(self.server.remove, (each,)) for each in empty[: max(0, len(empty) - self._history)]])
        return None

    def _hash(self, template: PodTemplate) -> str:
        found = self._hashes.get(id(template))
        if found is None:
            found = self._hashes[id(template)] = (template, template_hash(template))
        return found[1]

    def _create(self, key: Deployment, replicas: int) -> None:
        mark = self._hash(key.template)
        name = f"{key.name}-{mark}"
        if not key.deleted and self.server.get(ReplicaSet, name) is None:
            made = ReplicaSet(name=name, template=key.template, replicas=replicas, owner=key, hash=mark)
            self.server.create(made)
            self._sets[key.uid][made.uid] = made

    def _scale(self, each: ReplicaSet, replicas: int) -> None:
        if not each.deleted and each.replicas != replicas:
            each.replicas = replicas
            self.server.changed(each)

    def _changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Deployment)
        self.enqueue(obj)

    def _set_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, ReplicaSet)
        if obj.owner is None:
            return
        if event == "DELETED":
            self._sets[obj.owner.uid].pop(obj.uid, None)
        else:
            self._sets[obj.owner.uid][obj.uid] = obj
        self.enqueue(obj.owner)

    def _recreate_waits(self, owner: ApiObject | None) -> None:
        """Recreate waits for the end of the last old pod, which only its own event tells."""
        if isinstance(owner, ReplicaSet) and owner.owner is not None and owner.owner.strategy == "Recreate":
            self.enqueue(owner.owner)


def scale_down(least: int, new: ReplicaSet, old: Sequence[ReplicaSet]) -> list[tuple[ReplicaSet, int]]:
    """The next sizes of the old sets, so that `least` pods stay available (reconcileOldReplicaSets).

    Unhealthy old pods go first, as many as new ones need not be waited for; then healthy ones, as far as the
    available allow.
    """
    sizes = {each.uid: each.replicas for each in old}
    total = new.replicas + sum(sizes.values())
    may_go = total - least - (new.replicas - new.available)
    if may_go <= 0:
        return []
    for each in old:
        gone = min(may_go, max(0, each.replicas - each.available))
        sizes[each.uid] -= gone
        may_go -= gone
    spare = new.available + sum(each.available for each in old) - least
    for each in old:
        gone = max(0, min(spare, sizes[each.uid]))
        sizes[each.uid] -= gone
        spare -= gone
    return [(each, sizes[each.uid]) for each in old if sizes[each.uid] != each.replicas]
