"""Fashion-MNIST in memory: fetched, verified, split, batched and transformed on the device."""

from cnnzoo.data.datamodule import FashionMNISTDataModule, ImageDataModule, SyntheticDataModule

__all__ = ["FashionMNISTDataModule", "ImageDataModule", "SyntheticDataModule"]
