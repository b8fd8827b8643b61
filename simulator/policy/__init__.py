"""All that a policy's author reads: what a control plane believes, and what may be answered. numpy only."""

from simulator.policy.api import Batch, Filter, Order, Placement, Score
from simulator.policy.autoscaling import Autoscaling, ServiceView
from simulator.policy.caching import Caching, ImagesView, Pull
from simulator.policy.clusters import ClusterPolicy, Divide, Division, MembersView, WorkloadView
from simulator.policy.decision import Bind, Decision, Migrate, Reason, Reject, Scale, Wait
from simulator.policy.placed import PlacedView
from simulator.policy.preemption import Evict, Preemption
from simulator.policy.rescheduling import Rescheduling
from simulator.policy.routing import BalancerView, EndpointsView, ProxyView, RequestView, Routing, Split
from simulator.policy.scaling import FunctionView, Keep, Scaling, VariantView
from simulator.policy.view import ClusterView, PodView

__all__ = [
    "Autoscaling",
    "BalancerView",
    "Batch",
    "Bind",
    "Caching",
    "ClusterPolicy",
    "ClusterView",
    "Decision",
    "Divide",
    "Division",
    "EndpointsView",
    "Evict",
    "Filter",
    "FunctionView",
    "ImagesView",
    "Keep",
    "MembersView",
    "Migrate",
    "Order",
    "PlacedView",
    "Placement",
    "PodView",
    "Preemption",
    "ProxyView",
    "Pull",
    "Reason",
    "Reject",
    "RequestView",
    "Rescheduling",
    "Routing",
    "Scale",
    "Scaling",
    "Score",
    "ServiceView",
    "Split",
    "VariantView",
    "Wait",
    "WorkloadView",
]
