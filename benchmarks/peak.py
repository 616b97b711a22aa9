"""What the machine can do at most: large matrix products."""

import time

import torch

from cnnzoo.training.device import choose_device

SIDE = {"cpu": 4096, "cuda": 8192}
TIMES = {"cpu": 3, "cuda": 30}  # a GPU's clock rises first


def matrix_products(dtype: torch.dtype) -> float:
    """Return how many floating-point operations a second the fastest of some products of square matrices does."""
    device = choose_device("auto")
    side = SIDE.get(device.type, 4096)
    a, b, product = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(3))
    seconds = []
    for _ in range(TIMES.get(device.type, 3) + 1):  # the first one prepares
        begin = time.perf_counter()
        torch.mm(a, b, out=product)
        product[0, 0].item()  # waits for the device
        seconds.append(time.perf_counter() - begin)
    return 2 * side**3 / min(seconds)
