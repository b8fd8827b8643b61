"""Several clusters: each an orchestrator over some of the nodes; a hub over its members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator

from simulator.spec.base import Glob, ModelName, Name, Spec, wrong
from simulator.spec.near import did_you_mean

Globs = Annotated[tuple[Glob, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]


class ClusterSpec(Spec):
    """An orchestrator over the nodes that `nodes` matches (a glob, or several); a hub names its `members`.

    `mode` says of a member who opens the connection to its hub: the hub (push), or an agent in the member (pull); where
    it is left out, the hub's page says it.
    """

    orchestrator: ModelName
    nodes: Globs
    members: tuple[Name, ...] = ()
    mode: Literal["push", "pull"] | None = None


def check_family(clusters: Mapping[str, ClusterSpec]) -> None:
    """Raise what a validator raises unless one hub stands over all the others, each of them the member of one hub."""
    if not clusters:
        raise wrong(
            "there is no cluster", "name at least one, as in {edge: {orchestrator: k3s, nodes: '*'}}", "clusters"
        )
    hub_of: dict[str, str] = {}
    for name, cluster in clusters.items():
        for member in cluster.members:
            at = ("clusters", name, "members")
            if member not in clusters:
                raise wrong(f"no cluster is named {member}", did_you_mean(member, list(clusters)), at)
            if member in hub_of:
                raise wrong(f"cluster {member} is a member of {hub_of[member]} already", "one hub for each", at)
            hub_of[member] = name
    for name, cluster in clusters.items():
        if cluster.mode is not None and name not in hub_of:
            hint = "mode says how a member is joined to its hub"
            raise wrong(f"cluster {name} is no hub's member", hint, ("clusters", name, "mode"))
    tops = [name for name in clusters if name not in hub_of]
    if len(tops) != 1:
        said = (
            f"{' and '.join(tops)} have no hub" if tops else "every cluster is a member of another: nobody is the hub"
        )
        hub = next((name for name in tops if clusters[name].members), "")
        hint, place = "workloads are given to one hub: list the other clusters among its members", "clusters"
        raise wrong(said, hint, (place, hub, "members") if hub else place)


def top(clusters: Mapping[str, ClusterSpec]) -> str:
    """The name of the cluster that is nobody's member: workloads are given to it."""
    members = {member for cluster in clusters.values() for member in cluster.members}
    return next(name for name in clusters if name not in members)


def bottom_up(clusters: Mapping[str, ClusterSpec]) -> Iterator[str]:
    """The names, members before their hub."""

    def below(name: str) -> Iterator[str]:
        for member in clusters[name].members:
            yield from below(member)
        yield name

    return below(top(clusters))
