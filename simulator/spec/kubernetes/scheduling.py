"""Where a pod may go: selectors, affinity, tolerations, spreading."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import empty, wrong
from simulator.spec.kubernetes.base import Int, K8s, Labels, Many, NotSimulated

Text = Annotated[str, Field(min_length=1)]
Weight = Annotated[int, Field(strict=True, ge=1, le=100)]


class NodeSelectorRequirement(K8s):
    """One condition on a node's labels."""

    key: Text
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _values(self) -> Self:
        if self.operator in ("In", "NotIn") and not self.values:
            raise wrong(f"{self.operator} needs values", at="operator")
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            raise wrong(f"{self.operator} takes no values", at="values")
        if self.operator in ("Gt", "Lt") and not (len(self.values) == 1 and self.values[0].lstrip("-").isdecimal()):
            raise wrong(
                f"{self.operator} takes one whole number",
                'as in values: ["4"]',
                "values" if self.values else "operator",
            )
        return self


class LabelSelectorRequirement(K8s):
    """One condition on an object's labels."""

    key: Text
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _values(self) -> Self:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            said = "takes no values" if self.values else "needs values"
            raise wrong(f"{self.operator} {said}", at="values" if self.values else "operator")
        return self


class LabelSelector(K8s):
    """All of its conditions together; none: everything."""

    match_labels: Labels = empty()
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it has no condition."""
        return not self.match_labels and not self.match_expressions


class NodeSelectorTerm(K8s):
    """All of its conditions together. An empty term matches no node."""

    match_expressions: tuple[NodeSelectorRequirement, ...] = ()
    match_fields: tuple[NodeSelectorRequirement, ...] = ()

    @model_validator(mode="after")
    def _conditions(self) -> Self:
        if not self.match_expressions and not self.match_fields:
            raise wrong("a term without conditions matches no node", "add matchExpressions")
        for number, field in enumerate(self.match_fields):
            if field.key != "metadata.name":
                raise wrong(
                    f"matchFields: no field {field.key}", f"item {number + 1}: only metadata.name", "matchFields"
                )
        return self


class NodeSelector(K8s):
    """One of its terms."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], Field(min_length=1)]


class PreferredSchedulingTerm(K8s):
    """A node that meets it gets its weight."""

    weight: Weight
    preference: NodeSelectorTerm


class NodeAffinity(K8s):
    """On which nodes."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: tuple[PreferredSchedulingTerm, ...] = ()


class PodAffinityTerm(K8s):
    """Near (or away from) the pods that the selector matches (none: no pod), within one domain of the topology key."""

    label_selector: LabelSelector | None = None
    topology_key: Text
    match_label_keys: NotSimulated = None
    mismatch_label_keys: NotSimulated = None
    namespace_selector: NotSimulated = None
    namespaces: NotSimulated = None


class WeightedPodAffinityTerm(K8s):
    """A preference with its weight."""

    weight: Weight
    pod_affinity_term: PodAffinityTerm


class PodAffinity(K8s):
    """Near which pods."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()


class PodAntiAffinity(PodAffinity):
    """Away from which pods."""


class Affinity(K8s):
    """All three."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAntiAffinity | None = None


class Toleration(K8s):
    """Which taints do not keep the pod away, and, for NoExecute, for how long."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    toleration_seconds: Int | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise wrong("Exists takes no value", "use operator: Equal", "value")
        if not self.key and self.operator == "Equal":
            raise wrong("without a key the operator is Exists", "add key, or operator: Exists")
        if self.toleration_seconds is not None and self.effect not in ("NoExecute", ""):
            raise wrong("tolerationSeconds belongs to NoExecute", at="tolerationSeconds")
        return self


class TopologySpreadConstraint(K8s):
    """At most `max_skew` more matching pods (without a selector: no pod) in one domain than in another."""

    max_skew: Many
    topology_key: Text
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    label_selector: LabelSelector | None = None
    match_label_keys: NotSimulated = None
    min_domains: NotSimulated = None
    node_affinity_policy: NotSimulated = None
    node_taints_policy: NotSimulated = None
