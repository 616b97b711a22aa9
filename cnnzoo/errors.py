"""What ends a command early: the one exception that is shown without a traceback, and an exit code."""

INTERRUPTED = 130  # exit code after Ctrl-C


class UserError(ValueError):
    """Something that the user can mend: the message says what is wrong and, on its last line, what to type.

    The command lines print it and exit with code 2.
    """


class BusyError(UserError):
    """Another process is at work in the folder; the command lines exit with code 3."""
