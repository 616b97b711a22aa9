"""Learning rate schedules over a whole run, whatever its length: (optimizer, total_steps) to a scheduler.

Each is a factor on the optimizer's learning rate, as a function of the share of the run that is done. All rise from
`START`, along half a cosine, over the share `warmup` of the run (Goyal et al. 2017, arXiv:1706.02677,
section 2.2, where it is a line).
"""

import math
from collections.abc import Callable, Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

START = 1 / 25  # of the learning rate, where the warm-up begins; OneCycleLR's default


def constant(optimizer: Optimizer, *, total_steps: int, warmup: float) -> LRScheduler:
    """Keep the learning rate, as the course does."""
    return _scheduler(optimizer, total_steps, warmup, lambda done: 1.0)


def cosine(optimizer: Optimizer, *, total_steps: int, warmup: float) -> LRScheduler:
    """Fall to nothing along half a cosine.

    Source: Loshchilov and Hutter 2017, SGDR, arXiv:1608.03983, eq. 5, without restarts. With a long warm-up it is the
    one-cycle policy of Smith and Topin 2018, arXiv:1708.07120; momentum stays as it is.
    """
    return _scheduler(
        optimizer, total_steps, warmup, lambda done: (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2
    )


def step(
    optimizer: Optimizer, *, total_steps: int, warmup: float, milestones: Sequence[float], gamma: float
) -> LRScheduler:
    """Multiply by `gamma` at each of `milestones`, given as shares of the run (He et al. 2016, section 4.2)."""
    return _scheduler(optimizer, total_steps, warmup, lambda done: gamma ** sum(done >= share for share in milestones))


def _scheduler(
    optimizer: Optimizer, total_steps: int, warmup: float, after_warmup: Callable[[float], float]
) -> LRScheduler:
    def factor(steps_done: int) -> float:
        done = min(1.0, steps_done / total_steps)
        if done < warmup:
            return START + (1 - START) * (1 - math.cos(math.pi * done / warmup)) / 2
        return after_warmup(done)

    return LambdaLR(optimizer, factor)
