"""What the families of nets are built from: base class, joints, layers, heads, initialisation."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from cnnzoo.scratch import BatchNorm

T = TypeVar("T")

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
POOLINGS: dict[str, Callable[..., nn.Module]] = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
NORMS: dict[str, dict[int, Callable[[int], nn.Module]] | None] = {
    "none": None,
    "batch": {1: nn.BatchNorm1d, 2: nn.BatchNorm2d},
    "scratch": {1: partial(BatchNorm, dims=1), 2: partial(BatchNorm, dims=2)},
}
BATCH_NORMS = (nn.modules.batchnorm._BatchNorm, BatchNorm)


def _kaiming(weight: Tensor) -> object:
    return nn.init.kaiming_normal_(weight, nonlinearity="relu")


INITS: dict[str, Callable[[Tensor], object] | None] = {
    "default": None,  # what torch.nn's own layers do: uniform, bounded by 1 / sqrt(fan_in)
    "xavier": nn.init.xavier_uniform_,  # Glorot and Bengio 2010, eq. 16
    "kaiming": _kaiming,  # He et al. 2015, eq. 10
    "normal": lambda weight: nn.init.normal_(weight, std=0.01),  # Krizhevsky et al. 2012, section 5
    "zero_gamma": _kaiming,  # and residual blocks add nothing at first: Goyal et al. 2017, section 5.1
}


class ConvNet(nn.Module):
    """An image classifier: `features`, whose children are the stages of the paper's table, then `head`.

    Shape:
        Input:  (N, in_channels, S, S), float.
        Output: (N, num_classes), unnormalised logits.

    Attributes:
        stem: `paper`, or `small` where the images are too small for the paper's first stages.
        aux: heads on stages of `features`, by the stage's name; used in training only.
        aux_weight: of each auxiliary head's loss.
    """

    features: nn.Sequential
    head: nn.Sequential
    stem: str = "paper"
    aux_weight: float = 0.3  # Szegedy et al. 2015, section 5

    def __init__(self) -> None:
        super().__init__()
        self.aux = nn.ModuleDict()

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits of a batch of images."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def training_logits(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the logits, and those of each auxiliary head."""
        auxiliary = []
        for name, module in self.features.named_children():
            x = module(x)
            if name in self.aux:
                auxiliary.append(self.aux[name](x))
        return self.head(x), auxiliary


class OptionError(ValueError):
    """An argument of a net has a value that it cannot have, whatever the images and the other arguments."""


def choose(options: Mapping[str, T], name: str, argument: str) -> T:
    """Return `options[name]`.

    Raises:
        OptionError: `name` is not an option; the message names the argument and all options.
    """
    if name not in options:
        raise OptionError(f"model.{argument} must be one of {', '.join(options)} (got {name!r})")
    return options[name]


def stage(**layers: nn.Module | None) -> nn.Sequential:
    """Return the layers in the order given, under the names given; those that are None are left out."""
    return nn.Sequential(OrderedDict((name, layer) for name, layer in layers.items() if layer is not None))


def choose_stem(stem: str, image_size: int, *, paper_from: int) -> str:
    """Return `paper` or `small`; `auto` is the paper's for images of `paper_from` px or more.

    Raises:
        ValueError: `stem` is not auto, paper or small.
    """
    stems = {"auto": "paper" if image_size >= paper_from else "small", "paper": "paper", "small": "small"}
    return choose(stems, stem, "stem")


