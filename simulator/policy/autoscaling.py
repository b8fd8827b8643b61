"""How many replicas a Deployment has: what a policy for the point `autoscaling` is asked.

The point `scaling` is another: it says once how long a function's instances are kept, and requests do the rest. Here
a loop looks at what runs, and answers with a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A Deployment as a metrics pipeline shows it. Replicas and pods are what the control plane believes.

    The last three fields are of the `read` pods: ready ones that the control plane reaches, and that served requests
    at some time. They are read at the instant of the ask (their age is 0), and the rate since the last ask that could
    read the pod, or since it became ready. What is not read is in none of them.
    """

    name: str
    now_s: float
    replicas: int  # wanted
    pods: int  # neither finished nor being deleted
    ready: int
    read: int
    cpu_m: int  # that one pod asks for, in millicores
    ram_bytes: int  # and memory
    in_flight: float  # requests that are at a pod, mean over the pods read
    busy: float  # of a pod's workers, the share that has a request: 0 to 1, likewise
    served_per_s: float  # answers per second and pod, likewise


class Autoscaling:
    """Sets numbers of replicas. The constructor only stores its parameters.

    Asked every `every_s` simulated seconds about each Deployment, while the controller manager leads; 15 s is the
    default of Kubernetes' --horizontal-pod-autoscaler-sync-period.
    """

    every_s: float = 15.0

    def replicas(self, workload: ServiceView) -> int:
        """How many it should have from now on; `workload.replicas` leaves it. Anything that is no whole number from 0
        up is a policy error, and leaves it too."""
        raise NotImplementedError


AutoscalingFunction = Callable[[ServiceView], int]
