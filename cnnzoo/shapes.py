"""What shape a stack of stages makes of an image, found without computing anything."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


def feature_shape(features: nn.Sequential, in_channels: int, image_size: int) -> tuple[int, int, int]:
    """Return the shape (C, H, W) that `features` makes of one image, without computing anything.

    Raises:
        ValueError: a stage shrinks the image to nothing; the message names it and the smallest size that works.
    """
    try:
        return _trace(features, in_channels, image_size)
    except _VanishedError as vanished:
        larger = range(image_size + 1, 1025)
        index = bisect_left(larger, True, key=lambda size: _works(features, in_channels, size))
        needs = f"data.resize >= {larger[index]}" if index < len(larger) else "larger ones than there can be"
        raise ValueError(f"images of {image_size} px shrink to nothing at {vanished}; this net needs {needs}") from None


def call_without_values(module: nn.Module, state: Mapping[str, Tensor], x: Tensor) -> Any:
    """Return what `module` makes of `x`, with what `without_values` returned in place of its parameters and buffers."""
    return functional_call(module, dict(state), (x,), tie_weights=False)


def without_values(module: nn.Module) -> dict[str, Tensor]:
    """Return stand-ins on the meta device for all parameters and buffers, shared ones for shared ones.

    Each has one name of its module. With another one beside it, or with ties, torch 2.14's `functional_call` would
    leave the stand-in in its place afterwards.
    """
    made: dict[int, Tensor] = {}
    state = {}
    for prefix, each in module.named_modules():
        own = each.named_parameters(recurse=False, remove_duplicate=False)
        for name, tensor in (*own, *each.named_buffers(recurse=False, remove_duplicate=False)):
            state[f"{prefix}.{name}".lstrip(".")] = made.setdefault(id(tensor), tensor.to("meta"))
    return state


class _VanishedError(Exception):
    """The stage that has no output left."""


class ShapesOnly(TorchFunctionMode):
    """Skips what keeps the shape, place by place; on the meta device batch norm takes most of a deep net's time."""

    SKIPPED = (F.batch_norm, F.relu, F.dropout, F.local_response_norm)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do what a function does, or return its first argument.

        Raises:
            RuntimeError: batch norm is given another number of channels than it has.
        """
        if func is F.batch_norm and args[1] is not None and len(args[1]) != args[0].shape[1]:
            raise RuntimeError(f"batch norm over {len(args[1])} channels is given {args[0].shape[1]}")
        return args[0] if func in self.SKIPPED else func(*args, **(kwargs or {}))


def _works(features: nn.Sequential, in_channels: int, image_size: int) -> bool:
    try:
        _trace(features, in_channels, image_size)
    except _VanishedError:
        return False
    return True


def _trace(features: nn.Sequential, in_channels: int, image_size: int) -> tuple[int, int, int]:
    x = torch.empty(1, in_channels, image_size, image_size, device="meta")
    for name, module in features.named_children():
        try:
            with ShapesOnly():
                x = call_without_values(module, without_values(module), x)
        except RuntimeError as error:
            # The only two complaints that mean "too small"; anything else is a bug and must be seen.
            if "Output size is too small" in str(error) or "Kernel size can't be greater" in str(error):
                raise _VanishedError(name) from None
            raise
    return tuple(x.shape[1:])  # type: ignore[return-value]
