"""The wheel: one import package, all the content, and a shipped experiment runs far from the checkout."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(build, check=True, capture_output=True, cwd=_ROOT)
    (found,) = out.glob("*.whl")
    return found


def test_the_only_top_level_names_are_the_package_and_its_metadata(wheel: Path) -> None:
    names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {re.sub(r"-.*", "", name) for name in names} == {"simulator", "littoral"}


def test_the_content_is_inside(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder in ("models", "topologies", "policies", "experiments", "examples"):
        ours = {
            f"simulator/shipped/{path.relative_to(_ROOT).as_posix()}"
            for path in (_ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert ours
        assert ours <= names


def test_an_installed_wheel_runs_a_shipped_experiment_away_from_the_checkout(wheel: Path, tmp_path: Path) -> None:
    # Unpacked and put first on the path: the checkout's own packages serve as its dependencies.
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r}); import simulator;"
        f"assert simulator.__file__.startswith({str(site)!r}), simulator.__file__;"
        "from simulator.cli import main; sys.argv = ['littoral', 'check', 'quickstart']; sys.exit(main())"
    )
    away = tmp_path / "away"
    away.mkdir()
    (away / "models").mkdir()  # a user's own folder of the same name does no harm
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=away, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_content_folder_has_an_init_file() -> None:
    for folder in ("models", "topologies", "policies", "experiments", "examples"):
        assert not list((_ROOT / folder).rglob("__init__.py"))
