"""What every test shares: where the real data lie, and the time that each folder of tests took."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; CI has it, elsewhere the test skips and says why."""
    data = _SHARED / "data"
    if not data.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail("CI runs with the real data beside the checkout, and they are not there")
        pytest.skip("the real data are not beside this checkout")
    return data


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds per folder: a suite that grows says where."""
    spent: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                spent["/".join(report.nodeid.split("::")[0].split("/")[:2])] += report.duration
    terminalreporter.write_sep("-", "seconds per folder")
    for folder, seconds in sorted(spent.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{seconds:8.1f}  {folder}")
