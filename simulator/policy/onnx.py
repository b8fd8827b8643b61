"""A trained network in an ONNX file, checked against what it will be fed before it answers anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError


class Network:
    """Calls one network, on one thread: the same answer for the same arrays.

    `expected` is what the file's own metadata must say, each value as JSON: the layout that it was trained on.
    """

    __slots__ = ("_session", "about")

    def __init__(self, path: Path, expected: Mapping[str, Any]) -> None:
        """Load it. Raises UserError where onnxruntime is missing, or the file is none or another layout's."""
        try:
            import onnxruntime  # noqa: PLC0415  # an extra
        except ImportError:
            said, hint = "a learned policy needs onnxruntime", "pip install 'littoral[learned]'"
            raise UserError(Problem(said, hint=hint)) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, of no common class
            raise UserError(Problem(f"no network can be read: {error}", str(path))) from None
        written = self._session.get_modelmeta().custom_metadata_map
        try:
            self.about: dict[str, Any] = {name: json.loads(text) for name, text in written.items()}
        except ValueError:
            self.about = {}
        for name, value in expected.items():
            wanted = json.loads(json.dumps(value))
            if self.about.get(name) != wanted:
                said = f"the network's {name} is {self.about.get(name)}, and {wanted} is what it would be fed"
                raise UserError(Problem(said, str(path), hint="train it again, on this layout"))

    def __call__(self, arrays: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        """Its first output for these inputs."""
        answer: NDArray[np.float32] = self._session.run(None, dict(arrays))[0]
        return answer
