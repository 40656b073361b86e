"""coverage-gap-planner: where people have no mobile signal, what was built there, and what to build next.

The import name ``coverage`` is fixed by the owner and is also the import name of coverage.py. The two cannot
live in one environment; :mod:`coverage.environment` refuses to start where they do.
"""

__version__ = "0.1.0"
