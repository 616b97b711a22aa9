"""Cells in processes of their own, some at a time: what one of them does to itself happens to no other."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from cnnzoo.errors import AGAIN_LATER, INTERRUPTED, TERMINATED, UNAVAILABLE, USER_ERROR
from cnnzoo.sweep import cell as cell_process
from cnnzoo.sweep import server
from cnnzoo.sweep.folder import LOG, SweepFolder, is_locked
from cnnzoo.sweep.grid import Cell
from cnnzoo.sweep.plan import ENDED_BADLY
from cnnzoo.training.signals import SIGNALS, leave_closed_terminal

GRACE = 60.0  # seconds from asking a process to stop, which then finishes its batch and saves, to killing it
POLL = 2.0  # seconds between looks at what runs
REST = 600.0  # seconds for which a GPU that could not take a cell gets no other
REFUSED = (USER_ERROR, UNAVAILABLE)


@dataclass
class Running:
    """A cell's process, and when it is to be stopped."""

    cell: Cell
    process: Any
    slot: int
    deadline: float
    recorded_at: int | None = None  # when its record was written that there was when it began, in ns
    reason: str | None = None  # why it was asked to stop

    def stop(self, reason: str) -> None:
        """Ask the process to stop, if it was not asked before."""
        if self.reason is None:
            self.reason, self.deadline = reason, time.monotonic() + GRACE
            self.process.terminate()


