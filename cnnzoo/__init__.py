"""Train, compare and explain the classic convolutional networks on Fashion-MNIST."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnzoo.trained import TrainedNet

__version__ = "0.1.0"


def load(folder: str | Path) -> "TrainedNet":
    """Return the trained net of the run in `folder`, its transform and class names; see `cnnzoo.trained.load`."""
    from cnnzoo.trained import load  # torch and lightning, when they are needed

    return load(folder)
