"""Where runs and sweeps print."""

import errno
import io
import os
import sys
from typing import Any

from rich.console import Console


def print_any_sign() -> None:
    """Have signs print as question marks that are not in the terminal's encoding, such as a minus in GBK."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


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
