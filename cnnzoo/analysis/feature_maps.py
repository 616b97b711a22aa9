"""What the stages of a net make of images, and the filters that it begins with."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn


def feature_maps(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """Return what each stage of `net` makes of `images` in evaluation mode, in order; the net stays as it was.

    Stages are the children of `net.features`, or of the net itself if it has none; those whose output is no feature map
    are left out.

    Shape:
        images: (N, C, H, W).
        maps: (N, channels, height, width) by the stage's name.
    """
    stages = _features(net)
    maps: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and max(output.shape[2:]) > 1:
            maps[name] = output.detach().to(torch.float32, copy=True)  # the next layer may work in place

    handles = [module.register_forward_hook(partial(keep, name)) for name, module in stages.named_children()]
    modes = {module: module.training for module in net.modules()}
    try:
        with torch.no_grad():
            net.eval()(images)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return maps


def first_filters(net: nn.Module) -> Tensor | None:
    """Return the weights of the first convolution, (filters, channels, height, width), or None if there is none.

    They are a copy. It is looked for in `net.features`, or in the net itself if it has none.
    """
    convolutions = (module for module in _features(net).modules() if isinstance(module, nn.Conv2d))
    first = next(convolutions, None)
    return None if first is None else first.weight.detach().to(torch.float32, copy=True)


def _features(net: nn.Module) -> nn.Module:
    features = getattr(net, "features", None)
    return features if isinstance(features, nn.Module) else net
