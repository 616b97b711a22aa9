"""Learnable images without a download: each class is a pattern of soft blots, shifted, dimmed, covered with noise."""

import hashlib
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cnnzoo.data.datamodule import ImageDataModule
from cnnzoo.data.images import Images

NUM_CLASSES = 10
SIDE = 28
SHIFT = 6  # pixels, at most, in each direction
PATTERNS = tuple(f"pattern {label}" for label in range(NUM_CLASSES))
BLOTS = 6  # per side of a pattern
NOISE = 40  # standard deviation, in grey levels
BLOCK = 500  # images whose chance is drawn at once, whether all of them are needed or not


class SyntheticDataModule(ImageDataModule):
    """Patterns that are generated, for offline work and tests; see `make_synthetic` and `ImageDataModule`.

    Args:
        num_train: training images, one in twelve of which is held out under `protocol=holdout`.
        num_test: test images.
        **kwargs: see `ImageDataModule`.
    """

    image_size = SIDE
    class_names = PATTERNS
    mean = 0.37  # of 6,000 training and 1,000 test images
    std = 0.24

    def __init__(self, *, num_train: int, num_test: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_train = num_train
        self.num_test = num_test

    def load(self) -> Images:
        """Return the generated images."""
        return make_synthetic(self.num_train, self.num_test)


def make_synthetic(num_train: int, num_test: int) -> Images:
    """Return `num_train` + `num_test` images, 1x28x28, the same ones every time.

    Of either set a smaller one is the beginning of a larger one, and they do not depend on each other. The classes of
    test images go backwards, so that none has the label of the training image with its number.
    """
    blots = torch.rand(NUM_CLASSES, 1, BLOTS, BLOTS, generator=torch.Generator().manual_seed(0))
    patterns = F.interpolate(blots, size=(SIDE + SHIFT, SIDE + SHIFT), mode="bicubic")[:, 0] * 255
    train, test = torch.arange(num_train) % NUM_CLASSES, NUM_CLASSES - 1 - torch.arange(num_test) % NUM_CLASSES
    pixels = torch.cat([_draw(patterns, labels, which) for which, labels in enumerate((train, test))])
    return Images(
        pixels=pixels,
        labels=torch.cat([train, test]),
        num_train=num_train,
        sha256={"synthetic": hashlib.sha256(pixels.numpy().tobytes()).hexdigest()},
    )


def _draw(patterns: Tensor, labels: Tensor, which: int) -> Tensor:
    """Return an image for each label, uint8 of shape (N, 1, 28, 28); `which` set it is decides its chance."""
    blocks = []
    for number, start in enumerate(range(0, len(labels), BLOCK)):
        block = labels[start : start + BLOCK]
        generator = torch.Generator().manual_seed(1 + 2 * number + which)
        top, left = torch.randint(SHIFT + 1, (2, BLOCK, 1), generator=generator)[:, : len(block)]
        brightness = torch.rand(BLOCK, 1, 1, generator=generator)[: len(block)]
        noise = torch.randn(BLOCK, SIDE, SIDE, generator=generator)[: len(block)]
        rows, columns = top + torch.arange(SIDE), left + torch.arange(SIDE)
        shifted = patterns[block.view(-1, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
        noisy = shifted * (0.5 + 0.5 * brightness) + NOISE * noise
        blocks.append(noisy.clamp(0, 255).to(torch.uint8).unsqueeze(1))
    return torch.cat(blocks)
