"""Where runs and sweeps print."""

import os
import sys

from rich.console import Console


class RunConsole(Console):
    """A console that does not mind when nobody reads it any more: the run goes on."""

    def on_broken_pipe(self) -> None:
        """Print to nowhere from now on."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
