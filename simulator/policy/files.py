"""Python files of users as modules: `./mine.py:Mine` is importable, and picklable by reference, in every process.

The module's name carries the file's absolute path and the hash of its content, so it needs no registry: a worker
that was started fresh unpickles a class of such a file by importing this module, which answers for names below its
own, and only for those. A file that changed in between is refused: two processes never run two versions of it.
"""

from __future__ import annotations

import importlib
import sys
from base64 import b32decode, b32encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Final

__path__: list[str] = []  # what makes the import system look for modules below this one
_DIGITS: Final = 16


class _FileLoader(SourceLoader):
    """Reads one file, of one content, and writes no bytecode beside it."""

    def __init__(self, path: Path, digest: str) -> None:
        self.path, self.digest = path, digest

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: str | bytes) -> bytes:
        content = self.path.read_bytes()
        if _digest(content) != self.digest:
            raise ImportError(f"{self.path} has changed since it was first read")
        return content


class _FileFinder(MetaPathFinder):
    """Answers for the names that `module_name` makes, and for nothing else."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith(__name__ + "."):
            return None
        _stem, digest, encoded = fullname.removeprefix(__name__ + ".").rsplit("_", 2)
        padding = "=" * (-len(encoded) % 8)
        return spec_from_loader(fullname, _FileLoader(Path(b32decode(encoded.upper() + padding).decode()), digest))


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:_DIGITS]


def module_name(path: Path) -> str:
    """The name under which the file, with its present content, is a module."""
    stem = "".join(c if c.isalnum() else "-" for c in path.stem)
    encoded = b32encode(str(path.absolute()).encode()).decode().rstrip("=").lower()
    return f"{__name__}.{stem}_{_digest(path.read_bytes())}_{encoded}"


def load(path: Path) -> ModuleType:
    """The file as a module; executed once per process and content. Raises whatever the file raises."""
    return importlib.import_module(module_name(path))


sys.meta_path.append(_FileFinder())
