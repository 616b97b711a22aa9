"""Images in memory: fetched, verified, split, batched and transformed on the device."""

from cnnzoo.data.datamodule import ImageDataModule
from cnnzoo.data.fashion_mnist import FashionMNISTDataModule
from cnnzoo.data.synthetic import SyntheticDataModule

__all__ = ["FashionMNISTDataModule", "ImageDataModule", "SyntheticDataModule"]
