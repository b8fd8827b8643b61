"""`littoral replay`: run a study again, and compare."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from simulator.cli.answer import Answer
from simulator.cli.given import at_least
from simulator.cli.progress import shown
from simulator.study.provenance import platform_tag
from simulator.study.replay import replay as replay_
from simulator.study.store import open_run


def replay(study: Path, /, *, workers: int | None = None, executor: str | None = None) -> Answer:
    """Run a study again and compare its tables byte for byte; exit status 1 where one differs.

    Parameters
    ----------
    study
        A study folder.
    workers
        Processes at most.
    executor
        process, serial, or module:factory.
    """
    at_least(workers=(workers, 1))
    opened = open_run(study)
    with shown() as watch:
        found = replay_(opened, executor=executor, workers=workers, watch=watch)
    same_platform = opened.about.provenance.get("platform") == platform_tag()
    document = {
        "identical": not found,
        "runs": len(opened),
        "same_platform": same_platform,
        "differences": [asdict(difference) for difference in found],
    }
    if not found:
        return Answer(document, f"identical: {len(opened)} runs")
    lines = [str(difference) for difference in found[:10]]
    if len(found) > 10:
        lines.append(f"… and {len(found) - 10} tables more")
    if not same_platform:
        lines.append(f"the study was made on {opened.about.provenance.get('platform')}, this is {platform_tag()}")
    return Answer(document, "\n".join(lines), status=1)
