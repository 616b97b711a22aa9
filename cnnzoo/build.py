"""What a configuration describes, built: the only place that instantiates from one."""

from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate

from cnnzoo.blocks import ConvNet, initialize
from cnnzoo.config import RunConfig


def build(node: dict[str, Any]) -> Any:
    """Return what `node` describes, or with `_partial_` the function that makes it.

    Raises:
        TypeError: the target does not take these arguments.
        ValueError: the target refuses their values.
    """
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or error from None


def build_net(config: RunConfig) -> ConvNet:
    """Return the configured net with freshly drawn weights.

    Raises:
        ValueError: its arguments are impossible.
    """
    net = build(config.net_arguments)
    assert isinstance(net, ConvNet)
    initialize(net, config.values["model"]["init"])
    return net
