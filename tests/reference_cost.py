"""What a net costs, by torch's own counter: to compare with."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_parameters(net: nn.Module) -> int:
    """Return the number of learned values."""
    return sum(parameter.numel() for parameter in net.parameters())


def count_macs(net: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of convolutions and dense layers for one image of shape (C, H, W).

    `net` must be on the meta device, where shapes are followed and nothing is computed, and in evaluation mode.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        net(torch.empty(1, *input_shape, device="meta"))
    return int(counter.get_total_flops()) // 2
