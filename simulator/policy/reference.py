"""One grammar to name a policy, a generator or an executor, everywhere.

`least-loaded` is shipped, and for a hub `clusters/spread`; `./mine.py:Mine` is in a file (relative to the YAML file
that says so), `my_pkg.sched:Mine` is in an installed module, `acme/carbon` is entry point `carbon` of distribution
`acme`, group `simulator.policies` (or `simulator.topologies`). Workers are sent the reference, never the instance.
"""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from hashlib import sha256
from importlib.metadata import entry_points
from importlib.resources import files as resources
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from simulator.errors import Problem, UserError
from simulator.policy.file_params import file_parameters, located
from simulator.policy.params import misfits

Folder = Literal["policies", "topologies"]
# Decision points whose shipped policies have a folder of their own.
POINTS = ("autoscaling", "caching", "clusters", "order", "preemption", "rescheduling", "routing", "scaling")
GRAMMAR = "a shipped name, ./file.py:Name, package.module:Name, or distribution/entry-point"


def shipped_names(folder: Folder, point: str = "") -> list[str]:
    """The names of what ships in a content folder, as they are written in a reference; sorted. `point`: those of a
    decision point that has a folder of its own."""
    found = resources(f"simulator.shipped.{folder}{point and '.' + point}").iterdir()
    stems = (Path(item.name).stem for item in found if item.name.endswith(".py") and not item.name.startswith("_"))
    return sorted(stem.replace("_", "-") for stem in stems)


def resolve(ref: str, base: Path, folder: Folder = "policies", what: str = "policy") -> Any:
    """The class or function that `ref` names; a relative file is relative to `base`.

    Raises UserError, with near names, where nothing has that name or its module cannot be imported.
    """
    module, name = _module(ref, base, folder, what)
    if not isinstance(module, ModuleType):
        return module  # an entry point is the object itself
    if name:
        if name.startswith("_") or not hasattr(module, name):
            raise _no_such(f"{ref!r}: no {name!r} in it", name, list(_public(module)))
        return getattr(module, name)
    return _only(module, ref, what)


def instantiate(
    ref: str,
    params: Mapping[str, Any],
    base: Path,
    folder: Folder = "policies",
    what: str = "policy",
    *,
    given: int = 0,
) -> Any:
    """What `{use: ref, params: …}` means: a class's instance, or a function with its parameters bound.

    `given` is how many leading positional parameters of a function the caller will supply itself: 2 for a placement
    (pod, cluster). A parameter that is annotated as a Path names a file relative to `base`. Raises UserError for a
    parameter that is not accepted, one that is missing, one refused, a file that is not there, or a function that
    takes fewer arguments than it is given.
    """
    target = resolve(ref, base, folder, what)
    accepted, required = _parameters(target, given)
    problems = [
        Problem(f"{what} {ref!r} takes no parameter {name!r}", path=f"params.{name}", hint=_near(name, accepted))
        for name in params
        if accepted is not None and name not in accepted
    ]
    if (few := _given_room(target, given)) < given:
        said = f"{what} {ref!r} takes {few} arguments in their order, and is asked with {given}"
        problems.append(Problem(said, hint="write the function as its point has it"))
    problems += [
        Problem(f"{what} {ref!r} needs the parameter {name!r}", hint="give it under params:")
        for name in required
        if name not in params
    ]
    problems += [
        Problem(
            f"{name} of {what} {ref!r} takes {takes}, not {params[name]!r}",
            path=f"params.{name}",
            hint="" if default is inspect.Parameter.empty else f"without it, it is {default!r}",
        )
        for name, (takes, default) in misfits(target, params).items()
    ]
    if problems:
        raise UserError(problems)
    placed = located(target, params, base)
    if not inspect.isclass(target):
        return partial(target, **placed) if placed else target
    try:
        return target(**placed)
    except UserError:
        raise
    except ValueError as error:
        raise UserError(Problem(f"{what} {ref!r} refuses its parameters: {error}", path="params")) from error
    except (Exception, SystemExit) as error:
        said = f"{what} {ref!r} cannot be made: its constructor raises {type(error).__name__}: {error}"
        frame = traceback.extract_tb(error.__traceback__)[-1]
        hint = f"{Path(frame.filename).name}, line {frame.lineno}; look at its parameters and their types"
        raise UserError(Problem(said, path="params", hint=hint)) from error


