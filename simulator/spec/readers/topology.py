"""A topology from a file: ours in YAML, GraphML, node-link JSON, sites and users, round trips of regions, openb."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.facts.yaml import Document, load_yaml
from simulator.spec.near import did_you_mean
from simulator.spec.problems import Source
from simulator.spec.readers import openb
from simulator.spec.readers.graph import Graph
from simulator.spec.readers.graphml import read_graphml
from simulator.spec.readers.lay import lay
from simulator.spec.readers.matrix import LONG, read_long, read_matrix
from simulator.spec.readers.nodelink import read_nodelink, topohub
from simulator.spec.readers.report import Repair, Report, read_text
from simulator.spec.readers.sites import SITES, USERS, read_sites, read_users
from simulator.spec.readers.table import heading
from simulator.spec.topology import Topology

_MODELS: Final = {"node": "edge-server", "link": "fibre-wan"}
_OF_SITES: Final = {"users": "", "user": "raspberry-pi-zero-2w", "access": "lte"}
_OF_REGIONS: Final = {"node": "cloud-vm", "link": "fibre-wan"}
_OF_OPENB: Final = {"node": "edge-server", "link": "ethernet"}


@dataclass(frozen=True, slots=True)
class TopologyFile:
    """What a file holds: the topology, as plain data with the line of each part, and what was repaired on the way."""

    format: str
    document: Document
    topology: Topology
    repairs: tuple[Repair, ...]

    @property
    def source(self) -> Source:
        """Where its parts were written."""
        return Source(self.document)


def read_topology(
    path: Path, params: Mapping[str, Any] | None = None, folder: Path = Path(), *, network: str = ""
) -> TopologyFile:
    """The topology of a file, or of one of topohub's networks. Raises UserError with every problem, by file and line.

    Of files without models, `node` and `link` of the parameters name those of machines and links; a file of sites
    takes `users`, a file of positions (relative to `folder`), with the model of each `user` and of its `access` to the
    nearest site.
    """
    report = Report(network or str(path))
    text = topohub(network) if network else read_text(path, report)
    format = "topohub" if network else _format(path, text, report)
    given = dict(params or {})
    if format == "littoral":
        _chosen(given, {}, format, report)
        document = load_yaml(text, report.file)
    elif format == "openb":
        document = openb.read_nodes(text, _chosen(given, _OF_OPENB, format, report), report)
    else:
        graph, models = _graph(format, text, given, folder, report)
        document = lay(graph, models, report)
    report.check()
    return TopologyFile(format, document, _parse(document), tuple(report.repairs))


def _format(path: Path, text: str, report: Report) -> str:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "littoral"
    if suffix in (".graphml", ".xml"):
        return "graphml"
    if suffix == ".json":
        return "node-link"
    names = heading(text)
    if {*SITES[:3]} <= {*names}:
        return "eua-sites"
    if {*USERS} <= {*names}:
        said = "has positions of users, and a user needs a site"
        raise report.refuse(1, said, f"read the sites with the parameter users: {path.name}")
    if {*LONG[:3]} <= {*names}:
        return "latency-pairs"
    if names[:1] == ("region",):
        return "latency-matrix"
    if {*openb.NODES} <= {*names}:
        return "openb"
    hint = ".graphml, .json (node-link), .yaml (nodes and links), or CSV of EUA sites, of round trips, or of openb"
    raise report.refuse(1, "is no topology that is known", hint)


def _graph(
    format: str, text: str, given: dict[str, Any], folder: Path, report: Report
) -> tuple[Graph, Mapping[str, str]]:
    if format in ("graphml", "node-link", "topohub"):
        models = _chosen(given, _MODELS, format, report)
        return (read_graphml if format == "graphml" else read_nodelink)(text, report), models
    if format in ("latency-matrix", "latency-pairs"):
        models = _chosen(given, _OF_REGIONS, format, report)
        return (read_matrix if format == "latency-matrix" else read_long)(text, report), models
    models = _chosen(given, _MODELS | _OF_SITES, format, report)
    if not models["users"] and (unused := given.keys() & {"user", "access"}):
        raise UserError(Problem(f"{min(unused)} is about users", path=f"params.{min(unused)}", hint="add users: FILE"))
    graph = read_sites(text, report)
    if models["users"]:
        users = Report(str(folder / models["users"]))
        read_users(read_text(folder / models["users"], users), graph, models, users)
        report.repairs += users.repairs
    return graph, models


def _chosen(given: Mapping[str, Any], defaults: Mapping[str, str], format: str, report: Report) -> dict[str, str]:
    """The parameters with their defaults. Raises UserError for those that this format does not take."""
    problems = [
        Problem(
            f"a topology of format {format} takes no {name}", path=f"params.{name}", hint=did_you_mean(name, defaults)
        )
        if name not in defaults
        else Problem(f"{name} takes a name, not {value!r}", path=f"params.{name}")
        for name, value in given.items()
        if name not in defaults or not isinstance(value, str) or not value
    ]
    if problems:
        raise UserError(problems)
    return {**defaults, **given}


def _check_references(read: Topology, source: Source) -> None:
    """A file of ours names no others: what a study copies are the files that its experiment names."""
    named = [("nodes", n, text) for n, node in enumerate(read.nodes) for text in (node.model, *node.runtimes)]
    for n, link in enumerate(read.links):
        named += [("links", n, text) for text in (link.rate_trace, link.up_trace, link.down_trace, link.model) if text]
    hint = "write nodes and links that do into the experiment"
    problems = [
        source.problem((part, n), f"names the file {text}, and a topology's file names no others", hint)
        for part, n, text in named
        if "#" in text or text.startswith((".", "/")) or "/." in text
    ]
    if problems:
        raise UserError(problems)


def _parse(document: Document) -> Topology:
    if not isinstance(document.data, dict) or not {*document.data} <= {"nodes", "links"}:
        raise UserError(document.problem((), "is no topology: it has nodes and links", "as an inline topology has"))
    source = Source(document)
    read = Topology.parse(document.data, source)
    _check_references(read, source)
    return read
