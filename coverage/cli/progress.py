"""Progress on the terminal: one bar with time left; silent where the output is read by a program."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Progress = Callable[[float, str], None]


@contextmanager
def terminal_progress(*, quiet: bool = False) -> Iterator[Progress]:
    """A function to call with (fraction 0–1, what is being done). The bar goes to standard error."""
    if quiet:
        yield lambda fraction, text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=1.0)

        def report(fraction: float, text: str) -> None:
            bar.update(task, completed=fraction, description=text)

        yield report


class FileProgress:
    """Progress for a program that watches from outside: one JSON object in a file, replaced at each step."""

    def __init__(self, path: Path | None, onward: Progress) -> None:
        self._path, self._onward = path, onward
        self._said: dict[str, Any] = {"fraction": 0.0, "text": "", "value": None, "bound": None, "gap": None}

    def progress(self, fraction: float, text: str) -> None:
        """A step of the whole work."""
        self._onward(fraction, text)
        self._said |= {"fraction": fraction, "text": text}
        self._write()

    def solving(self, step: Any, scale: int) -> None:
        """A step of the solver (:class:`coverage.plan.solve.Progress`), its values divided by ``scale``."""
        value, bound = (None if n is None else n / scale for n in (step.value, step.bound))
        self._said |= {"value": value, "bound": bound, "gap": step.gap}
        self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        part = self._path.with_name(f"{self._path.name}.part")
        # On Windows the file cannot be replaced while somebody reads it: the next step says it again.
        with suppress(PermissionError):
            part.write_text(json.dumps(self._said, ensure_ascii=False), encoding="utf-8")
            os.replace(part, self._path)
