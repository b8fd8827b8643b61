"""How available a control plane is: what its page says of its datastore, and of how many machines that needs."""

from __future__ import annotations

from simulator.control.api.datastore import DatastoreSettings
from simulator.errors import Problem
from simulator.simulation.layout import Layout
from simulator.spec.mechanism import Server
from simulator.spec.orchestrator import Orchestrator


def datastore(page: Orchestrator) -> DatastoreSettings:
    """The datastore; a page that says nothing of it has one that any one machine serves."""
    server = page.get(Server)
    start, of = server.start or 0, server.datastore
    if of is None:
        return DatastoreSettings("one", start_ns=start)
    return DatastoreSettings(of.quorum, of.heartbeat or 0, of.election or 0, start)


def check_servers(page: Orchestrator, layout: Layout) -> list[Problem]:
    """A control plane of more, or fewer, machines than its datastore can have."""
    server = page.find(Server)
    of = server.datastore if server is not None else None
    if of is None:
        return []
    many = len(layout.control_planes)
    where = "orchestrator"
    if many < of.least_servers:
        said = f"{page.name} needs {of.least_servers} machines of role control-plane, and there are {many}"
        return [Problem(said, path=where, hint="add machines of that role, or take an orchestrator with another store")]
    if of.most_servers is not None and many > of.most_servers:
        said = f"{page.name} has its objects in {of.kind}, on one machine; {many} have the role control-plane"
        return [Problem(said, path=where, hint="take an orchestrator with another store, or give them another role")]
    return []
