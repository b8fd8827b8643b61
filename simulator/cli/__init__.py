"""The command line: `littoral`. One small file per command."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit status: 0 done, 1 the run or a check failed, 2 wrong input."""
    import sys  # noqa: PLC0415  # nothing at import

    from simulator.cli.app import call  # noqa: PLC0415  # cyclopts

    sys.exit(call(sys.argv[1:] if arguments is None else arguments))
