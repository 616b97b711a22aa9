"""Loops that train in turns, each in a process of its own, so that they can be compared second by second."""

import multiprocessing
import os
import signal
from collections.abc import Hashable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.cases import Case
from benchmarks.loops import run_loop
from benchmarks.stopwatch import Enough
from cnnzoo.training.device import choose_device, peak_bytes

Name = TypeVar("Name", bound=Hashable)


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
    """A loop in a process of its own, which trains only when it has its turn; the process lives within `with`.

    Entering it waits until the loop is warm.

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
        self.process, self.theirs = context.Process(target=_serve, args=arguments), theirs

    def begin(self, seconds: float) -> None:
        """Let it train for so many seconds at least."""
        self.pipe.send(seconds)

    def end(self) -> Measured:
        """Wait for the end of its turn, or until it is warm.

        Raises:
            EOFError: it has failed, and has printed why.
        """
        measured: Measured = self.pipe.recv()
        return measured

    def train(self, seconds: float) -> Measured:
        """Return what a turn of so many seconds gave."""
        self.begin(seconds)
        return self.end()

    def __enter__(self) -> "Turns":
        self.process.start()
        self.theirs.close()
        self.end()
        return self

    def __exit__(self, *_: Any) -> None:
        self.pipe.close()
        self.process.join()


def in_turn(loops: Mapping[Name, Turns], rounds: int, seconds: float) -> Iterator[dict[Name, Measured]]:
    """Yield what each loop gave in each round, in which each of them has one turn.

    Over as many rounds as there are loops each has every place once, and where their number is even comes after every
    other once, because the one before may leave the machine warm or busy (E. J. Williams, 1949, designs balanced for
    the estimation of residual effects of treatments).
    """
    names = [*loops]
    apart = sorted(
        range(len(names)), key=lambda place: min(2 * place - 1, 2 * (len(names) - place))
    )  # 0, 1, n-1, 2, ...
    with ExitStack() as stack:
        for each in loops.values():
            stack.enter_context(each)
        for number in range(rounds):
            order = [names[(place + number) % len(names)] for place in apart]
            yield {name: loops[name].train(seconds) for name in order}


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
