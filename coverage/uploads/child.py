"""The process that opens a stranger's file: ``python -m coverage.uploads.child JOB``.

It has no network, no way to start programs, bounded memory and time, and one folder. JOB is a JSON file that names the
upload and where the report goes; nothing else is read from outside and nothing is printed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

_FORBIDDEN = (
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen",
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "ftplib.connect", "urllib.Request", "webbrowser.open",
    "sqlite3.enable_load_extension", "sqlite3.load_extension",
)  # fmt: skip


def forbid_outside() -> None:
    """Refuse network and new programs for the rest of this process: by the system where it can, always by Python."""
    if sys.platform == "linux":
        import ctypes

        # A new user and network namespace: no interface but a loopback that is down. Needs no privilege on most systems.
        clone_new_user, clone_new_net = 0x10000000, 0x40000000
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(clone_new_net) != 0:
            libc.unshare(clone_new_user | clone_new_net)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(_FORBIDDEN):
            raise PermissionError(f"{event} is not allowed while reading an upload")

    sys.addaudithook(refuse)


def confine_files(folders: Sequence[Path]) -> None:
    """From now on Python opens files in ``folders`` and in its own installation only, and writes only in the first.

    SQLite and PROJ open theirs by C, where no hook reaches: the GeoPackage is named by us, and PROJ has its own data.
    """
    own = [Path(p) for p in {sys.prefix, sys.base_prefix, sys.exec_prefix, str(Path(__file__).parents[2])}]
    zones = [Path(p) for p in ("/usr/share/zoneinfo", "/usr/lib", "/usr/local/lib", "/dev/null", "/dev/urandom", "/proc/self")]
    readable = [os.path.normcase(os.path.realpath(p)) for p in (*folders, *own, *zones)]
    writable = os.path.normcase(os.path.realpath(folders[0]))

    def inside(path: str, root: str) -> bool:
        return path == root or path.startswith(root.rstrip(os.sep) + os.sep)

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or isinstance(arguments[0], int):
            return
        path = os.path.normcase(os.path.realpath(os.fsdecode(arguments[0])))
        mode, flags = arguments[1], arguments[2]
        writes = any(c in (mode or "") for c in "wax+") or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        if not (inside(path, writable) if writes else any(inside(path, root) for root in readable)):
            raise PermissionError("this file may not be opened while reading an upload")

    sys.addaudithook(refuse)


def bound_resources(memory_bytes: int, wall_s: float) -> None:
    """Limits that the system keeps. Windows has its Job Object instead, set by the parent."""
    try:
        import resource
    except ImportError:
        return
    seconds = int(wall_s) + 1
    wanted = {
        "RLIMIT_AS": memory_bytes,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 512 * 1024 * 1024,
        "RLIMIT_CORE": 0,
    }
    for name, value in wanted.items():
        kind = getattr(resource, name, None)
        if kind is None:
            continue
        _, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # macOS refuses some limits; the parent's clock and its look at the memory hold there.
        try:
            resource.setrlimit(kind, (ceiling, ceiling))
        except (ValueError, OSError):
            continue


def work(job: dict[str, Any]) -> dict[str, Any]:
    """Parse and check one upload; the report as a dict. Errors become a rejection with their own sentence."""
    from coverage.errors import CoverageGapError
    from coverage.uploads.describe import layout_digest
    from coverage.uploads.reading import read_upload
    from coverage.uploads.report import rejection
    from coverage.uploads.tables import ChoiceError

    try:
        return read_upload(job).as_dict()
    except ChoiceError as asked:
        report = rejection(asked.code, asked.ja, asked.en)
        report.understood |= asked.offers
        offers: list[dict[str, Any]] = next(iter(asked.offers.values()), [])
        report.understood["layout"] = layout_digest(job["kind"], [[o["name"], *o["columns"]] for o in offers])
        return report.as_dict()
    except CoverageGapError as error:
        return rejection(error.code, error.ja, error.en).as_dict()
    except MemoryError:
        return rejection(
            "too-much-memory",
            "ファイルを読むのに必要なメモリーが上限を超えました。分けて登録してください。",
            "Reading the file needs more memory than allowed; split it.",
        ).as_dict()
    except RecursionError:
        return rejection(
            "nested-too-deep", "ファイルの入れ子が深すぎます。", "The file is nested too deeply."
        ).as_dict()


def write_report(report: dict[str, Any], stream: TextIO) -> None:
    """The report by lines: all but its rows, then the rows in parts. So the parent, which serves other people at the same
    time, never has to swallow 100 MB of JSON at one bite (the interpreter is not shared during one)."""
    from coverage.uploads.stored_rows import lines_of

    stream.writelines(lines_of({**report, "rows": [], "count": len(report["rows"])}, report["rows"]))


def main() -> int:
    job_path = Path(sys.argv[1])
    job = json.loads(job_path.read_text(encoding="utf-8"))
    bound_resources(job["limits"]["memory_bytes"], job["limits"]["wall_s"])
    # Loaded before the door is shut: the parsers themselves, none of which needs the outside.
    import coverage.uploads.reading  # noqa: F401

    # A short life with millions of small objects, none of them in cycles: collecting would only cost time.
    gc.disable()
    forbid_outside()
    confine_files([job_path.parent, Path(job["path"]).parent])
    report = work(job)
    out = Path(job["out"])
    part = out.with_suffix(".part")
    # Half a surrogate pair, which JSON can smuggle in, is no text: it becomes a question mark.
    with part.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
        write_report(report, stream)
    os.replace(part, out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
