"""What ends a command early: the exceptions that are shown without a traceback, and exit codes."""

INTERRUPTED = 130  # exit codes after Ctrl-C and after other signals
TERMINATED = 143


class UserError(ValueError):
    """Something that the user can mend: the message says what is wrong and, on its last line, what to type.

    The command lines print it and exit with code 2.
    """


class BusyError(UserError):
    """Another process is at work in the folder; the command lines exit with code 3."""


class RunEnded(Exception):  # noqa: N818 (it is no error of the program)
    """A run ended before its time: `status` is what its record says, and the message what to change.

    The command lines print it and exit with code 1.
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status
