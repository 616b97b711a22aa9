"""Which pixels of the image a unit of a feature map can see, followed from tensor to tensor by exact intervals.

Source: Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


@dataclass(frozen=True)
class Interval:
    """What the units of a map see along one axis.

    Attributes:
        first: unit i sees the pixels `first + i * stride` to `last + i * stride`, of which some may be padding.
        last: see `first`.
        stride: see `first`; 0 where all units see the same.
        low: all units together see the pixels `low` to `high`, of which none is padding.
        high: see `low`.
    """

    first: int
    last: int
    stride: int
    low: int
    high: int

    @property
    def size(self) -> int:
        """The number of pixels that one unit sees."""
        return self.last - self.first + 1

    def window(
        self, lengths: tuple[int, int], size: int, stride: int = 1, padding: int = 0, dilation: int = 1
    ) -> "Interval":
        """Return what units behind a sliding window see.

        Args:
            lengths: how many units there are, and how many windows.
            size: of the window, in units.
            stride: from one window to the next, in units.
            padding: units before the first that the first window begins with; negative where it leaves units out.
            dilation: distance between the units in a window.
        """
        reach = (size - 1) * dilation
        length, windows = lengths
        end = (windows - 1) * stride - padding + reach  # the last unit of the last window
        first = self.first - padding * self.stride
        return Interval(
            first=first,
            last=first + reach * self.stride + self.last - self.first,
            stride=self.stride * stride,
            low=max(self.low, self.first + max(0, -padding) * self.stride),
            high=min(self.high, self.last + min(length - 1, end) * self.stride),
        )

    @property
    def everything(self) -> "Interval":
        """What all units see together."""
        return replace(self, first=self.low, last=self.high, stride=0)

    def union(self, other: "Interval") -> "Interval":
        """Return the smallest interval that holds both; their strides are the same."""
        return Interval(
            min(self.first, other.first),
            max(self.last, other.last),
            self.stride,
            min(self.low, other.low),
            max(self.high, other.high),
        )


@dataclass(frozen=True)
class Field:
    """The receptive field of the units of one tensor: rows and columns."""

    rows: Interval
    columns: Interval

    @property
    def everything(self) -> "Field":
        """What all units see together."""
        return Field(self.rows.everything, self.columns.everything)

    @property
    def stride(self) -> tuple[int, int]:
        """From one unit to the next, in pixels of the image."""
        return self.rows.stride, self.columns.stride


def image_field(height: int, width: int) -> Field:
    """Return the field of the image itself: every pixel sees itself."""
    return Field(Interval(0, 0, 1, 0, height - 1), Interval(0, 0, 1, 0, width - 1))


def output_field(op: Any, args: Sequence[Any], inputs: Sequence[tuple[Tensor, Field]], output: Tensor) -> Field | None:
    """Return the field of `output`, which the aten operation `op` made of `inputs`, whose fields are known.

    None if only their shape was used. Exact for convolution, pooling, padding with zeros, cropping, concatenation and
    what else is in the tables below or works element by element (only pixels at the border that a stride beyond the
    window leaves out count as seen by all units together). Of any other operation every output is taken to see every
    input, which is exact for dense layers and global pooling, and otherwise too large rather than too small.
    """
    if op.__name__.startswith("new_") or op.__name__.endswith("_like"):
        return None
    field = union(field for _, field in inputs)
    if len(inputs) == 1 and inputs[0][0].dim() == 4 and op in WINDOWS and (axes := WINDOWS[op](*args)):
        (height, width), (rows, columns) = inputs[0][0].shape[-2:], output.shape[-2:]
        return Field(field.rows.window((height, rows), *axes[0]), field.columns.window((width, columns), *axes[1]))
    same_places = all(tensor.shape[-2:] == output.shape[-2:] and each.stride == field.stride for tensor, each in inputs)
    if output.dim() >= 4 and same_places and _works_place_by_place(op, args, output.dim()):
        return field
    return field.everything


def union(fields: Iterable[Field]) -> Field:
    """Return the smallest field that holds all of them; of fields with different strides what all units see."""

    def both(a: Field, b: Field) -> Field:
        if a.stride != b.stride:
            a, b = a.everything, b.everything
        return Field(a.rows.union(b.rows), a.columns.union(b.columns))

    return functools.reduce(both, fields)


def _works_place_by_place(op: Any, args: Sequence[Any], dims: int) -> bool:
    if op in ALONG:
        dim = args[ALONG[op]] if ALONG[op] < len(args) else 0
        return dim % dims < dims - 2  # along images or channels
    if op is aten.transpose:
        return all(dim % dims < dims - 2 for dim in args[1:3])
    if op is aten.permute:
        return [dim % dims for dim in args[1]][-2:] == [dims - 2, dims - 1]
    if op is aten.repeat:
        return list(args[1][-2:]) == [1, 1]
    if op in REDUCTIONS and len(args) > 1 and isinstance(args[1], int | Sequence):
        reduced = [args[1]] if isinstance(args[1], int) else args[1]
        before = args[0].dim()  # the result may have fewer
        return bool(reduced) and all(dim % before < before - 2 for dim in reduced)
    if op in (aten.index, aten.index_put_):
        return all(index is None for index in args[1][args[0].dim() - 2 :])
    return op in PLACE_BY_PLACE or torch.Tag.pointwise in getattr(op, op.overloads()[0]).tags


Axes = list[tuple[int, ...]] | None  # arguments of `Interval.window` behind `lengths`: rows, columns


def _pair(value: Any) -> tuple[int, int]:
    rows, *columns = [value] if isinstance(value, int) else value
    return rows, columns[0] if columns else rows


def _axes(*arguments: Any) -> Axes:
    return list(zip(*map(_pair, arguments), strict=True))


def _convolution(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any) -> Axes:
    transposed = rest[0]
    return None if transposed else _axes(weight.shape[2:], stride, padding, dilation)


def _max_pool(x: Tensor, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *ceil: Any) -> Axes:
    return _axes(size, stride or size, padding, dilation)


def _average_pool(x: Tensor, size: Any, stride: Any = (), padding: Any = 0, *rest: Any) -> Axes:
    return _axes(size, stride or size, padding)


def _adaptive_pool(x: Tensor, output_size: Any) -> Axes:
    sizes = list(zip(x.shape[-2:], _pair(output_size), strict=True))
    if any(size % count for size, count in sizes):
        return None  # windows of several sizes
    return _axes(window := [size // count for size, count in sizes], window)


def _pad(x: Tensor, padding: Sequence[int], *value: Any) -> Axes:
    left, _, top, _, *others = [*padding, 0, 0][: max(4, len(padding))]
    return _axes(1, 1, (top, left)) if not any(others) and min(padding) >= 0 else None


def _slice(x: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Axes:
    if dim % 4 < 2:
        return None
    begin = (start or 0) % x.shape[dim]
    axes = [(1, 1, 0), (1, 1, 0)]
    axes[dim % 4 - 2] = (1, step, -begin)
    return list(axes)


WINDOWS: dict[Any, Callable[..., Axes]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _max_pool,
    aten.avg_pool2d: _average_pool,
    aten._adaptive_avg_pool2d: _adaptive_pool,
    aten.adaptive_max_pool2d: _adaptive_pool,
    # Units whose window reaches beyond an edge see the mirrored pixels, too, which are within it or near.
    **dict.fromkeys((aten.constant_pad_nd, aten.reflection_pad2d, aten.replication_pad2d), _pad),
    aten.slice: _slice,
}
# Where the dimension stands among the arguments of what works along one.
ALONG = {
    **dict.fromkeys((aten.cat, aten.slice, aten._softmax, aten._log_softmax, aten.glu, aten.index_add), 1),
    aten.index_select: 1,
    **dict.fromkeys((aten.split, aten.split_with_sizes), 2),
}
REDUCTIONS = (aten.mean, aten.sum, aten.amax, aten.amin, aten.max, aten.min)
PLACE_BY_PLACE = (
    aten.expand,
    *(aten.view, aten._unsafe_view, aten.alias, aten.clone, aten._to_copy, aten.detach, aten.channel_shuffle),
    *(aten.hardswish, aten.hardswish_, aten._prelu_kernel, aten.log_sigmoid_forward, aten.rrelu_with_noise),
)
