"""All that a policy's author reads: what a control plane believes, and what may be answered. numpy only."""

from simulator.policy.api import Batch, Filter, Order, Placement, Score
from simulator.policy.clusters import ClusterPolicy, Divide, Division, MembersView, WorkloadView
from simulator.policy.decision import Bind, Decision, Migrate, Reason, Reject, Scale, Wait
from simulator.policy.scaling import FunctionView, Keep, Scaling
from simulator.policy.view import ClusterView, PodView

__all__ = [
    "Batch",
    "Bind",
    "ClusterPolicy",
    "ClusterView",
    "Decision",
    "Divide",
    "Division",
    "Filter",
    "FunctionView",
    "Keep",
    "MembersView",
    "Migrate",
    "Order",
    "Placement",
    "PodView",
    "Reason",
    "Reject",
    "Scale",
    "Scaling",
    "Score",
    "Wait",
    "WorkloadView",
]
