"""Where runs and sweeps print."""

import codecs
import errno
import io
import os
import sys
from typing import Any

from rich.console import Console

INSTEAD = {"\N{MINUS SIGN}": "-", "✓": "yes", "✗": "no", "≥": ">=", "±": "+-"}


def print_any_sign() -> None:
    """Have signs print in ASCII that are not in the terminal's encoding, such as a minus in GBK; others as ?."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error("cnnzoo", _in_ascii)
        sys.stdout.reconfigure(errors="cnnzoo")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    return "".join(INSTEAD.get(each, "?") for each in signs), error.end


class RunConsole(Console):
    """A console that does not mind when nobody reads it any more: the run goes on."""

    def __exit__(self, *raised: Any) -> None:
        """Print what has been gathered."""
        try:
            super().__exit__(*raised)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.on_broken_pipe()  # the terminal has been closed

    def on_broken_pipe(self) -> None:
        """Print to nowhere from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
