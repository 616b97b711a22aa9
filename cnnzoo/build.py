"""What a configuration describes, built: the only place that instantiates from one."""

import inspect
import linecache
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate

from cnnzoo.blocks import ConvNet, initialize
from cnnzoo.choices import CONF
from cnnzoo.config import RunConfig
from cnnzoo.errors import CodeError, UserError

PACKAGE = Path(__file__).parent
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
            raise ValueError(_not_loaded(node["_target_"], cause)) from error
        name = node["_target_"].rpartition(".")[2]
        if isinstance(cause, TypeError) and str(cause).startswith((f"{name}.__init__()", f"{name}()")):
            raise TypeError(f"{cause}\nlook at the keys beside _target_: {node['_target_']} in its yaml") from None
        raise cause from None


def _not_loaded(target: str, error: ImportError) -> str:
    """Return in words why Hydra could not import what a yaml names: there is no such thing, or a file has a mistake."""
    why = error.__cause__ or error
    if isinstance(why, SyntaxError):
        places = [(str(why.filename), why.lineno)]
    else:
        places = [(each.filename, each.lineno) for each in traceback.extract_tb(why.__traceback__)]
    if own := [(Path(file), line) for file, line in places if PACKAGE in Path(file).parents]:
        file, line = own[-1]
        what = f"{file.relative_to(CONF.parent)}, line {line}: {type(why).__name__}: {getattr(why, 'msg', why)}"
        return f"{what}\nmend that line; {target} cannot be imported without it"
    named = " and in cnnzoo/models/__init__.py" if target.startswith("cnnzoo.models.") else ""
    why_not = str(error).splitlines()[:2][-1]
    return f"{target} cannot be loaded: {why_not}\nlook for its name at _target_ in its yaml{named}"


@contextmanager
def in_words() -> Iterator[None]:
    """Say why something cannot be built, or a net not be traced, as a `UserError`."""
    try:
        yield
    except Exception as error:
        if place := _mistake(error):
            what = f"{place}: {type(error).__name__}: {error}"
            raise CodeError(f"{what}\nlook at that line, and at the values that it is given") from error
        if not isinstance(error, TypeError | ValueError | RuntimeError):
            raise
        words = str(error) or type(error).__name__
        words = words.splitlines()[0] if isinstance(error, RuntimeError) else words
        if "meta tensor" in words:
            words += "\na net is first built without values: compute numbers, such as widths, with Python or numpy"
        raise UserError(words) from error


def _mistake(error: Exception) -> str:
    """Return where in a net's file an error came up by itself, and not to refuse something; elsewhere nothing."""
    # A name that a net lacks is missed by torch, for the line that asked for it.
    last = [each for each in traceback.extract_tb(error.__traceback__) if each.name != "__getattr__"][-1]
    file, line = Path(last.filename), linecache.getline(last.filename, last.lineno or 0)
    if PACKAGE / "models" not in file.parents or line.encode()[last.colno or 0 :].lstrip().startswith(b"raise"):
        return ""
    return f"{file.relative_to(CONF.parent)}, line {last.lineno}"


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
    # The number of classes stands in the configuration for the nets.
    arguments = {key: value for key, value in config.values["data"].items() if key != "num_classes"}
    data: ImageDataModule = build(arguments | {key: config.values[key] for key in ("protocol", "seed")})
    return data
