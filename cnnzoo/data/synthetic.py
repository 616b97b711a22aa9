"""Learnable images without a download: each class is a pattern of soft blots, shifted, dimmed, covered with noise."""

import hashlib

import torch
from torch.nn import functional as F

from cnnzoo.data.images import Images

NUM_CLASSES = 10
SIDE = 28
SHIFT = 6  # pixels, at most, in each direction
PATTERNS = tuple(f"pattern {label}" for label in range(NUM_CLASSES))
BLOTS = 6  # per side of a pattern
NOISE = 40  # standard deviation, in grey levels


def make_synthetic(num_train: int, num_test: int) -> Images:
    """Return `num_train` + `num_test` images, 1x28x28; the same ones every time."""
    generator = torch.Generator().manual_seed(0)
    count, side = num_train + num_test, SIDE + SHIFT
    blots = torch.rand(NUM_CLASSES, 1, BLOTS, BLOTS, generator=generator)
    patterns = F.interpolate(blots, size=(side, side), mode="bicubic")[:, 0] * 255
    labels = torch.arange(count) % NUM_CLASSES
    top, left = torch.randint(SHIFT + 1, (2, count, 1), generator=generator)
    rows, columns = top + torch.arange(SIDE), left + torch.arange(SIDE)
    shifted = patterns[labels.view(-1, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
    dimmed = shifted * (0.5 + 0.5 * torch.rand(count, 1, 1, generator=generator))
    noisy = dimmed + NOISE * torch.randn(count, SIDE, SIDE, generator=generator)
    pixels = noisy.clamp(0, 255).to(torch.uint8).unsqueeze(1)
    return Images(
        pixels=pixels,
        labels=labels,
        num_train=num_train,
        class_names=PATTERNS,
        sha256={"synthetic": hashlib.sha256(pixels.numpy().tobytes()).hexdigest()},
        paths={},
    )
