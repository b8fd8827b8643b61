"""A plain metrics pipeline: what the pods of a Deployment do, as far as the control plane reaches them."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.api.objects import Deployment, Pod, ReplicaSet
from simulator.control.api.server import ApiServer
from simulator.control.controllers.index import PodIndex
from simulator.policy import ServiceView
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND


class Metrics:
    """Reads at once, and takes neither time nor network for it. `reached(pod)` says whether the pod's node answers."""

    __slots__ = ("_last", "_plane", "_pods", "_reached", "_server")

    def __init__(self, server: ApiServer, pods: PodIndex, plane: RequestPlane, reached: Callable[[Pod], bool]) -> None:
        self._server, self._pods, self._plane, self._reached = server, pods, plane, reached
        self._last: dict[int, tuple[int, int]] = {}  # by pod uid: when it was read, and how many answers it had given

    def view(self, deployment: Deployment, now: int) -> ServiceView:
        """The Deployment now (ns)."""
        sets = [each for each in self._server.list(ReplicaSet) if each.owner is deployment]
        pods = [pod for each in sets for pod in self._pods.owned(each) if pod.active]
        ready = [pod for pod in pods if pod.ready]
        read = [found for pod in ready if (found := self._read(pod, now)) is not None]
        n = max(len(read), 1)
        in_flight, busy, rate = (sum(each[i] for each in read) / n for i in range(3))
        template = deployment.template
        return ServiceView(
            deployment.name, now / SECOND, deployment.replicas, len(pods), len(ready), len(read),
            template.cpu_m, template.ram_bytes, in_flight, busy, rate,
        )  # fmt: skip

    def _read(self, pod: Pod, now: int) -> tuple[float, float, float] | None:
        """In flight, busy share and answers per second of one pod."""
        station = self._plane.stations.get(pod.uid)
        if station is None or not station.running or not self._reached(pod):
            return None
        inside, served = self._plane.in_flight(pod.uid), self._plane.served(pod.uid)
        since, before = self._last.get(pod.uid, (pod.ready_ns or 0, 0))
        self._last[pod.uid] = now, served
        rate = (served - before) * SECOND / (now - since) if now > since else 0.0
        return float(inside), min(inside, station.workers) / station.workers, rate
