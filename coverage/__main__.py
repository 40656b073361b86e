"""``python -m coverage``: the same as the command ``coverage-gap``."""

from coverage.cli import main

if __name__ == "__main__":
    main()
