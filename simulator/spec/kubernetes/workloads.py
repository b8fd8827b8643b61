"""The objects that keep pods running."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from simulator.spec.base import wrong
from simulator.spec.kubernetes.base import K8s, K8sObject, Labels, Many, Natural, NotSimulated, ObjectMeta
from simulator.spec.kubernetes.pod import PodTemplateSpec
from simulator.spec.kubernetes.scheduling import LabelSelector


def _share(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise wrong(f"{given!r} is neither a number nor a percentage", "as in 1 or 25%")
    if isinstance(given, int) and given < 0:
        raise wrong(f"{given} is negative", "write 0 or more")
    if isinstance(given, str) and not re.fullmatch(r"\d{1,3}%", given):
        raise wrong(f"{given!r} is no percentage", "as in 25%")
    return given


IntOrPercent = Annotated[Any, AfterValidator(_share)]


def _unmet(selector: LabelSelector, labels: Labels) -> list[str]:
    """The keys of what the selector wants and the labels do not say."""
    return [key for key, wanted in selector.match_labels.items() if labels.get(key) != wanted]


class _Selecting(K8s):
    """The selector and template of a controller, which must agree."""

    selector: LabelSelector
    template: PodTemplateSpec

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.selector.empty:
            raise wrong("the selector is empty", "give matchLabels", "selector")
        labels = self.template.metadata.labels
        if unmet := _unmet(self.selector, labels):
            wanted = ", ".join(f"{key}={self.selector.match_labels[key]}" for key in unmet)
            have = ", ".join(f"{key}={label}" for key, label in labels.items()) or "nothing"
            said = f"the selector wants {wanted}, and the template's labels are {have}"
            raise wrong(said, at=("selector", "matchLabels", unmet[0]))
        return self


class _Serving(_Selecting):
    """A controller whose pods never end."""

    @model_validator(mode="after")
    def _always(self) -> Self:
        if self.template.spec.restart_policy != "Always":
            raise wrong("restartPolicy is Always here", "Jobs have pods that end", "template")
        return self


class RollingUpdateDeployment(K8s):
    """How many pods more and less than wanted there may be during an update."""

    max_surge: IntOrPercent = "25%"
    max_unavailable: IntOrPercent = "25%"


class DeploymentStrategy(K8s):
    """How pods of a new template replace the old."""

    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rolling_update: RollingUpdateDeployment | None = None

    @model_validator(mode="after")
    def _of_its_type(self) -> Self:
        if self.type == "Recreate" and self.rolling_update is not None:
            raise wrong("rollingUpdate belongs to type: RollingUpdate", at="rollingUpdate")
        return self


class DeploymentSpec(_Serving):
    """What a Deployment wants."""

    replicas: Natural = 1
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: NotSimulated = None
    paused: NotSimulated = None
    progress_deadline_seconds: NotSimulated = None
    revision_history_limit: NotSimulated = None


class Deployment(K8sObject):
    """`replicas` pods, rolled from one template to the next."""

    versions: ClassVar[tuple[str, ...]] = ("apps/v1",)
    kind: Literal["Deployment"]
    spec: DeploymentSpec
    status: NotSimulated = None


class ReplicaSetSpec(_Serving):
    """What a ReplicaSet wants."""

    replicas: Natural = 1
    min_ready_seconds: NotSimulated = None


class ReplicaSet(K8sObject):
    """`replicas` pods of one template."""

    versions: ClassVar[tuple[str, ...]] = ("apps/v1",)
    kind: Literal["ReplicaSet"]
    spec: ReplicaSetSpec
    status: NotSimulated = None


class DaemonSetSpec(_Serving):
    """What a DaemonSet wants."""

    min_ready_seconds: NotSimulated = None
    revision_history_limit: NotSimulated = None
    update_strategy: NotSimulated = None


class DaemonSet(K8sObject):
    """One pod on every node that may take it."""

    versions: ClassVar[tuple[str, ...]] = ("apps/v1",)
    kind: Literal["DaemonSet"]
    spec: DaemonSetSpec
    status: NotSimulated = None


class StatefulSetSpec(_Serving):
    """What a StatefulSet wants."""

    replicas: Natural = 1
    service_name: str = ""
    min_ready_seconds: NotSimulated = None
    ordinals: NotSimulated = None
    persistent_volume_claim_retention_policy: NotSimulated = None
    pod_management_policy: NotSimulated = None
    revision_history_limit: NotSimulated = None
    update_strategy: NotSimulated = None
    volume_claim_templates: NotSimulated = None


class StatefulSet(K8sObject):
    """Pods with names and an order. Read, and not simulated yet."""

    versions: ClassVar[tuple[str, ...]] = ("apps/v1",)
    simulated: ClassVar[bool] = False
    kind: Literal["StatefulSet"]
    spec: StatefulSetSpec
    status: NotSimulated = None


class JobSpec(K8s):
    """What a Job wants. Its selector is the server's business."""

    template: PodTemplateSpec
    completions: Many | None = None
    parallelism: Natural | None = None
    backoff_limit: Natural = 6
    active_deadline_seconds: NotSimulated = None
    backoff_limit_per_index: NotSimulated = None
    completion_mode: NotSimulated = None
    managed_by: NotSimulated = None
    manual_selector: NotSimulated = None
    max_failed_indexes: NotSimulated = None
    pod_failure_policy: NotSimulated = None
    pod_replacement_policy: NotSimulated = None
    scheduling: NotSimulated = None
    selector: NotSimulated = None
    success_policy: NotSimulated = None
    suspend: NotSimulated = None
    ttl_seconds_after_finished: NotSimulated = None

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.template.spec.restart_policy == "Always":
            raise wrong("a Job's pods have restartPolicy OnFailure or Never", at="template")
        return self


class Job(K8sObject):
    """`completions` pods that end well, `parallelism` at a time."""

    versions: ClassVar[tuple[str, ...]] = ("batch/v1",)
    kind: Literal["Job"]
    spec: JobSpec
    status: NotSimulated = None


class JobTemplateSpec(K8s):
    """The jobs of a CronJob."""

    metadata: ObjectMeta = ObjectMeta()
    spec: JobSpec


class CronJobSpec(K8s):
    """When jobs are made."""

    schedule: Annotated[str, Field(min_length=1)]
    job_template: JobTemplateSpec
    concurrency_policy: NotSimulated = None
    failed_jobs_history_limit: NotSimulated = None
    starting_deadline_seconds: NotSimulated = None
    successful_jobs_history_limit: NotSimulated = None
    suspend: NotSimulated = None
    time_zone: NotSimulated = None


class CronJob(K8sObject):
    """Jobs on a schedule. Read, and not simulated yet."""

    versions: ClassVar[tuple[str, ...]] = ("batch/v1",)
    simulated: ClassVar[bool] = False
    kind: Literal["CronJob"]
    spec: CronJobSpec
    status: NotSimulated = None
