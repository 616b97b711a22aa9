"""Batch normalisation: every channel gets mean 0 and variance 1 over the batch, then a learned scale and shift."""

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Batch normalisation after a dense layer (`dims=1`) or a convolution (`dims=2`).

    In training a batch is normalised by its own mean and variance, and running estimates of both are kept; in
    evaluation it is normalised by these estimates, so that an image's result does not depend on its neighbours.

    Source: Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
    Shift, ICML 2015, arXiv:1502.03167, algorithms 1 and 2; as in Zhang et al., Dive into Deep Learning, section 8.5.

    Shape:
        Input:  (N, num_features) for `dims=1`, (N, num_features, H, W) for `dims=2`.
        Output: that of the input.

    Args:
        num_features: channels; each has its own statistics, scale (gamma) and shift (beta).
        dims: 1 after a dense layer, 2 after a convolution, where all pixels of a map share the statistics.
        momentum: share of the new batch in the running estimates.
        eps: added to the variance, so that a constant channel is not divided by zero.

    Deviations:
        * running estimates: paper averages over many batches after training; here, as in torch, an exponential average
          during training. torch also counts the batches.
        * running variance: the book keeps that of the batch; here the unbiased one, as the paper and torch.

    Raises:
        ValueError: the input has other dimensions or channels, or a training batch has only one value per channel.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, dims: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.shape = (1, num_features, *[1] * (2 * dims - 2))  # of the statistics, next to a batch
        self.weight = nn.Parameter(torch.ones(num_features))  # gamma
        self.bias = nn.Parameter(torch.zeros(num_features))  # beta
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised batch, in the number format that it came in."""
        if x.dim() != len(self.shape) or x.shape[1] != self.shape[1]:
            raise ValueError(f"expected a batch of {len(self.shape)} dimensions and {self.shape[1]} channels")
        values = x.to(torch.promote_types(x.dtype, torch.float32))  # 16 bits are too few for a sum over a batch
        if self.training:
            mean, var = self._statistics(values)
        else:
            mean, var = self.running_mean, self.running_var
        normalized = (values - mean.view(self.shape)) / torch.sqrt(var.view(self.shape) + self.eps)
        return (self.weight.view(self.shape) * normalized + self.bias.view(self.shape)).to(x.dtype)

    def _statistics(self, values: Tensor) -> tuple[Tensor, Tensor]:
        count = values.numel() // values.shape[1]  # of values per channel
        if count < 2:
            raise ValueError("batch norm cannot learn from one value per channel")
        others = [dim for dim in range(values.dim()) if dim != 1]  # all but the channels
        mean = values.mean(dim=others)
        var = ((values - mean.view(self.shape)) ** 2).mean(dim=others)
        with torch.no_grad():
            unbiased = var * count / (count - 1)  # a batch varies less than all images do (algorithm 2)
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        return mean, var
