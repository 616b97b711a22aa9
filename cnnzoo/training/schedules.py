"""Learning rate schedules over a whole run, whatever its length: (optimizer, total_steps) to a scheduler."""

from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, MultiStepLR, OneCycleLR


def constant(optimizer: Optimizer, *, total_steps: int) -> LRScheduler:
    """Keep the learning rate, as the course does."""
    return ConstantLR(optimizer, factor=1.0, total_iters=total_steps)


def cosine(optimizer: Optimizer, *, total_steps: int) -> LRScheduler:
    """Fall to zero along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5, without restarts)."""
    return CosineAnnealingLR(optimizer, T_max=total_steps)


def onecycle(optimizer: Optimizer, *, total_steps: int, warmup: float) -> LRScheduler:
    """Rise to the optimizer's learning rate over the share `warmup` of the run, then fall to almost nothing.

    Source: Smith and Topin 2018, Super-convergence, arXiv:1708.07120; momentum stays as it is.
    """
    peak = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, max_lr=peak, total_steps=total_steps, pct_start=warmup, cycle_momentum=False)


def step(optimizer: Optimizer, *, total_steps: int, milestones: Sequence[float], gamma: float) -> LRScheduler:
    """Multiply by `gamma` at each of `milestones`, given as shares of the run (He et al. 2016, section 4.2)."""
    return MultiStepLR(optimizer, milestones=[int(share * total_steps) for share in milestones], gamma=gamma)
