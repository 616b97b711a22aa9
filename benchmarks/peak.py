"""What the machine can do at most: large matrix products."""

import time

import torch

from cnnzoo.training.device import choose_device

SIDE = {"cpu": 4096, "cuda": 8192}
SECONDS = 0.5


def matrix_products(dtype: torch.dtype) -> float:
    """Return how many floating-point operations a second products of square matrices do."""
    device = choose_device("auto")
    side = SIDE.get(device.type, 4096)
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    (a @ b).sum().item()  # the first one prepares, and waits for the device
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < SECONDS:
        (a @ b)[0, 0].item()
        count += 1
    return count * 2 * side**3 / (time.perf_counter() - begin)
