"""What a result came from: version, commit, hash of the code and of the constraints, packages, platform."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import simulator
from simulator.study.inputs import hash_file

PACKAGE = Path(simulator.__file__).parent
CONTENT = ("models", "topologies", "policies", "experiments")


def provenance() -> dict[str, Any]:
    """Everything but time: equal for equal installations on equal platforms."""
    root = PACKAGE.parent
    checkout = (root / "pyproject.toml").is_file() and not (PACKAGE / "shipped" / "models").is_dir()
    constraints = root / "constraints.txt"
    return {
        "version": simulator.__version__,
        "commit": _commit(root) if checkout else None,
        "code": _code_hash(root if checkout else PACKAGE / "shipped"),
        "constraints": hash_file(constraints) if checkout and constraints.is_file() else None,
        "packages": _packages(),
        "platform": platform_tag(),
    }


def platform_tag() -> str:
    """Where the promise of equal bytes holds: system, machine, C library, Python's minor version."""
    libc = "-".join(filter(None, platform.libc_ver()))
    python = f"{sys.implementation.name}-{sys.version_info.major}.{sys.version_info.minor}"
    return "-".join(filter(None, (platform.system().lower(), platform.machine(), libc, python)))


def _commit(root: Path) -> str | None:
    """The checkout's commit, with `-dirty` where files differ from it; None without git."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _code_hash(content: Path) -> str:
    """One hash over every file of the package and of the content folders, by relative name."""
    total = sha256()
    for name, file in sorted(_files(PACKAGE, content)):
        total.update(f"{name}\0{hash_file(file)}\n".encode())
    return total.hexdigest()


def _files(package: Path, content: Path) -> Iterator[tuple[str, Path]]:
    folders = {"simulator": package, **{name: content / name for name in CONTENT}}
    for name, folder in folders.items():
        for file in folder.rglob("*"):
            inside = file.relative_to(folder)
            shipped = name == "simulator" and inside.parts[0] == "shipped" and len(inside.parts) > 2
            if file.is_file() and "__pycache__" not in inside.parts and not shipped:
                yield f"{name}/{inside.as_posix()}", file


def _packages() -> Mapping[str, str]:
    """Installed versions of what the distribution requires, extras included where they are installed."""
    found = {}
    for requirement in requires("littoral") or ():
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(sorted(found.items()))
