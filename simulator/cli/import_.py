"""`littoral import`: topologies, traces, outage logs and clusters of others."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from simulator.cli.answer import Answer, say
from simulator.cli.given import settings


def import_(
    kind: Literal["topology", "trace", "outages", "kubernetes"],
    file: str,
    /,
    *,
    out: str | None = None,
    set_: Annotated[list[str] | None, Parameter("--set")] = None,
    overwrite: bool = False,
) -> Answer:
    """Read a file of others, tell every repair by file and line, and write ours: whole, or not at all.

    Parameters
    ----------
    kind
        topology: GraphML, node-link JSON, a name of topohub's, EUA sites, round trips between regions, openb's nodes.
        trace: Azure Functions 2021, Azure LLM 2023, openb's pods, SimKube, throughput, a distribution. outages: Cloud
        Uptime Archive. kubernetes: `kubectl get … -o yaml`.
    file
        What to read.
    out
        The file to write; without it, one in the current folder, named after the one that is read.
    set_
        name=value for the reader, as often as needed: node, link, users, user, access (topology); parts (outages);
        node, nodes (kubernetes).
    overwrite
        Write over a file that is there.
    """
    from simulator.interop.command import import_file  # noqa: PLC0415  # pydantic and the readers

    found = import_file(kind, file, out, settings(set_ or []), overwrite=overwrite)
    for repair in found.repairs:
        say(f"repaired: {repair}")
    counts = ", ".join(f"{number} {what}" for what, number in found.counts.items())
    some = f"{len(found.repairs)} repair" + ("s" if len(found.repairs) != 1 else "")
    document = {
        "file": str(found.files[0]),
        "files": [str(path) for path in found.files],
        "kind": kind,
        "format": found.format,
        "counts": dict(found.counts),
        "use": found.use,
        "repairs": [{"file": r.file, "line": r.line, "message": r.message} for r in found.repairs],
    }
    written = "\n".join(map(str, found.files))
    return Answer(document, f"{found.format}: {counts}; {some}\n{written}\nuse it as {found.use}")
