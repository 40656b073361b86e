"""``python -m coverage.cli.job FOLDER COMMAND …``: a command as a server's job, which ends with its server."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Attach to the job's folder, then do what the command line says."""
    from coverage import cli
    from coverage.services import jobs

    jobs.attach(Path(sys.argv[1]))
    cli.main(sys.argv[2:])


if __name__ == "__main__":
    main()
