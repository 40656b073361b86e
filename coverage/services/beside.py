"""Work beside a page: how long it has taken, and whether it has ended."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass
class Beside:
    """What a page looks at while a thread works; who works sets the end."""

    begun: float = field(default_factory=time.monotonic, kw_only=True)
    _ended: threading.Event = field(default_factory=threading.Event, repr=False, kw_only=True)

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.begun

    def wait(self, seconds: float) -> bool:
        """Whether it ended within ``seconds``."""
        return self._ended.wait(seconds)
