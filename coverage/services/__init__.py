"""Use cases: the one place that pages, routes and commands call."""