def at_point(ref: str, point: str) -> str:
    """The reference at a decision point with a folder of its own: there, `spread` is short for `clusters/spread`."""
    return f"{point}/{ref}" if _is_name(ref) else ref


def in_full(ref: str) -> str:
    """The reference, wherever it is used: `nearest` is `routing/nearest`, which no other point has."""
    homes = _homes(ref) if _is_name(ref) else []
    return f"{homes[0]}/{ref}" if len(homes) == 1 and homes[0] != "placement" else ref


def _is_name(ref: str) -> bool:
    return not ref.endswith(".py") and not any(mark in ref for mark in "/:")


def _homes(name: str) -> list[str]:
    """The points that ship a policy of this name."""
    found = [point for point in POINTS if name in shipped_names("policies", point)]
    return ["placement", *found] if name in shipped_names("policies") else found


def source_of(ref: str, base: Path, folder: Folder = "policies", what: str = "policy") -> Path | None:
    """The file that defines what `ref` names; None where it has no Python source."""
    module, _name = _module(ref, base, folder, what)
    try:
        return Path(inspect.getsourcefile(module) or "") if module is not None else None
    except TypeError:
        return None


def hash_of(ref: str, base: Path, folder: Folder = "policies", what: str = "policy") -> str:
    """SHA-256 of the defining file's bytes, and those of the files that it reads by default, for the run's record;
    empty where it has no Python source."""
    source = source_of(ref, base, folder, what)
    if source is None or not source.is_file():
        return ""
    found = sha256(source.read_bytes())
    for file in files_by_default(ref, base, folder, what):
        found.update(file.read_bytes())
    return found.hexdigest()


def _module(ref: str, base: Path, folder: Folder, what: str) -> tuple[Any, str]:
    """The module that a reference names and the name in it; of an entry point the object and no name."""
    left, colon, name = ref.rpartition(":")
    if ref.endswith(".py") or (colon and not name):
        raise UserError(
            Problem(f"{ref!r} does not say which {what} of that file", hint=f"write {ref.rstrip(':')}:Name")
        )
    if left.endswith(".py"):
        return _file(left, base, what), name
    if not ref.strip("./:") or left.startswith((".", "/")):
        raise UserError(Problem(f"{ref!r} names no {what}", hint=f"a {what} is {GRAMMAR}"))
    if colon:
        return _installed(left, ref, what), name
    point, _, plain = ref.rpartition("/")
    if point and not (folder == "policies" and point in POINTS):
        return _entry_point(ref, folder, what), ""
    names = shipped_names(folder, point)
    if plain not in names:
        if folder == "policies" and (homes := _homes(plain)):
            raise UserError(Problem(f"no {what} named {ref!r}", hint=f"{plain} is a policy for {' and '.join(homes)}"))
        raise _no_such(f"no {what} named {ref!r}", plain, names, f"a {what} is {GRAMMAR}")
    home = ".".join(filter(None, ("simulator.shipped", folder, point, plain.replace("-", "_"))))
    return _guarded(partial(importlib.import_module, home), ref), ""


def _file(text: str, base: Path, what: str) -> Any:
    from simulator.policy import files  # noqa: PLC0415  # importing it registers its finder: only where one is needed

    path = (base / Path(text).expanduser()).resolve()
    if not path.is_file():
        near = [f"./{p.name}" for p in sorted(path.parent.glob("*.py"))] if path.parent.is_dir() else []
        raise _no_such(
            f"no file {text!r} for the {what}", f"./{path.name}", near, "files are relative to the YAML file"
        )
    return _guarded(partial(files.load, path), str(path))


def _installed(name: str, ref: str, what: str) -> Any:
    try:
        return _guarded(partial(importlib.import_module, name), ref)
    except ModuleNotFoundError as error:
        hint = f"install it, or for a file write ./{name.replace('.', '/')}.py:Name"
        raise UserError(Problem(f"{what} {ref!r}: no module named {error.name!r}", hint=hint)) from None


