"""The time that whole training steps take, whatever the loop that they are part of."""

import time
from collections.abc import Callable
from typing import Any

import torch

WARM_SECONDS = 0.5


class Enough(Exception):  # noqa: N818 (no error, as StopIteration is none)
    """Ends a loop from within."""


class Stopwatch:
    """Times whole steps in turns, from the end of one optimizer step to the end of another.

    The first turn begins half a second after the first step has ended, and not before the second, because the first
    ones prepare what the others use. The watch stands still between epochs, until the first step of the next one has
    ended: there ours validates and saves, and the others start their workers.

    Args:
        next_turn: called before each turn with the steps a second of the one before, None at first. It returns the
            seconds that the next one takes at least, or raises `Enough`. A turn has whole steps, and at least one.
    """

    def __init__(self, next_turn: Callable[[float | None], float]) -> None:
        self.next_turn = next_turn
        self.first: float | None = None
        self.is_warm = False
        self.running_since: float | None = None
        self.seconds, self.measured, self.steps = 0.0, 0.0, 0

    def __call__(self, *_: Any) -> None:
        """Be told that a step has ended."""
        now = time.perf_counter()
        if self.first is None:
            self.first = now
        elif not self.is_warm:
            if now - self.first >= WARM_SECONDS:
                self.is_warm = True
                self._begin_turn()
        elif self.running_since is None:
            self._start()
        else:
            self.steps += 1
            if self.measured + now - self.running_since >= self.seconds:
                self.stand_still()
                self._begin_turn()

    def stand_still(self) -> None:
        """Be told that an epoch has ended, or begins."""
        if self.running_since is not None:
            finish_device_work()
            self.measured += time.perf_counter() - self.running_since
            self.running_since = None

    def _begin_turn(self) -> None:
        self.seconds = self.next_turn(self.steps / self.measured if self.steps else None)
        self.measured, self.steps = 0.0, 0
        self._start()

    def _start(self) -> None:
        finish_device_work()
        self.running_since = time.perf_counter()


def finish_device_work() -> None:
    """Wait for what an accelerator has been given."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()
