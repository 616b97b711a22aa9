"""The signals that ask a run to stop."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Self

from cnnzoo.errors import INTERRUPTED, TERMINATED

# Ctrl-C; what schedulers send before they kill; the end of the terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)


class Stopped(BaseException):
    """A run was asked to stop; not an `Exception`, so that nothing on the way takes it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = INTERRUPTED if number == signal.SIGINT else TERMINATED


class StopRequest:
    """Raises `Stopped` when a signal comes, or while `deferred`, at the next `check`; a second Ctrl-C does not wait.

    A signal that is ignored, or that another library handles already, such as submitit, which then requeues the job, is
    left alone.
    """

    def __init__(self) -> None:
        self.deferred = False
        self.received: int | None = None
        self._asked: set[int] = set()
        self._is_deaf = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *raised: Any) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise `Stopped` if a signal has come."""
        if self.received is not None:
            raise Stopped(self.received)

    @contextmanager
    def ignored(self) -> Iterator[None]:
        """Do not answer signals, while what a run has come to is put on record: that takes a moment."""
        self._is_deaf = True
        try:
            yield
        finally:
            self._is_deaf = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again = number in self._asked
        if self._is_deaf or (again and number != signal.SIGINT):  # asked twice, as by a scheduler and by the sweep
            return
        self.received = number
        self._asked.add(number)
        leave_closed_terminal()
        if again or not self.deferred:
            raise Stopped(number)
        once_more = "; Ctrl-C again: without saving" if number == signal.SIGINT else ""
        with suppress(OSError):
            print(f"{signal.Signals(number).name}: saving and stopping after this batch{once_more}", file=sys.stderr)


def leave_closed_terminal() -> None:
    """Have what is printed go nowhere if nobody reads it: a closed terminal, or a `tee` that Ctrl-C has ended."""
    for descriptor in (1, 2):
        watched = select.poll()
        watched.register(descriptor, 0)
        if any(event & (select.POLLERR | select.POLLHUP) for _, event in watched.poll(0)):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
