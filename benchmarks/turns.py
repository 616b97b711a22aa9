"""Loops that train in turns, each in a process of its own, so that they can be compared second by second."""

import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Case
from benchmarks.loops import run_loop
from benchmarks.stopwatch import Enough
from cnnzoo.training.device import choose_device, peak_bytes


@dataclass(frozen=True)
class Measured:
    """What one turn of a loop gave.

    Attributes:
        images_per_second: of whole training steps.
        peak_bytes: so far; on a GPU what tensors took, on a CPU the process.
    """

    images_per_second: float
    peak_bytes: int


class Turns:
    """A loop in a fresh process, which prepares at once, and from `wait` on trains only when it has its turn.

    Args:
        loop: as in `run_loop`, as are the others.
        case: what it trains.
        torchvision_folder: for the loops that have torchvision read the images.
        *overrides: for the loops that heed them.
        threads: of the process; None leaves them as they are.
    """

    def __init__(
        self, loop: str, case: Case, torchvision_folder: Path, *overrides: str, threads: int | None = None
    ) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(["benchmarks.loops"])
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, threads, loop, case, torchvision_folder, *overrides)
        self.process = context.Process(target=_serve, args=arguments)
        self.process.start()
        theirs.close()

    def begin(self, seconds: float) -> None:
        """Let it train for so many seconds at least."""
        self.pipe.send(seconds)

    def end(self) -> Measured:
        """Wait for the end of its turn.

        Raises:
            EOFError: it has failed, and has printed why.
        """
        measured: Measured = self.pipe.recv()
        return measured

    def train(self, seconds: float) -> Measured:
        """Return what a turn of so many seconds gave."""
        self.begin(seconds)
        return self.end()

    def wait(self) -> None:
        """Wait until it is warm.

        Raises:
            EOFError: it has failed, and has printed why.
        """
        self.pipe.recv()

    def __enter__(self) -> "Turns":
        self.wait()
        return self

    def __exit__(self, *_: Any) -> None:
        self.pipe.close()
        self.process.join()


def _serve(
    pipe: "Connection[Any, Any]",
    threads: int | None,
    loop: str,
    case: Case,
    torchvision_folder: Path,
    *overrides: str,
) -> None:
    """Be the process of a loop."""
    multiprocessing.set_start_method(None, force=True)  # a DataLoader's workers start as in a command that is typed
    if threads:
        torch.set_num_threads(threads)

    def next_turn(steps_per_second: float | None) -> float:
        workers = [each.pid for each in multiprocessing.active_children() if each.pid]
        for worker in workers:  # a DataLoader's, which would go on with the next batches
            os.kill(worker, signal.SIGSTOP)
        speed = case.batch_size * (steps_per_second or 0.0)
        pipe.send(Measured(speed, peak_bytes(choose_device("auto"))))
        try:
            seconds: float = pipe.recv()
        except EOFError:
            raise Enough from None
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)
        return seconds

    run_loop(loop, case, next_turn, torchvision_folder, *overrides)