class Launcher:
    """Runs cells, `slots` at a time.

    Args:
        folder: where they write.
        slots: how many at a time.
        gpus: which the slots take in turn; empty on a CPU.
        timeout: seconds for one cell, or None.
        on_end: called with each cell when it has ended and is on record.
        on_wait: called with the cells that run, every few seconds.
    """

    def __init__(
        self,
        folder: SweepFolder,
        *,
        slots: int,
        gpus: Sequence[str],
        timeout: float | None,
        on_end: Callable[[Cell], None],
        on_wait: Callable[[Sequence[Cell]], None] = lambda cells: None,
    ) -> None:
        self.folder, self.slots, self.gpus = folder, slots, gpus
        self.on_end, self.on_wait = on_end, on_wait
        self.timeout = float("inf") if timeout is None else timeout
        self.stopped_by: int | None = None  # the signal that came
        self.refused_by: dict[str, str | None] = {}  # cells that a GPU could not take
        self.rests_until: dict[str | None, float] = {}  # such GPUs
        self.not_before = 0.0  # when the next cell may be started

    def run(self, cells: Sequence[Cell]) -> None:
        """Run the cells in order and return when all have ended, or after Ctrl-C when those that ran have stopped."""
        self.slots = min(self.slots, max(1, len(cells), len(self.gpus)))
        if self.slots > 1:
            # Threads that wait for work would otherwise spin on the cores that another cell needs.
            os.environ.setdefault("GOMP_SPINCOUNT", "1000")
        to_do = list(cells)
        running: list[Running] = []
        heeded = [each for each in SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]  # as for nohup
        before = {each: signal.signal(each, lambda number, _: self._interrupt(number, running)) for each in heeded}
        try:
            self.context = server.start()
            while running or (to_do and self.stopped_by is None):
                found = self._next(to_do, running) if self.stopped_by is None else None
                if found and time.monotonic() >= self.not_before:
                    to_do.remove(found[0])
                    self._begin(*found, to_do, running)
                    continue
                self.on_wait([each.cell for each in running])
                wait([each.process.sentinel for each in running], timeout=POLL)
                self._enforce_deadlines(running)
                for each in [each for each in running if each.process.exitcode is not None]:
                    running.remove(each)
                    self._settle(each, to_do)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _next(self, to_do: Sequence[Cell], running: Sequence[Running]) -> tuple[Cell, int] | None:
        """Return the first cell that a free slot can take, with the first such slot; None if there is none."""
        free = self._free_slots(running)
        pairs = ((cell, slot) for cell in to_do for slot in free)
        return next((pair for pair in pairs if self._gpu(pair[1]) != self.refused_by.get(pair[0].name, "")), None)

    def _free_slots(self, running: Sequence[Running]) -> list[int]:
        now, taken = time.monotonic(), {each.slot for each in running}
        return [
            slot
            for slot in range(self.slots)
            if slot not in taken and self.rests_until.get(self._gpu(slot), 0.0) <= now
        ]

    def _gpu(self, slot: int) -> str | None:
        return self.gpus[slot % len(self.gpus)] if self.gpus else None

    def _begin(self, cell: Cell, slot: int, to_do: list[Cell], running: list[Running]) -> None:
        """Start a cell, unless another process is at it, or has completed it meanwhile."""
        if is_locked(self.folder.path / cell.name):
            self._put_off(cell, to_do)
        elif self.folder.status(cell.name) == "completed" and not self.folder.lacks_export(cell):
            self.on_end(cell)
        else:
            running.append(self._start(cell, slot))
            if self.stopped_by is not None:  # a signal came just before
                running[-1].stop("interrupted")

    def _settle(self, ended: Running, to_do: list[Cell]) -> None:
        """Put a cell back that its GPU could not take, or that another process runs; note down how others ended."""
        code = ended.process.exitcode
        if code == AGAIN_LATER and not ended.reason:
            self._put_off(ended.cell, to_do)
        elif code == UNAVAILABLE and not ended.reason and self._move(ended):
            to_do.insert(0, ended.cell)
        else:
            self._end(ended)

    def _put_off(self, cell: Cell, to_do: list[Cell]) -> None:
        """Put a cell behind the others, and start none for a moment."""
        to_do.append(cell)
        self.not_before = time.monotonic() + POLL

    def _move(self, refused: Running) -> bool:
        """Let the GPU that could not take a cell rest, and say whether the cell is to go to another one, once.

        The GPU would otherwise be the first to be free, again and again, and fail one cell after another.
        """
        gpu, name = self._gpu(refused.slot), refused.cell.name
        if all(self._gpu(slot) == gpu for slot in range(self.slots)):
            return False
        self.rests_until[gpu] = time.monotonic() + REST
        why = (_refusal(self.folder.path / name / LOG) or "it cannot be used").split("\n")[0]
        print(f"note: GPU {gpu}: {why}; it gets no cell for {REST / 60:g} minutes", file=sys.stderr)
        if name in self.refused_by:
            return False
        self.refused_by[name] = gpu
        with suppress(OSError):  # a full disk: it is tried again all the same
            self.folder.put_back(name)
        return True

    def _start(self, cell: Cell, slot: int) -> Running:
        gpu, devices = self._gpu(slot), max(1, len(self.gpus))
        sharing = len(range(slot % devices, self.slots, devices))  # slots of the same device
        changed = self.folder.cells[cell.name]["changed"]
        arguments = (cell.config, changed, (self.folder.path / cell.name).absolute(), sharing, gpu)
        recorded_at = self.folder.recorded_at(cell.name)
        process = self.context.Process(target=cell_process.main, args=arguments, name=cell.name)
        with server.without_program():
            process.start()
        return Running(cell, process, slot, time.monotonic() + self.timeout, recorded_at)

    def _enforce_deadlines(self, running: Sequence[Running]) -> None:
        """Ask the cells whose time is up to stop, and end those that were asked and did not."""
        for each in running:
            if each.process.exitcode is not None or time.monotonic() <= each.deadline:
                continue
            if each.reason is None:
                each.stop(f"stopped after {self.timeout / 60:g} minutes (sweep.timeout)")
            else:
                each.process.kill()

    def _end(self, ended: Running) -> None:
        name, code = ended.cell.name, ended.process.exitcode
        record = self.folder.record(name)
        status = record["status"] if record else None
        if self.stopped_by is not None:  # the cell goes on next time
            return
        said = _refusal(self.folder.path / name / LOG) if code in REFUSED else None
        refused_again = said and status in ENDED_BADLY and said != (record or {}).get("error")
        is_old = self.folder.recorded_at(name) == ended.recorded_at  # of before: it did not get as far
        stopped = code in (0, *REFUSED, INTERRUPTED, TERMINATED)
        died = status in (None, "running") or (is_old and status != "completed" and not stopped)
        if died or (ended.reason and status == "preempted") or refused_again:
            reason = ended.reason or said or f"the process {_ending(code)} before the run was completed"
            try:
                self.folder.fail(ended.cell, reason)
            except OSError as error:  # a full disk: the others go on, if they can
                print(f"note: {name}: {reason}; cannot be recorded: {error.strerror}", file=sys.stderr)
        elif (status == "completed" and code) or (status == "preempted" and code in REFUSED):
            # Such as an export that failed, or a full disk where the cell was to go on.
            log = self.folder.path / name / LOG
            print(f"note: {name} is {status}, and then its process {_ending(code)}; log: {log}", file=sys.stderr)
        self.on_end(ended.cell)

    def _interrupt(self, number: int, running: Sequence[Running]) -> None:
        # Others may come twice: SIGHUP from a shell and from the system, SIGUSR1 and then SIGTERM from a scheduler.
        first, again = self.stopped_by is None, number == self.stopped_by == signal.SIGINT
        if first or number == signal.SIGINT:
            self.stopped_by = number
        leave_closed_terminal()
        if first and running:
            once_more = "; Ctrl-C again: without saving" if number == signal.SIGINT else ""
            with suppress(OSError, RuntimeError):  # nobody reads it, or something was just being printed
                what = "the cells that run finish their batch, save and stop"
                print(f"{signal.Signals(number).name}: {what}{once_more}", file=sys.stderr)
        for each in running:
            if again:
                each.process.kill()
            else:
                each.stop("interrupted")


def _refusal(log: Path) -> str | None:
    """Return the words with which a cell was refused: the last that `cnnzoo.sweep.cell.main` prints."""
    if not log.exists():
        return None
    _, found, words = f"\n{log.read_text(encoding='utf-8', errors='replace')}".rpartition("\nerror: ")
    return words.strip() if found else None


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    return f"was killed by {signal.Signals(-code).name}" + (
        ", as by a system that has run out of memory" if code == -signal.SIGKILL else ""
    )
