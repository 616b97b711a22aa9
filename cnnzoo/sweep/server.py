"""The process that cells are forked from, which has loaded torch once for all of them."""

import multiprocessing
import multiprocessing.forkserver
import multiprocessing.resource_tracker
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext

from cnnzoo.training.signals import SIGNALS

# And torch with them: a cell then starts in a moment, and with the code that was there when the sweep began.
PRELOADED = ["cnnzoo.sweep.cell", "cnnzoo.run", "cnnzoo.models", "cnnzoo.training.schedules"]


def start() -> ForkServerContext:
    """Start it, with signals held back there, and in a cell until it can answer; return what cells are started with.

    Schedulers send them to whole process groups. The server would end, and nobody would see how its cells do.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    multiprocessing.resource_tracker.ensure_running()  # whose start lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return context


@contextmanager
def without_program() -> Iterator[None]:
    """Keep a cell from running the command's file again, as Python has new processes do: it may have been edited."""
    program = vars(sys.modules["__main__"])
    file = program.pop("__file__", None)
    try:
        yield
    finally:
        if file is not None:
            program["__file__"] = file
