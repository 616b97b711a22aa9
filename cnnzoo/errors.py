"""The one exception that is shown to the user without a traceback."""


class UserError(ValueError):
    """Something that the user can mend: the message says what is wrong and, on its last line, what to type.

    The command lines print it and exit with code 2.
    """
