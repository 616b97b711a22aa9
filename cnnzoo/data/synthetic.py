"""Learnable images that need no download: each class is a pattern of stripes, shifted and covered with noise."""

import hashlib
import math

import torch

from cnnzoo.data.images import Images

NUM_CLASSES = 10
SIDE = 28


def make_synthetic(num_train: int, num_test: int) -> Images:
    """Return `num_train` + `num_test` images, 1x28x28; the same ones every time.

    A class is one of five directions and one of two spacings of the stripes; where the stripes begin, and the noise,
    differ from image to image, so no single pixel tells the class.
    """
    generator = torch.Generator().manual_seed(0)
    count = num_train + num_test
    labels = torch.arange(count) % NUM_CLASSES
    angle = (labels % 5).view(-1, 1, 1) * (math.pi / 5)
    spacing = torch.where(labels < 5, 4.0, 8.0).view(-1, 1, 1)  # pixels
    phase = torch.rand(count, 1, 1, generator=generator) * 2 * math.pi
    y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    waves = torch.sin((x * angle.cos() + y * angle.sin()) * (2 * math.pi / spacing) + phase)
    noise = torch.randn(count, SIDE, SIDE, generator=generator)
    pixels = (128 + 64 * waves + 32 * noise).clamp(0, 255).to(torch.uint8).unsqueeze(1)
    return Images(
        pixels=pixels,
        labels=labels,
        num_train=num_train,
        class_names=tuple(f"{step * 36} deg, {spacing} px" for spacing in (4, 8) for step in range(5)),
        sha256={"synthetic": hashlib.sha256(pixels.numpy().tobytes()).hexdigest()},
        paths={},
    )
