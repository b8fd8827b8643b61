"""The catalogue: models by kind and name, loaded when asked for, with the scenario's overrides in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError
from simulator.facts.beside import bibliographies, pages_in
from simulator.facts.bibliography import bibtex, read_bibtex
from simulator.facts.fact import near
from simulator.facts.ledger import Ledger
from simulator.facts.model import Model
from simulator.facts.override import apply_overrides
from simulator.facts.page import Page, read_page
from simulator.facts.shape import SHAPES, check_shape, missing
from simulator.facts.tree import Tree
from simulator.facts.whole import check_whole

_SUFFIX = ".yaml"


class Catalogue:
    """Every model that a scenario can name.

    `overrides` maps `facts.<kind>.<name>.<path>` to a value. `roots` are the user's folders, laid out as `models/`
    is (`<kind>/<name>.yaml`, `sources.bib`); they win over what is shipped. A name that ends in `.yaml` is a file of
    the user's, relative to `folder`. What is read is recorded in `ledger`. One catalogue serves one run, and can be
    pickled.
    """

    def __init__(
        self,
        overrides: Mapping[str, Any] | None = None,
        roots: Iterable[Path | str] = (),
        ledger: Ledger | None = None,
        folder: Path | str = "",
    ) -> None:
        self._overrides = dict(overrides or {})
        self._roots = tuple(Path(root) for root in roots)
        self._folder = Path(folder)
        self.ledger = Ledger() if ledger is None else ledger
        self.ledger.expect(self._overrides)
        self._pages: dict[tuple[str, str], Page] = {}
        self._models: dict[tuple[str, str], Model] = {}
        self._sources: dict[str, dict[str, str]] = {}

    def kinds(self) -> tuple[str, ...]:
        """The kinds of models."""
        return tuple(SHAPES)

    def names(self, kind: str) -> list[str]:
        """The names of all models of a kind, sorted. Raises UserError for an unknown kind."""
        self._check_kind(kind)
        found = (file.name for root in self._folders() for file in _listing(root / kind))
        return sorted({name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)})

    def unknown(self, kind: str, name: str) -> Problem | None:
        """What is wrong with naming this model, without a place; None where there is such a model."""
        try:
            self._page(kind, name.partition("@")[0] if not name.endswith(_SUFFIX) else name)
            return None
        except UserError as error:
            first = error.problems[0]
            return Problem(f"the model {name} cannot be used: {first}") if first.file else first

    def model(self, kind: str, name: str) -> Model:
        """The model, its version (`name@1.31`; default: the newest) and overrides resolved.

        Raises UserError: an unknown name with near ones, every problem of the file, every wrong override of it.
        """
        if (kind, name) not in self._models:
            self._models[kind, name] = self._load(kind, name)
        return self._models[kind, name]

    def describe(self, kind: str, name: str) -> list[dict[str, Any]]:
        """One row for each fact: path, value, unit, kind, source, stat, hardware, note, alternatives (rows too)."""
        tree = self.model(kind, name).tree
        return [
            {"path": path, **facts[0].row(), "alternatives": [fact.row() for fact in facts[1:]]}
            for path, facts in tree.facts.items()
        ]

    def structure(self, kind: str, name: str) -> dict[str, Any]:
        """What the model states without a number: path -> name, flag or list of names."""
        return {path: plain.value for path, plain in self.model(kind, name).tree.plain.items()}

    def versions(self, kind: str, name: str) -> list[str]:
        """The versions that can be asked for as `name@version`, the newest last; none where it has no versions."""
        return _versions(self._lineage(kind, name))

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """One row for each model of a kind: name, kind, status, title, facts, sources, validated."""
        rows = []
        for name in self.names(kind):
            model = self.model(kind, name)
            facts = [fact for alternatives in model.tree.facts.values() for fact in alternatives]
            rows.append(
                {
                    "name": name, "kind": kind, "status": model.header.status, "title": model.header.title,
                    "facts": len(facts), "sources": len({fact.source for fact in facts}),
                    "validated": model.header.validated,
                }
            )  # fmt: skip
        return rows

    def bibtex(self, rows: Iterable[Mapping[str, Any]]) -> str:
        """The BibTeX entries of exactly the sources that these rows (of `ledger.rows()` or `describe`) name."""
        known: dict[str, str] = {}
        for root in reversed(self._folders()):
            known |= self._bibliography(root)
        for page in self._pages.values():
            known |= self._sources.get(page.header.file, {})
        return bibtex(known, (row["source"] for row in rows))

    def check_overrides(self, pages: Iterable[tuple[str, str]] = ()) -> list[Problem]:
        """What is wrong with each override, whether or not a run reads it.

        `pages` are the kinds and names of models that the scenario names: the user's files are only known from there.
        """
        own = {(kind, own_name(name)): name for kind, name in pages if name.endswith(_SUFFIX)}
        problems: list[Problem] = []
        for key in self._overrides:
            parts = key.split(".", 3)
            if len(parts) < 4 or parts[0] != "facts":
                problems.append(Problem(f"{key} names no fact", path=key, hint="write facts.<kind>.<name>.<field>"))
                continue
            if parts[1] not in SHAPES:
                problems.append(Problem(f"{parts[1]} is no kind of model", path=key, hint=near(parts[1], SHAPES)))
                continue
            known = [*(name for kind, name in own if kind == parts[1]), *self.names(parts[1])]
            if (name := next((n for n in known if key.startswith(f"facts.{parts[1]}.{n}.")), None)) is None:
                hint = near(parts[2], known)
                problems.append(Problem(f"no model of {parts[1]} is called {parts[2]}", path=key, hint=hint))
            else:
                try:
                    self.model(parts[1], own.get((parts[1], name), name))
                except UserError as error:
                    problems += [p for p in error.problems if p not in problems]
        return problems

    # Loading.
    def _folders(self) -> list[Traversable]:
        return [*self._roots, files("simulator.shipped.models")]

    def _check_kind(self, kind: str) -> None:
        if kind not in SHAPES:
            raise UserError(Problem(f"{kind} is no kind of model", hint=near(kind, SHAPES)))

    def _load(self, kind: str, name: str) -> Model:
        self._check_kind(kind)
        base, _, version = (name, "", "") if name.endswith(_SUFFIX) else name.partition("@")
        lineage = self._lineage(kind, base)
        header = lineage[0][0].header
        versions = _versions(lineage)
        if version and version not in versions:
            hint = f"known are {', '.join(versions)}" if versions else f"{base} has no versions"
            raise UserError(Problem(f"{base} has no version {version}", hint=hint))
        version = version or (versions[-1] if versions else "")
        tree = Tree()
        for page, pinned in reversed(lineage):
            tree = page.tree.over(tree)
            if page.versions:
                newest = next(reversed(page.versions.values()))
                tree = page.versions.get(pinned or version, newest).over(tree)
        line, hint = lineage[0][0].facts_line, f"every model of {kind} states it"
        problems = [
            Problem(f"{header.name} has no fact {path}", header.file, line, path, hint) for path in missing(kind, tree)
        ]
        prefix = f"facts.{kind}.{header.name}."
        own = {key.removeprefix(prefix): (key, v) for key, v in self._overrides.items() if key.startswith(prefix)}
        tree, overridden, wrong = apply_overrides(tree, own)
        if not wrong:  # a replaced fact may still be a share above 1, or no platform
            runtimes = self.names("runtimes") if kind == "runtimes" else ()
            found = check_shape(kind, tree) or list(check_whole(kind, tree, runtimes))
            wrong = [
                Problem(p.message, path=overridden[p.path], hint=p.hint) if p.path in overridden else p for p in found
            ]
        if problems + wrong:
            raise UserError(problems + wrong)
        return Model(header, version, tree, self.ledger, overridden)

    def _lineage(self, kind: str, name: str) -> list[tuple[Page, str]]:
        """The page, the page that it extends, and so on; each with the version that its heir pins, or empty."""
        lineage = [(self._page(kind, name), "")]
        while extends := lineage[-1][0].header.extends:
            heir = lineage[-1][0].header
            base, _, pinned = extends.partition("@")
            line = lineage[-1][0].extends_line
            if own_name(base) in [page.header.name for page, _ in lineage]:
                which = "itself" if base == heir.name else f"{base}, which extends it"
                said = f"{heir.name} extends {which}"
                raise UserError(Problem(said, heir.file, line, "extends", "one page of the circle stands alone"))
            if base.endswith(_SUFFIX):  # beside the page that names it
                base = os.path.relpath(Path(heir.file).parent / base, self._folder)
            if (problem := self.unknown(kind, base)) is not None:
                raise UserError(Problem(problem.message, heir.file, line, "extends", problem.hint))
            page = self._page(kind, base)
            if pinned and pinned not in page.versions:
                hint = f"known are {', '.join(page.versions)}" if page.versions else f"{base} has no versions"
                raise UserError(Problem(f"{base} has no version {pinned}", heir.file, line, "extends", hint))
            lineage.append((page, pinned or lineage[-1][1]))
        return lineage

    def _page(self, kind: str, name: str) -> Page:
        if (kind, name) not in self._pages:
            self._pages[kind, name] = self._read(kind, name)
        return self._pages[kind, name]

    def _read(self, kind: str, name: str) -> Page:
        self._check_kind(kind)
        if name.endswith(_SUFFIX):
            path = self._folder / name
            if not path.is_file():
                hint = near(path.name, pages_in(path.parent)) or "files are relative to the experiment's"
                raise UserError(Problem(f"there is no file {name}", hint=hint))
            sources = self._sources[str(path)] = self._user_sources(path)
            return read_page(_bytes(path, str(path)), str(path), kind, path.stem, sources)
        for i, root in enumerate(self._folders()):
            file = root / kind / f"{name}{_SUFFIX}"
            if file.is_file():
                label = str(file) if i < len(self._roots) else f"models/{kind}/{name}{_SUFFIX}"
                sources = self._bibliography(self._folders()[-1]) | self._bibliography(root)
                return read_page(_bytes(file, label), label, kind, name, sources)
        raise UserError(Problem(f"no model of {kind} is called {name}", hint=near(name, self.names(kind))))

    def _user_sources(self, path: Path) -> dict[str, str]:
        sources = dict(self._bibliography(self._folders()[-1]))
        for file in bibliographies(path):
            sources |= self._bibliography(file.parent)
        return sources

    def _bibliography(self, root: Traversable) -> dict[str, str]:
        file = root / "sources.bib"
        label = str(file)
        if label not in self._sources:
            self._sources[label] = read_bibtex(_bytes(file, label).decode(), label) if file.is_file() else {}
        return self._sources[label]


def _versions(lineage: Sequence[tuple[Page, str]]) -> list[str]:
    """Those of the first page that has any and is not pinned to one."""
    return next((list(page.versions) for page, pinned in lineage if page.versions and not pinned), [])


def _listing(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        yield from folder.iterdir()


def _bytes(file: Traversable, label: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", label)) from None


def own_name(reference: str) -> str:
    """The name of the model that a reference means: a file's own name is its model's."""
    return Path(reference).stem if reference.endswith(_SUFFIX) else reference.partition("@")[0]
