"""The layers of a convolutional net from first principles: to be read, and equal to torch's to the last digits.

Two examples run by themselves: `python -m cnnzoo.scratch.edge_detection` learns a kernel from data, and
`python -m cnnzoo.scratch.pointwise` shows that a 1x1 convolution is a dense layer for each pixel.
"""

from cnnzoo.scratch.convolution import Conv2d, corr2d
from cnnzoo.scratch.normalization import BatchNorm
from cnnzoo.scratch.pooling import pool2d

__all__ = ["BatchNorm", "Conv2d", "corr2d", "pool2d"]
