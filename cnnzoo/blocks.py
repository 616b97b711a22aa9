"""What the families of nets are built from: base class, activations, norms, initialisation, shape probe."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

T = TypeVar("T")

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLINGS: dict[str, Callable[..., nn.Module]] = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
NORMS: dict[str, dict[int, Callable[[int], nn.Module]] | None] = {
    "none": None,
    "batch": {1: nn.BatchNorm1d, 2: nn.BatchNorm2d},
}
INITS: dict[str, Callable[[Tensor], object] | None] = {
    "default": None,  # what torch.nn's own layers do: uniform, bounded by 1 / sqrt(fan_in)
    "xavier": nn.init.xavier_uniform_,  # Glorot and Bengio 2010, eq. 16
    "kaiming": lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu"),  # He et al. 2015, eq. 10
    "normal": lambda weight: nn.init.normal_(weight, std=0.01),  # Krizhevsky et al. 2012, section 5
}


class ConvNet(nn.Module):
    """An image classifier: `features`, whose children are the stages of the paper's table, then `head`.

    Shape:
        Input:  (N, in_channels, S, S), float.
        Output: (N, num_classes), unnormalised logits.
    """

    features: nn.Sequential
    head: nn.Sequential
    stem: str = "paper"

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        logits: Tensor = self.head(self.features(x))
        return logits


def choose(options: Mapping[str, T], name: str, argument: str) -> T:
    """Return `options[name]`.

    Raises:
        ValueError: `name` is not an option; the message names the argument and all options.
    """
    if name not in options:
        raise ValueError(f"model.{argument} must be one of {', '.join(options)} (got {name!r})")
    return options[name]


def stage(**layers: nn.Module | None) -> nn.Sequential:
    """Return the layers in the order given, under the names given; those that are None are left out."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def activation_layer(activation: str) -> nn.Module:
    """Return a new activation module; `activation` is one of `ACTIVATIONS`."""
    return choose(ACTIVATIONS, activation, "activation")()


def norm_layer(norm: str, num_features: int, *, dims: int) -> nn.Module | None:
    """Return a new norm over `num_features` channels; `dims` is 2 after a convolution, 1 after a dense layer."""
    layers = choose(NORMS, norm, "norm")
    return layers[dims](num_features) if layers else None


def initialize(net: nn.Module, init: str) -> None:
    """Draw the weights of all convolutions and dense layers anew by the scheme `init` and zero their biases.

    Raises:
        ValueError: `init` is not one of `INITS`.
    """
    draw = choose(INITS, init, "init")
    if draw is None:
        return
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def feature_shape(features: nn.Sequential, in_channels: int, image_size: int) -> tuple[int, int, int]:
    """Return the shape (C, H, W) that `features` makes of one image, without computing anything.

    Raises:
        ValueError: a stage shrinks the image to nothing; the message names it and the smallest size that works.
    """
    try:
        return _trace(features, in_channels, image_size)
    except _VanishedError as vanished:
        smallest = next(size for size in range(image_size + 1, 1024) if _works(features, in_channels, size))
        raise ValueError(
            f"images of {image_size} px shrink to nothing at {vanished}; this net needs data.resize >= {smallest}"
        ) from None


class _VanishedError(Exception):
    """The stage that has no output left."""


def _works(features: nn.Sequential, in_channels: int, image_size: int) -> bool:
    try:
        _trace(features, in_channels, image_size)
    except _VanishedError:
        return False
    return True


def _trace(features: nn.Sequential, in_channels: int, image_size: int) -> tuple[int, int, int]:
    x = torch.empty(2, in_channels, image_size, image_size, device="meta")  # two images: batch norm refuses one
    for name, module in features.named_children():
        state = {key: tensor.to("meta") for key, tensor in (*module.named_parameters(), *module.named_buffers())}
        try:
            x = functional_call(module, state, (x,))
        except RuntimeError as error:
            # The only two complaints that mean "too small"; anything else is a bug and must be seen.
            if "Output size is too small" in str(error) or "Kernel size can't be greater" in str(error):
                raise _VanishedError(name) from None
            raise
    return tuple(x.shape[1:])  # type: ignore[return-value]