def _entry_point(ref: str, folder: Folder, what: str) -> Any:
    distribution, _, name = ref.partition("/")
    points = entry_points(group=f"simulator.{folder}")
    for point in points:
        if point.name in (ref, name) and (point.name == ref or (point.dist and point.dist.name == distribution)):
            return _guarded(point.load, ref)
    known = [p.name if "/" in p.name or p.dist is None else f"{p.dist.name}/{p.name}" for p in points]
    raise _no_such(f"no {what} {ref!r} is installed", ref, known, f"for a file write ./{ref}.py:Name")


def _guarded(load: Callable[[], Any], ref: str) -> Any:
    """Run a module's code; whatever it raises is the user's to mend, with file and line."""
    try:
        return load()
    except SyntaxError as error:
        raise UserError(Problem(f"not Python: {error.msg}", file=error.filename, line=error.lineno)) from None
    except ModuleNotFoundError as error:
        if error.name is not None and ref.startswith(error.name):
            raise
        hint = f"install {error.name} into the environment that runs littoral"
        raise UserError(Problem(f"{ref} imports {error.name!r}, which is not installed", hint=hint)) from error
    except (Exception, SystemExit) as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{ref} cannot be imported: {type(error).__name__}: {error}"
        raise UserError(Problem(text, file=frame.filename, line=frame.lineno)) from error


def _public(module: ModuleType) -> dict[str, Any]:
    """What the module itself defines under a public name: classes and functions."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
    }


def _only(module: ModuleType, ref: str, what: str) -> Any:
    """A shipped module's subject: the class of its name, or `build`, or its only public class or function."""
    public = _public(module)
    camel = "".join(part.capitalize() for part in ref.rpartition("/")[2].split("-"))
    for name in (camel, "build"):
        if name in public:
            return public[name]
    classes = [value for value in public.values() if inspect.isclass(value)]
    if len(classes) == 1:
        return classes[0]
    if len(public) == 1:
        return next(iter(public.values()))
    raise UserError(Problem(f"{ref!r} defines no {what}", hint=f"it needs a class {camel} or a function build"))


def _parameters(target: Any, given: int) -> tuple[list[str] | None, list[str]]:
    """The names that a target accepts (None: any) and those that it cannot do without."""
    if not callable(target):
        raise UserError(Problem(f"{target!r} is neither a class nor a function", hint=GRAMMAR))
    try:
        parameters = list(inspect.signature(target).parameters.values())
    except ValueError:
        raise UserError(
            Problem(f"{target!r} does not say its parameters", hint="write a function of your own")
        ) from None
    kinds = inspect.Parameter
    if not inspect.isclass(target):
        parameters = parameters[given:]
    if any(p.kind is kinds.VAR_KEYWORD for p in parameters):
        return None, []
    named = [p for p in parameters if p.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    return [p.name for p in named], [p.name for p in named if p.default is kinds.empty]


def _given_room(target: Any, given: int) -> int:
    """How many arguments in their order a function takes, `given` at most; a class's method is asked, not the class."""
    parameters = inspect.signature(target).parameters.values()
    kinds = inspect.Parameter
    if inspect.isclass(target) or any(p.kind is kinds.VAR_POSITIONAL for p in parameters):
        return given
    return min(given, sum(p.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD) for p in parameters))


def files_by_default(ref: str, base: Path, folder: Folder = "policies", what: str = "policy") -> list[Path]:
    """The files that a policy reads where no parameter says which."""
    defaults = (parameter.default for parameter in file_parameters(resolve(ref, base, folder, what)).values())
    return [default for default in defaults if isinstance(default, Path) and default.is_file()]


def _near(name: str, known: list[str] | None) -> str:
    near = get_close_matches(name, known or [], n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"it takes {', '.join(known)}" if known else "it takes none"


def _no_such(message: str, name: str, known: list[str], otherwise: str = "") -> UserError:
    near = get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return UserError(Problem(message, hint=f"did you mean {' or '.join(near)}?"))
    listed = f"known: {', '.join(known)}" if known else ""
    return UserError(Problem(message, hint="; ".join(part for part in (listed, otherwise) if part)))
