"""What ends a command early: the exceptions that are shown without a traceback, and exit codes."""

from typing import Any

FAILED = 1  # exit codes: a run ended badly
USER_ERROR = 2  # something that the user can mend
BUSY = 3  # another process is at work in the folder
AGAIN_LATER = 75  # the same of a cell's own process, as EX_TEMPFAIL of sysexits.h
UNAVAILABLE = 69  # of a cell's own process: its GPU cannot be used, as EX_UNAVAILABLE
INTERRUPTED = 130  # Ctrl-C
TERMINATED = 143  # another signal


class UserError(ValueError):
    """Something that the user can mend: the message says what is wrong and, on its last line, what to type.

    The command lines print it and exit with `USER_ERROR`.
    """


class CodeError(UserError):
    """A net's own code has a mistake, and no value that it refuses."""


class BusyError(UserError):
    """Another process is at work in the folder; the command lines exit with `BUSY`."""


class DeviceUnavailableError(UserError):
    """The device cannot be used now: it is lost, or so full that not even the net fits."""


class RunEnded(Exception):  # noqa: N818 (it is no error of the program)
    """A run ended before its time: `status` is what its record says, and the message what to change.

    The command lines print it and exit with `FAILED`.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        """Have it pass from one process to another, as from the job of a launcher."""
        return type(self), (self.status, str(self))
