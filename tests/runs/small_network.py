"""A network of a few sites on a small terrain, and what its bytes are: shared by the tests of executors, changes and kills."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from types import ModuleType

from coverage.runs.executors import Executor
from coverage.runs.network import NetworkSignal, network_signal

PROGRAM = Path(__file__).with_name("interrupted_footprints.py")


def _program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("interrupted_footprints", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


network = _program()
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
