"""One module a page; each has ``show(view, run)`` and calls use cases only."""
