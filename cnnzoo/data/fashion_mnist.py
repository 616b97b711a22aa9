"""Fashion-MNIST as tensors.

Source: Xiao, Rasul, Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
arXiv:1708.07747.
"""

from pathlib import Path
from typing import Any

import torch

from cnnzoo.data.datamodule import ImageDataModule
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


class FashionMNISTDataModule(ImageDataModule):
    """Fashion-MNIST: 55,000 / 5,000 / 10,000 images, 28x28, 10 classes; see `ImageDataModule`.

    Args:
        root: folder of the four files; they are fetched into it if they are not there.
        **kwargs: see `ImageDataModule`.

    Raises:
        UserError: (in `setup`) the files are missing and cannot be fetched.
    """

    num_train = 60_000
    num_test = 10_000
    image_size = 28
    class_names = CLASS_NAMES
    mean = 0.2860  # of the 60,000 training images; a test computes both
    std = 0.3530

    def __init__(self, *, root: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.root = Path(root)

    def load(self) -> Images:
        """Return the verified images."""
        return load_fashion_mnist(self.root)


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
        sha256={file.name: file.sha256 for file in FILES},
        paths={name: found.path for name, found in files.items()},
    )


def _tensor(data: bytes, header: int) -> torch.Tensor:
    return torch.frombuffer(bytearray(data[header:]), dtype=torch.uint8)
