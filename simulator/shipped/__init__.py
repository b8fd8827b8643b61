"""The content that Littoral ships: models, topologies, policies, experiments, examples.

In a wheel the five folders lie beside this file; in a checkout they lie at the repository root, which is
appended to this package's path, so one name reaches them in both.
"""

from pathlib import Path

_root = Path(__file__).resolve().parents[2]
if not (Path(__file__).parent / "models").is_dir() and (_root / "pyproject.toml").is_file():
    __path__.append(str(_root))
