"""`littoral report`: the HTML report of a study."""

from __future__ import annotations

from pathlib import Path

from simulator.cli.answer import Answer
from simulator.cli.summary import report_html
from simulator.errors import Problem, UserError
from simulator.study.store import open_run, write_report


def report(study: Path, /) -> Answer:
    """Write STUDY/report.html: one file that opens offline.

    Parameters
    ----------
    study
        A study folder.
    """
    opened = open_run(study)
    if not len(opened):
        raise UserError(Problem(f"{study} has no finished run", hint="finish it: littoral run … --resume"))
    written = write_report(opened, report_html)
    return Answer({"report": str(written)}, str(written))
