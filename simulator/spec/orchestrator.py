"""An orchestrator is a page of data: which mechanisms, with which numbers. This reads the page.

Numbers come from the page's facts and are recorded in the catalogue's ledger as they are read. A new system is a new
page; it needs a class in `simulator.spec.mechanism` only where its mechanism is new.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue, Fact, Model
from simulator.facts.fact import near
from simulator.spec.mechanism import MECHANISMS, Component, NodeAgent, Part, Server, kind_of

_REVIEW: Final = ("kubernetes_based", "service_mesh", "node_autonomy", "architectures")
M = TypeVar("M", bound=Part)


@dataclass(frozen=True, slots=True)
class Orchestrator:
    """One orchestrator at one version. `mechanisms` holds the lists of its page, in the page's order.

    `orchestrator.get(Lease).grace` is a number of nanoseconds.
    """

    name: str
    version: str
    title: str
    status: str
    validated: str
    kubernetes_based: bool
    service_mesh: str
    node_autonomy: str
    architectures: tuple[str, ...]
    mechanisms: dict[str, tuple[Part, ...]]

    @property
    def reference(self) -> str:
        """How it is named with its version: `kubernetes@1.32`; one without versions by its name alone."""
        return f"{self.name}@{self.version}" if self.version else self.name

    def get(self, wanted: type[M]) -> M:
        """Its one mechanism of that class. Raises UserError where it has none."""
        for parts in self.mechanisms.values():
            for part in parts:
                if isinstance(part, wanted):
                    return part
        raise UserError(Problem(f"{self.name} has no {kind_of(wanted)}", hint="choose an orchestrator that has it"))

    def find(self, wanted: type[M]) -> M | None:
        """As `get`, or None."""
        return next((p for parts in self.mechanisms.values() for p in parts if isinstance(p, wanted)), None)

    @property
    def components(self) -> tuple[Component, ...]:
        """What it installs on its machines."""
        return tuple(p for p in self.mechanisms.get("components", ()) if isinstance(p, Server | NodeAgent))


def load_orchestrator(catalogue: Catalogue, reference: str) -> Orchestrator:
    """The orchestrator of `kubernetes`, `kubernetes@1.31`, or a page's file.

    Raises UserError: unknown name or version with near ones, and every problem of the page with its file and line.
    """
    model = catalogue.model("orchestrators", reference)
    page = model.subtree()
    problems = [model.problem("", f"{model.name} does not say {name}") for name in _REVIEW if name not in page]
    mechanisms: dict[str, tuple[Part, ...]] = {}
    for group, written in page.items():
        if group in _REVIEW:
            continue
        if group not in MECHANISMS:
            hint = near(group, [*MECHANISMS, *_REVIEW])
            problems.append(model.problem(group, f"an orchestrator has no {group}", hint))
        elif not isinstance(written, list):
            problems.append(model.problem(group, f"{group} is a list of mechanisms", "write - {kind: …}"))
        else:
            mechanisms[group] = tuple(_mechanism(model, group, item, problems) for item in written)
    if problems:
        raise UserError(problems)
    return Orchestrator(
        model.name, model.version, model.header.title, model.header.status, model.header.validated,
        model.flag("kubernetes_based"), model.text("service_mesh"), model.text("node_autonomy"),
        tuple(model.list("architectures")), mechanisms,
    )  # fmt: skip


def _mechanism(model: Model, group: str, item: dict[str, Any], problems: list[Problem]) -> Part:
    """The mechanism, or nothing of use once a problem has been added."""
    path = f"{group}.{item.get('name', item['kind'])}"
    classes = {kind_of(cls): cls for cls in MECHANISMS[group]}
    if item["kind"] not in classes:
        message = f"{item['kind']} is no mechanism of {group}"
        problems.append(model.problem(f"{path}.kind", message, near(item["kind"], classes)))
        return Part()
    try:
        return classes[item["kind"]].model_validate(item)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            at = ".".join(map(str, (path, *details["loc"])))
            problems.append(model.problem(at, *_said(model, at, details, classes[item["kind"]])))
        return Part()


def _said(model: Model, at: str, details: ErrorDetails, cls: type[Part]) -> tuple[str, str]:
    """One validation error as a sentence and a hint."""
    context, given = details.get("ctx", {}), details["input"]
    shown = f"{given.shown} {given.unit}".rstrip() if isinstance(given, Fact) else given
    match details["type"]:
        case "extra_forbidden":
            return f"{at} is no parameter", near(str(details["loc"][-1]), _parameters(cls))
        case "missing":
            return f"{model.name} does not say {at}", "every number of a mechanism is a fact of its page"
        case "literal_error":
            known = str(context["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return f"{at} is {shown}", near(str(given), known)
        case "fact":
            return f"{at}: {context['said']}", str(context["hint"])
    return f"{at} is {shown}: {details['msg'].lower()}", ""


def _parameters(cls: type[Part]) -> list[str]:
    """The parameters of a mechanism and of the groups in it."""
    found: list[str] = []
    for name, field in cls.model_fields.items():
        found.append(name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, Part):
            found += field.annotation.model_fields
    return found
