"""Windows has no resource limits and no network namespaces: the child gets a Job Object with a memory limit that dies
with its handle. (No test here can run it on other systems; docs/reliability.md says what is shown where.)"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

from coverage.errors import EnvironmentProblemError

_EXTENDED_LIMITS = 9
_LIMIT_PROCESS_MEMORY = 0x100
_LIMIT_ACTIVE_PROCESS = 0x8
_LIMIT_KILL_ON_CLOSE = 0x2000
_SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001


class _Basic(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _Extended(ctypes.Structure):
    _fields_ = (
        ("Basic", _Basic),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class Job:
    """An open Job Object; closing it ends whatever still runs in it."""

    def __init__(self, kernel: Any, handle: int) -> None:
        self._kernel, self._handle = kernel, handle

    def close(self) -> None:
        self._kernel.CloseHandle(ctypes.c_void_p(self._handle))


def confine(pid: int, memory_bytes: int) -> Job:
    """Put process ``pid`` into a job with ``memory_bytes`` and no children. EnvironmentProblemError where refused."""
    if sys.platform != "win32":
        raise EnvironmentProblemError(
            "not-windows", "ジョブオブジェクトは Windows だけの機能です。", "Job Objects exist on Windows only."
        )
    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    kernel.OpenProcess.restype = ctypes.c_void_p
    job = kernel.CreateJobObjectW(None, None)
    limits = _Extended()
    # Two, because the launcher of a virtual environment is a process of its own.
    limits.Basic.LimitFlags = _LIMIT_PROCESS_MEMORY | _LIMIT_KILL_ON_CLOSE | _LIMIT_ACTIVE_PROCESS
    limits.Basic.ActiveProcessLimit = 2
    limits.ProcessMemoryLimit = memory_bytes
    process = kernel.OpenProcess(_SET_QUOTA_AND_TERMINATE, False, pid)
    done = (
        job
        and process
        and kernel.SetInformationJobObject(
            ctypes.c_void_p(job), _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)
        )
        and kernel.AssignProcessToJobObject(ctypes.c_void_p(job), ctypes.c_void_p(process))
    )
    if process:
        kernel.CloseHandle(ctypes.c_void_p(process))
    if not done:
        raise EnvironmentProblemError(
            "job-object-refused",
            "取込用プロセスを隔離できません。管理者に相談してください。",
            "The reading process cannot be confined; ask the administrator.",
        )
    return Job(kernel, job)
