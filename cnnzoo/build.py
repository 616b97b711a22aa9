"""What a configuration describes, built: the only place that instantiates from one."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from cnnzoo.blocks import ConvNet, initialize
from cnnzoo.config import RunConfig

NOT_FUSED = {"fused", "foreach", "differentiable"}  # with one of which a yaml chooses for itself

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from cnnzoo.data import ImageDataModule  # which takes lightning with it


def build(node: dict[str, Any]) -> Any:
    """Return what `node` describes, or with `_partial_` the function that makes it.

    Raises:
        TypeError: the target does not take these arguments.
        ValueError: there is no such target, or it refuses their values.
    """
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__ or error
        if isinstance(cause, ImportError):
            why = str(cause).splitlines()[:2][-1]
            named = " and in cnnzoo/models/__init__.py" if node["_target_"].startswith("cnnzoo.models.") else ""
            raise ValueError(
                f"{node['_target_']} cannot be loaded: {why}\nlook for its name at _target_ in its yaml{named}"
            ) from error
        raise cause from None


def build_net(config: RunConfig) -> ConvNet:
    """Return the configured net with freshly drawn weights.

    Raises:
        TypeError: its class does not take these arguments, or is no `ConvNet`.
        ValueError: its arguments are impossible.
    """
    net = build(config.net_arguments)
    if not isinstance(net, ConvNet):
        raise TypeError(f"{config.net_arguments['_target_']} is no net of cnnzoo\nderive it from cnnzoo.blocks.ConvNet")
    initialize(net, config.values["model"]["init"])
    return net


def build_net_without_weights(config: RunConfig) -> ConvNet:
    """Return the configured net on the meta device: its layers and their shapes, and no memory taken.

    Raises:
        TypeError: its class does not take these arguments, or is no `ConvNet`.
        ValueError: its arguments are impossible.
    """
    with torch.device("meta"):
        return build_net(config)


def build_optimizer(config: RunConfig) -> "Callable[..., Optimizer]":
    """Return what makes the configured optimizer of a net's weights: fused, in one pass over them, where torch has it.

    Raises:
        TypeError: its class does not take these arguments.
    """
    make: partial[Optimizer] = build(config.values["optimizer"])
    fuses = "fused" in inspect.signature(make.func).parameters and not make.keywords.keys() & NOT_FUSED
    return partial(make, fused=True) if fuses else make


def build_data(config: RunConfig) -> "ImageDataModule":
    """Return the configured data module; it has not read anything yet."""
    facts = ("channels", "num_classes")  # stand in the configuration for the nets
    arguments = {key: value for key, value in config.values["data"].items() if key not in facts}
    data: ImageDataModule = build(arguments | {key: config.values[key] for key in ("protocol", "seed")})
    return data
