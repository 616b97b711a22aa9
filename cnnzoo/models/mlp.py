"""Multilayer perceptron: the baseline without convolutions."""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from cnnzoo.blocks import ConvNet, activation_layer, stage


class MLP(ConvNet):
    """Dense layers on the flattened image.

    Source: Zhang, Lipton, Li, Smola, Dive into Deep Learning, section 5.2 (one hidden layer of 256 units with ReLU:
    203,530 parameters at 28 px).

    Shape:
        Input:  (N, in_channels, S, S), float; any S.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        hidden: units of each hidden layer, in order.
        activation: after every hidden layer: relu, sigmoid or tanh.

    Deviations:
        None.

    Raises:
        ValueError: the activation is unknown.
    """

    def __init__(
        self, *, in_channels: int, num_classes: int, image_size: int, hidden: Sequence[int], activation: str
    ) -> None:
        super().__init__()
        widths = [in_channels * image_size**2, *hidden]
        self.features = stage(flatten=nn.Flatten())
        for index, (in_features, out_features) in enumerate(pairwise(widths), start=1):
            dense = stage(linear=nn.Linear(in_features, out_features), act=activation_layer(activation))
            self.features.add_module(f"dense{index}", dense)
        self.head = stage(output=nn.Linear(widths[-1], num_classes))
