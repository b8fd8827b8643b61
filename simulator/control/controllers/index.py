"""What the controllers' caches know of pods: by owner and by node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from simulator.control.api.objects import ApiObject, Pod
from simulator.control.api.server import ApiServer


class PodIndex:
    """One informer cache for all controllers of a control plane; it lags the server by its watch.

    `hooks` are called with each event after the index has taken it in. A controller adds the pods that it creates
    itself at once, where Kubernetes would wait until it has seen them (its expectations).
    """

    __slots__ = ("_at", "_by_node", "_by_owner", "hooks")

    def __init__(self, server: ApiServer) -> None:
        self._by_owner: dict[int, dict[int, Pod]] = defaultdict(dict)
        self._by_node: dict[str, dict[int, Pod]] = defaultdict(dict)
        self._at: dict[int, str] = {}  # uid -> the node under which it is filed; "": none yet
        self.hooks: list[Callable[[str, Pod], None]] = []
        for pod in server.list(Pod):
            self.add(pod)
        server.watch(Pod, self._changed)

    def owned(self, owner: ApiObject) -> list[Pod]:
        """The pods of a controller object, in the order of their creation."""
        return list(self._by_owner.get(owner.uid, {}).values())

    def on(self, node: str) -> list[Pod]:
        """The pods bound to a node."""
        return list(self._by_node.get(node, {}).values())

    def nodes(self) -> list[str]:
        """The nodes that have pods."""
        return [node for node, pods in self._by_node.items() if pods]

    def add(self, pod: Pod) -> None:
        """File a pod, or file it anew under the node that it has been bound to."""
        if pod.deleted:
            return
        filed = self._at.get(pod.uid)
        if filed is None and pod.owner is not None:
            self._by_owner[pod.owner.uid][pod.uid] = pod
        if pod.node and not filed:
            self._by_node[pod.node][pod.uid] = pod
        self._at[pod.uid] = pod.node

    def _changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        if event == "DELETED":
            self._remove(obj)
        else:
            self.add(obj)
        for hook in self.hooks:
            hook(event, obj)

    def _remove(self, pod: Pod) -> None:
        filed = self._at.pop(pod.uid, None)
        if filed:
            self._by_node[filed].pop(pod.uid, None)
        if pod.owner is not None and (owned := self._by_owner.get(pod.owner.uid)):
            owned.pop(pod.uid, None)
