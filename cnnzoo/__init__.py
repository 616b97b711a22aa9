"""Train, compare and explain the classic convolutional networks on Fashion-MNIST."""

__version__ = "0.1.0"
