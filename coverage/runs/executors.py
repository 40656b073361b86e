"""Where work runs: in this process, in a pool of processes (the default), or on Dask workers.

An executor is ``run(function, tasks)``: pairs of (task number, result), in any order. Functions are importable by name and
tasks are small; big inputs lie in files that tasks name. Whatever a task finishes it has put on disk before it returns, so
an executor keeps no state: after a kill the caller looks at the disk and runs the tasks that are missing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from coverage import __version__
from coverage.errors import EnvironmentProblemError, InputError
from coverage.settings import ExecutorName

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

Report = Callable[[float, float | None], None]
"""(fraction done 0–1, seconds left or None while unknown)."""

MAX_POOL_FAILURES = 3
"""How often in a row a pool may die without finishing a single task."""

DASK_WAIT_S = 30.0
"""How long a Dask scheduler may take to answer and to have a worker, seconds."""

_IN_FLIGHT = 2
"""Tasks handed out per worker: one runs, one waits, so that a worker never idles and a kill loses little."""


class Executor(Protocol):
    """See the module's text. Use it in a ``with`` block."""

    @property
    def workers(self) -> int: ...

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Iterator[tuple[int, ResultT]]:
        """Results as they come. The first exception of a task is raised here and the rest is given up."""
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class SerialExecutor:
    """One task after another in this process."""

    workers = 1

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Iterator[tuple[int, ResultT]]:
        for number, task in enumerate(tasks):
            yield number, function(task)

    def __enter__(self) -> SerialExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class ProcessExecutor:
    """A pool of worker processes on this machine, started afresh (``spawn``) on every system alike.

    A worker that is killed (out of memory, by hand) costs the tasks it held: the pool is made anew and they are handed out
    again. Raises EnvironmentProblemError ("workers-die") when pools keep dying without finishing anything.
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise InputError(
                "workers-below-one",
                f"並列数が{workers}です。1以上にしてください。",
                f"the number of workers is {workers}; give 1 or more.",
            )
        self._workers = workers or available_cores()
        self._pool: ProcessPoolExecutor | None = None

    @property
    def workers(self) -> int:
        return self._workers

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Iterator[tuple[int, ResultT]]:
        waiting = list(range(len(tasks)))[::-1]
        running: dict[Future[ResultT], int] = {}
        failures = 0
        try:
            while waiting or running:
                pool = self._started()
                try:
                    while waiting and len(running) < _IN_FLIGHT * self._workers:
                        number = waiting[-1]
                        running[pool.submit(function, tasks[number])] = number
                        waiting.pop()
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        failures = 0
                        yield running.pop(future), result
                except BrokenProcessPool as error:
                    failures += 1
                    if failures >= MAX_POOL_FAILURES:
                        raise _workers_die(failures) from error
                    # Whatever had finished on disk is found there by the tasks themselves; the rest is handed out again.
                    waiting += sorted(running.values(), reverse=True)
                    running.clear()
                    self._stop()
        except BaseException:
            for future in running:
                future.cancel()
            raise

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=_begin_worker
            )
        return self._pool

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> ProcessExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()


_VERSION_ASKED_FOR: Final = 'str(getattr(__import__("coverage"), "__version__", "—"))'
"""A question as text: a worker without this package, or with an earlier one, has none of our functions to call."""


class DaskExecutor:
    """Dask workers: a scheduler at ``address``, or a cluster of processes on this machine (loopback only).

    Workers on other machines must see the work folder under the same path (a network share) and hold this version of the
    package. Needs the extra ``[dask]``. Raises EnvironmentProblemError: "extra-missing-dask", "dask-unreachable" (nobody
    answers at ``address`` within ``wait_s`` seconds), "dask-no-workers" or "dask-other-version".
    """

    def __init__(
        self, address: str | None = None, workers: int | None = None, *, wait_s: float = DASK_WAIT_S
    ) -> None:
        distributed = _distributed()
        self._cluster: Any = None
        self._client: Any = None
        if address is None:
            self._cluster = distributed.LocalCluster(
                n_workers=workers or available_cores(),
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address=None,
            )
        try:
            self._connect(distributed, address, wait_s)
        except BaseException:
            self._close()
            raise

    def _connect(self, distributed: Any, address: str | None, wait_s: float) -> None:
        try:
            self._client = distributed.Client(self._cluster if address is None else address, timeout=wait_s)
        except OSError as error:
            raise EnvironmentProblemError(
                "dask-unreachable",
                f"Dask のスケジューラー {address} につながりません。動いているか、アドレスが正しいかを確かめてください。",
                f"No Dask scheduler answers at {address}; check that it runs and that the address is right.",
            ) from error
        try:
            # Without a worker tasks would wait for ever.
            self._client.wait_for_workers(1, timeout=wait_s)
        except TimeoutError as error:
            raise EnvironmentProblemError(
                "dask-no-workers",
                f"Dask のスケジューラー {address} にワーカーがいません。各計算機で dask worker を立ててください。",
                f"The Dask scheduler at {address} has no workers; start 'dask worker' on the machines.",
            ) from error
        answers = self._client.run(eval, _VERSION_ASKED_FOR, on_error="return").values()
        # A worker without this package answers with the error of the import.
        others = sorted({a if isinstance(a, str) else "—" for a in answers} - {__version__})
        if others:
            raise EnvironmentProblemError(
                "dask-other-version",
                f"Dask のワーカーに別の版（{'、'.join(others)}）が入っています。この版（{__version__}）にそろえてください。",
                f"Dask workers hold another version ({', '.join(others)}); install this one ({__version__}) there.",
            )
        self._client.run(_one_thread)

    @property
    def workers(self) -> int:
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT]
    ) -> Iterator[tuple[int, ResultT]]:
        distributed = _distributed()
        numbers = iter(range(len(tasks)))
        held: dict[Any, int] = {}
        pending = distributed.as_completed()
        try:
            for number in numbers:
                held[self._submit(function, tasks[number], pending)] = number
                if len(held) >= _IN_FLIGHT * self.workers:
                    break
            for future in pending:
                result = future.result()
                done = held.pop(future)
                future.release()
                following = next(numbers, None)
                if following is not None:
                    held[self._submit(function, tasks[following], pending)] = following
                yield done, result
        finally:
            for future in held:
                future.cancel()

    def _submit(self, function: Callable[[TaskT], ResultT], task: TaskT, pending: Any) -> Any:
        future = self._client.submit(function, task, pure=False)
        pending.add(future)
        return future

    def __enter__(self) -> DaskExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for held in (self._client, self._cluster):
            if held is not None:
                held.close()


def executor_named(kind: ExecutorName, *, workers: int = 0, address: str | None = None) -> Executor:
    """The executor of the settings. ``workers``: 0 = every core; one process alone is this one.

    ``address``: of a Dask scheduler, ``tcp://host:port``, whose own workers then count; None = Dask on this machine.
    """
    if kind == "serial":
        return SerialExecutor()
    if kind == "dask":
        return DaskExecutor(address, workers or None)
    cores = workers or available_cores()
    return SerialExecutor() if cores == 1 else ProcessExecutor(cores)


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Meter:
    """Fraction done and time left, from a monotonic clock; the fraction never goes back.

    ``done`` is what an earlier, interrupted attempt left finished: it counts as done but not as speed.
    """

    def __init__(
        self,
        report: Report | None,
        total: float,
        *,
        done: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._total = max(total, 0.0)
        self._done = done
        self._clock = clock
        self._began = clock()
        self._at_start = done
        self._shown = 0.0
        self._show()

    def advance(self, amount: float = 1.0) -> None:
        self._done += amount
        self._show()

    def _show(self) -> None:
        fraction = 1.0 if self._total == 0 else min(1.0, self._done / self._total)
        self._shown = max(self._shown, fraction)
        worked = self._done - self._at_start
        left = None
        if worked > 0:
            left = max(0.0, self._total - self._done) * (self._clock() - self._began) / worked
        elif self._shown >= 1.0:
            left = 0.0
        if self._report is not None:
            self._report(self._shown, left)


def _begin_worker() -> None:
    """First thing in a pool's worker: one thread of its own, the cure of the name trap, and no life after the parent."""
    _one_thread()
    import coverage._jit  # noqa: F401  (before any third-party user of numba)

    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    # A pool's workers hold both ends of its queues and would wait for ever for a parent that was killed.
    connection.wait([sentinel])
    os._exit(1)


def _one_thread() -> None:
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _workers_die(times: int) -> EnvironmentProblemError:
    return EnvironmentProblemError(
        "workers-die",
        f"計算用プロセスが{times}回続けて異常終了しました。メモリが足りないおそれがあります。並列数を減らすか格子を粗くしてください。",
        f"the worker processes died {times} times in a row, perhaps for lack of memory; use fewer workers or a coarser grid.",
    )


def _distributed() -> Any:
    with contextlib.suppress(ImportError):
        import distributed

        return distributed
    raise EnvironmentProblemError(
        "extra-missing-dask",
        "Dask が入っていません。pip install 'coverage-gap-planner[dask]' で追加してください。",
        "Dask is not installed; add it with pip install 'coverage-gap-planner[dask]'.",
    )
