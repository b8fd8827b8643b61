"""Import by kind: which reader, and what its files are called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.interop.experiment import import_kubernetes, import_simkube
from simulator.interop.imported import Found, write, yaml_text
from simulator.spec.readers.columns import Tables, written
from simulator.spec.readers.outages import read_outages
from simulator.spec.readers.report import Repair
from simulator.spec.readers.topology import read_topology
from simulator.spec.readers.trace import read_trace


@dataclass(frozen=True, slots=True)
class Imported:
    """What was written, and everything that was repaired for it."""

    format: str
    files: tuple[Path, ...]
    use: str
    counts: Mapping[str, int]
    repairs: tuple[Repair, ...]


def import_file(
    kind: str, file: str, out: str | None = None, params: Mapping[str, Any] | None = None, *, overwrite: bool = False
) -> Imported:
    """Read a file of others and write ours: to `out`, or into the current folder, under the file's name.

    `file` is a path; of a topology also the name of one of topohub's networks. Raises UserError with every
    problem; then nothing is written.
    """
    suffix, read = _KINDS[kind]
    path = Path(file)
    if path.suffix == ".json" and kind == "trace":
        suffix, read = ".yaml", import_simkube
    target = Path(out) if out else Path(f"{path.stem}{suffix}")
    wanted = suffix.rpartition(".")[2]
    if target.suffix != f".{wanted}":
        raise UserError(
            Problem(f"--out {target}: what is written is {wanted.upper()}", hint=f"call it {target.stem}.{wanted}")
        )
    if target.exists() and path.exists() and target.samefile(path):
        raise UserError(Problem("would be written over itself", str(target), hint="give another --out"))
    found = read(file, target, dict(params or {}))
    files = write(found, target.parent, overwrite=overwrite)
    return Imported(found.format, tuple(files), found.use, found.counts, found.repairs)


def _topology(file: str, out: Path, params: dict[str, Any]) -> Found:
    path = Path(file)
    network = file if not path.suffix and "/" in file and not path.exists() else ""
    read = read_topology(path, params, network=network)
    counts = {"nodes": len(read.document.data["nodes"]), "links": len(read.document.data.get("links", ()))}
    text = yaml_text(read.document.data, f"Imported from {network or path.name} ({read.format}).")
    use = f"topology: {{file: {out.name}}}"
    return Found(read.format, {out.name: text}, use, counts, read.repairs, read_topology)


def _trace(file: str, out: Path, params: dict[str, Any]) -> Found:
    if params:
        raise UserError(Problem(f"a trace takes no {min(params)}", path=min(params)))
    return _of_tables(read_trace(Path(file)), out)


def _outages(file: str, out: Path, params: dict[str, Any]) -> Found:
    return _of_tables(read_outages(Path(file), params), out)


def _of_tables(read: Tables, out: Path) -> Found:
    files = {f"{out.stem}{ending}.csv": written(columns) for ending, columns in read.tables.items()}
    return Found(read.format, files, read.use.replace("FILE", next(iter(files))), read.counts, read.repairs)


Reader = Callable[[str, Path, dict[str, Any]], Found]
_KINDS: Final[Mapping[str, tuple[str, Reader]]] = {
    "topology": (".yaml", _topology),
    "trace": ("-trace.csv", _trace),
    "outages": ("-outages.csv", _outages),
    "kubernetes": ("-experiment.yaml", import_kubernetes),
}