class Concat(nn.Module):
    """Runs its branches on the same input and concatenates their outputs along the channels.

    Shape:
        Input:  (N, C, H, W).
        Output: (N, sum of the branches' channels, H', W').
    """

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Return the concatenation."""
        return torch.cat([branch(x) for branch in self.children()], dim=1)


class Residual(nn.Module):
    """`shortcut(x) + scale * body(x)`, then an activation if there is one.

    Shape:
        Input:  (N, C, H, W).
        Output: that of `body`, which must be that of `shortcut`.
    """

    def __init__(
        self,
        *,
        body: nn.Module,
        shortcut: nn.Module | None = None,
        activation: nn.Module | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()
        self.act = activation or nn.Identity()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        residual = self.body(x)
        if self.scale != 1.0:
            residual = residual * self.scale
        total: Tensor = self.act(self.shortcut(x) + residual)
        return total


def conv_layer(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    *,
    stride: int = 1,
    padding: int | tuple[int, int] = 0,
    groups: int = 1,
    norm: str = "none",
    activation: str | None = "relu",
    bias: bool | None = None,
) -> nn.Sequential:
    """Return convolution, norm and activation under the names `conv`, `norm` and `act`.

    `bias` is by default left out before a norm, which would subtract it again.
    """
    use_bias = norm == "none" if bias is None else bias
    return stage(
        conv=nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, groups=groups, bias=use_bias),
        norm=norm_layer(norm, out_channels, dims=2),
        act=activation_layer(activation) if activation else None,
    )


def first_stages(
    in_channels: int, out_channels: int, *, stem: str, norm: str, bias: bool | None = None
) -> nn.Sequential:
    """Return what GoogLeNet, ResNet and DenseNet begin with.

    The paper's stem is a 7x7 convolution at stride 2 and a 3x3 pooling at stride 2, the small one a 3x3 convolution.
    """
    if stem == "small":
        return stage(conv1=conv_layer(in_channels, out_channels, 3, padding=1, norm=norm, bias=bias))
    return stage(
        conv1=conv_layer(in_channels, out_channels, 7, stride=2, padding=3, norm=norm, bias=bias),
        pool1=nn.MaxPool2d(3, stride=2, padding=1),
    )


def dense_head(
    in_features: int, num_classes: int, *, hidden: Sequence[int], dropout: float, global_pool: bool = False
) -> nn.Sequential:
    """Return hidden dense layers with ReLU and dropout, and the output layer, all on the flattened features.

    With `global_pool` each map is averaged to one value first, and `in_features` is the number of maps.
    """
    layers: dict[str, nn.Module] = {"pool": nn.AdaptiveAvgPool2d(1)} if global_pool else {}
    layers["flatten"] = nn.Flatten()
    for index, (before, units) in enumerate(pairwise([in_features, *hidden]), start=1):
        layers[f"dense{index}"] = stage(linear=nn.Linear(before, units), act=nn.ReLU(), dropout=nn.Dropout(dropout))
    return stage(**layers, output=nn.Linear([in_features, *hidden][-1], num_classes))


def pooled_head(in_channels: int, num_classes: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Return global average pooling and the output layer."""
    return stage(
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(dropout) if dropout else None,
        output=nn.Linear(in_channels, num_classes),
    )


def activation_layer(activation: str) -> nn.Module:
    """Return a new activation module; `activation` is one of `ACTIVATIONS`."""
    return choose(ACTIVATIONS, activation, "activation")()


def norm_layer(norm: str, num_features: int, *, dims: int) -> nn.Module | None:
    """Return a new norm over `num_features` channels; `dims` is 2 after a convolution, 1 after a dense layer."""
    layers = choose(NORMS, norm, "norm")
    return layers[dims](num_features) if layers else None


def initialize(net: nn.Module, init: str) -> None:
    """Draw the weights of all convolutions and dense layers anew by the scheme `init` and zero their biases.

    `default` leaves both as torch has drawn them. `zero_gamma` also zeroes the factor (gamma) of the batch norm that a
    residual block ends with.

    Raises:
        ValueError: `init` is not one of `INITS`, or is `zero_gamma` and no residual block ends in batch norm.
    """
    draw = choose(INITS, init, "init")
    if init == "zero_gamma":
        last = [[*module.body.modules()][-1] for module in net.modules() if isinstance(module, Residual)]
        norms = [each for each in last if isinstance(each, BATCH_NORMS)]
        if not norms:
            usable = "model.init=zero_gamma is for residual blocks that end in batch norm, as those of ResNet"
            raise ValueError(f"{usable}\ntype model.init=kaiming")
        for norm in norms:
            nn.init.zeros_(norm.weight)
    if draw is None or all(weight.is_meta for weight in net.parameters()):  # where there is nothing to draw
        return
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draw(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
