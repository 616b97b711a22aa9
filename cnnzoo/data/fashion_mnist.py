"""Fashion-MNIST as tensors.

Source: Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
arXiv:1708.07747.
"""

from pathlib import Path

import torch

from cnnzoo.data.files import FILES, load_files
from cnnzoo.data.images import Images

CLASS_NAMES = (
    "t-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
IDX_IMAGES_HEADER = 16  # bytes: magic number, count, height, width, each 4
IDX_LABELS_HEADER = 8  # bytes: magic number, count


def load_fashion_mnist(root: Path) -> Images:
    """Return the 60,000 training and 10,000 test images, 1x28x28.

    Raises:
        UserError: see `load_files`.
    """
    files = load_files(root)
    pixels = [_tensor(files[f"{part}-images-idx3-ubyte"].data, IDX_IMAGES_HEADER) for part in ("train", "t10k")]
    labels = [_tensor(files[f"{part}-labels-idx1-ubyte"].data, IDX_LABELS_HEADER) for part in ("train", "t10k")]
    return Images(
        pixels=torch.cat(pixels).view(-1, 1, 28, 28),
        labels=torch.cat(labels).long(),
        num_train=len(labels[0]),
        class_names=CLASS_NAMES,
        sha256={file.name: file.sha256 for file in FILES},
        paths={name: found.path for name, found in files.items()},
    )


def _tensor(data: bytes, header: int) -> torch.Tensor:
    return torch.frombuffer(bytearray(data[header:]), dtype=torch.uint8)
