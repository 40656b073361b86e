"""A network of a few sites on a small terrain, and what its bytes are: shared by the tests of executors, changes and kills."""

from __future__ import annotations

import hashlib
from pathlib import Path

from coverage.runs.executors import Executor
from coverage.runs.network import NetworkSignal, network_signal

from . import interrupted_footprints as network

PROGRAM = Path(__file__).with_name("interrupted_footprints.py")


EDGE = -95.0


def network_of(work: Path, executor: Executor, count: int = 40, **options: object) -> NetworkSignal:
    return network_signal(
        network.terrain(),
        network.cells(count),
        network.RADIO,
        work=work,
        executor=executor,
        edge_dbm=EDGE,
        **options,
    )  # type: ignore[arg-type]


def bytes_of(found: NetworkSignal) -> dict[str, str]:
    return {
        name: hashlib.sha256(
            best.level_dbm[: best.k].tobytes() + best.server[: best.k].tobytes() + best.blocked.tobytes()
        ).hexdigest()
        for name, best in found.best.items()
    }


def files_of(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.footprint"))
    }
