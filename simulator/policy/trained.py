"""A trained network in one ONNX file, and what it says of itself: nothing is run that was trained on something else.

The file's metadata holds one JSON text under `littoral`, with these keys:

- `kind`: what it decides, `placement`.
- `observation`: `version` of the layout, and `nodes` and `pod`, each a list of [column, unit], in their order.
- `scenario`: what it was trained on, as plain data; `scenario_sha256` is its digest.
- `seeds`: `training`, `selection` and `held_back`, lists that share nothing.
- `trained`: how, in words; `result`: what came out on the held-back seeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from simulator.errors import Problem, UserError
from simulator.policy.observation import (
    NODE_COLUMNS,
    NODE_UNITS,
    POD_COLUMNS,
    POD_UNITS,
    VERSION,
    Floats32,
    Observation,
)

KEY: Final = "littoral"
LAYOUT: Final[Mapping[str, Any]] = {
    "version": VERSION,
    "nodes": [list(pair) for pair in zip(NODE_COLUMNS, NODE_UNITS, strict=True)],
    "pod": [list(pair) for pair in zip(POD_COLUMNS, POD_UNITS, strict=True)],
}
_NAMES: Final = ("nodes", "pod", "scores")  # of its inputs and its output
_KEYS: Final = ("kind", "observation", "scenario", "scenario_sha256", "seeds", "trained", "result")
_RETRAIN: Final = "train it anew, with examples/train_placement.py"
_SEEDS: Final = ("training", "selection", "held_back")


class Trained:
    """A scorer of nodes: inputs `nodes` [n, columns] and `pod` [columns], output `scores` [n], all float32."""

    __slots__ = ("_session", "metadata")

    def __init__(self, file: Path) -> None:
        """Read it. Raises UserError where onnxruntime is missing, or the file is not what this version can feed."""
        try:
            import onnxruntime as ort  # noqa: PLC0415  # an extra
        except ModuleNotFoundError:
            hint = "pip install 'littoral[learned]'"
            raise UserError(Problem("a trained policy needs onnxruntime", hint=hint)) from None
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the same sums everywhere
        try:
            self._session = ort.InferenceSession(file.read_bytes(), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise UserError(Problem(f"not a network that onnxruntime can read: {error}", file=str(file))) from None
        names = tuple(each.name for each in (*self._session.get_inputs(), *self._session.get_outputs()))
        if names != _NAMES:
            said = f"it has {', '.join(names)}; a scorer of nodes has {', '.join(_NAMES)}"
            raise UserError(Problem(said, file=str(file), hint=_RETRAIN))
        said = self._session.get_modelmeta().custom_metadata_map.get(KEY, "{}")
        try:
            self.metadata: dict[str, Any] = dict(json.loads(said))
        except (TypeError, ValueError):
            raise UserError(Problem(f"its metadata {KEY!r} is no JSON object", file=str(file), hint=_RETRAIN)) from None
        found = [Problem(text, file=str(file), hint=hint) for text, hint in faults(self.metadata)]
        if found:
            raise UserError(found)

    def scores(self, seen: Observation) -> Floats32:
        """A score for each node, the higher the better."""
        scores: Floats32 = self._session.run(("scores",), {"nodes": seen["nodes"], "pod": seen["pod"]})[0]
        return scores


def digest(scenario: Mapping[str, Any]) -> str:
    """SHA-256 of a scenario's plain data, whatever the order of its keys."""
    return sha256(json.dumps(scenario, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def faults(metadata: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with what a network says of itself: sentences, each with a hint."""
    missing = [key for key in _KEYS if key not in metadata]
    if missing:
        return [(f"its metadata says nothing of {', '.join(missing)}", _RETRAIN)]
    if metadata["kind"] != "placement":
        return [(f"it decides {metadata['kind']}, not placement", _RETRAIN)]
    wrong = []
    seen, met = metadata["observation"], metadata["seeds"]
    if not (isinstance(seen, Mapping) and isinstance(met, Mapping) and isinstance(metadata["scenario"], Mapping)):
        return [("its observation, scenario and seeds are no objects with keys", _RETRAIN)]
    if seen.get("version") != VERSION:
        wrong.append(
            (f"it was trained on version {seen.get('version')} of the observation; this is {VERSION}", _RETRAIN)
        )
    for part in ("nodes", "pod"):
        if seen.get(part) != LAYOUT[part]:
            there, here = (_told(columns) for columns in (seen.get(part), LAYOUT[part]))
            wrong.append((f"its columns of {part} are {there}; here they are {here}", _RETRAIN))
    if digest(metadata["scenario"]) != metadata["scenario_sha256"]:
        wrong.append(("the scenario that it names is not the one of its scenario_sha256", _RETRAIN))
    lists = [met.get(kind) for kind in _SEEDS]
    seeds = [set(each) if isinstance(each, list) and all(type(seed) is int for seed in each) else () for each in lists]
    if not all(seeds):
        wrong.append((f"it does not say all of its seeds: {', '.join(_SEEDS)}", _RETRAIN))
    if sum(map(len, seeds)) > len(set[int]().union(*seeds)):
        wrong.append(("it was held against seeds that it had met before", _RETRAIN))
    return wrong


def _told(columns: Any) -> str:
    """A list of [column, unit] in words; what is none, as it stands."""
    try:
        return ", ".join(f"{name} [{unit}]" for name, unit in columns)
    except (TypeError, ValueError):
        return repr(columns)
