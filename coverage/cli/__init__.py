"""Command ``coverage-gap``. Stays light: ``--help`` must answer at once, so heavy packages load inside commands."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coverage.errors import CoverageGapError


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with its exit code.

    Errors meant for people end as two lines on standard error (Japanese, English), or as one JSON object on standard
    output where ``--json`` was asked for; the exit code is that of the error's class.
    """
    from coverage.errors import CoverageGapError

    argv = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        # A Windows console in cp932 cannot print every name; never die on output.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        from coverage.environment import refuse_coverage_py

        refuse_coverage_py()
        from coverage.cli.app import app

        app(argv, prog_name="coverage-gap")
    except CoverageGapError as error:
        if "--json" in argv:
            print(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
        print_error(error)
        raise SystemExit(error.exit_code) from None


def print_error(error: CoverageGapError) -> None:
    """The two lines on standard error."""
    print(f"エラー: {error.ja}\nerror: {error.en}", file=sys.stderr)
