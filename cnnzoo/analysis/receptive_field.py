"""Which pixels of the image a unit of a feature map can see, followed from tensor to tensor by exact intervals.

Source: Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten


@dataclass(frozen=True)
class Interval:
    """The pixels `first + i * stride` to `last + i * stride` along one axis, which unit i of a map sees.

    Border pixels beyond the image are padding. Stride 0: all units see the same pixels.
    """

    first: int
    last: int
    stride: int

    @property
    def size(self) -> int:
        """The number of pixels."""
        return self.last - self.first + 1

    def window(self, size: int, stride: int, padding: int, dilation: int = 1) -> "Interval":
        """Return what a unit behind a window sees: `size` units, `dilation` apart, from `-padding` on."""
        first = self.first - padding * self.stride
        last = first + (size - 1) * dilation * self.stride + self.last - self.first
        return Interval(first, last, self.stride * stride)

    def everything(self, length: int) -> "Interval":
        """Return what all `length` units see together."""
        return Interval(self.first, self.last + (length - 1) * self.stride, 0)

    def union(self, other: "Interval") -> "Interval":
        """Return the smallest interval that holds both."""
        return Interval(min(self.first, other.first), max(self.last, other.last), self.stride)


@dataclass(frozen=True)
class Field:
    """The receptive field of the units of one tensor: rows and columns."""

    rows: Interval
    columns: Interval


def image_field() -> Field:
    """Return the field of the image itself: every pixel sees itself."""
    return Field(Interval(0, 0, 1), Interval(0, 0, 1))


def everything(tensor: Tensor, field: Field) -> Field:
    """Return what all units of `tensor` see together; what has no rows and columns sees everything already."""
    if tensor.dim() < 4:
        return field
    return Field(field.rows.everything(tensor.shape[-2]), field.columns.everything(tensor.shape[-1]))


def output_field(op: Any, args: Sequence[Any], inputs: Sequence[tuple[Tensor, Field]], output: Tensor) -> Field | None:
    """Return the field of `output`, which the aten operation `op` made of `inputs`, whose fields are known.

    None if only their shape was used.

    Exact for convolution, pooling, padding, concatenation and whatever works place by place. Of any other operation
    every output is taken to see every input: exact for dense layers and global pooling, and never too small.
    """
    if op.__name__.startswith("new_") or op.__name__.endswith("_like"):
        return None
    field = _union(field for _, field in inputs)
    if op in WINDOWS and (axes := WINDOWS[op](*args)):
        return Field(field.rows.window(*axes[0]), field.columns.window(*axes[1]))
    places = {(*tensor.shape[-2:], field.rows.stride, field.columns.stride) for tensor, field in inputs}
    if places == {(*output.shape[-2:], field.rows.stride, field.columns.stride)} and _works_place_by_place(op, args):
        return field
    return _union(everything(tensor, field) for tensor, field in inputs)


def _works_place_by_place(op: Any, args: Sequence[Any]) -> bool:
    if op in ALONG:
        position = ALONG[op]
        return (args[position] if position < len(args) else 0) in (0, 1)  # along images or channels
    if op is aten.index:
        return all(index is None for index in args[1][2:])
    return op in PLACE_BY_PLACE or torch.Tag.pointwise in getattr(op, op.overloads()[0]).tags


def _union(fields: Iterable[Field]) -> Field:
    return functools.reduce(lambda a, b: Field(a.rows.union(b.rows), a.columns.union(b.columns)), fields)


Axes = list[tuple[int, int, int, int]] | None  # size, stride, padding and dilation of the window: rows, columns


def _pair(value: Any) -> tuple[int, int]:
    rows, *columns = [value] if isinstance(value, int) else value
    return rows, columns[0] if columns else rows


def _axes(size: Any, stride: Any, padding: Any = 0, dilation: Any = 1) -> Axes:
    return list(zip(*map(_pair, (size, stride, padding, dilation)), strict=True))


def _convolution(x: Tensor, weight: Tensor, bias: Any, stride: Any, padding: Any, dilation: Any, *rest: Any) -> Axes:
    transposed = rest[0]
    return None if transposed or weight.dim() != 4 else _axes(weight.shape[2:], stride, padding, dilation)


def _max_pool(x: Tensor, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, *ceil: Any) -> Axes:
    return _axes(size, stride or size, padding, dilation)


def _average_pool(x: Tensor, size: Any, stride: Any = (), padding: Any = 0, *rest: Any) -> Axes:
    return _axes(size, stride or size, padding)


def _adaptive_average_pool(x: Tensor, output_size: Any) -> Axes:
    sizes = [(size, count) for size, count in zip(x.shape[-2:], _pair(output_size), strict=True)]
    if any(size % count for size, count in sizes):
        return None  # windows of several sizes
    return _axes(window := [size // count for size, count in sizes], window)


def _pad(x: Tensor, padding: Sequence[int], *value: Any) -> Axes:
    left, _, top, _, *channels = [*padding, 0, 0][: max(4, len(padding))]
    return None if any(channels) else _axes(1, 1, (top, left))


WINDOWS: dict[Any, Callable[..., Axes]] = {
    aten.convolution: _convolution,
    aten.max_pool2d_with_indices: _max_pool,
    aten.avg_pool2d: _average_pool,
    aten._adaptive_avg_pool2d: _adaptive_average_pool,
    aten.constant_pad_nd: _pad,
}
ALONG = {aten.cat: 1, aten.slice: 1, aten.split: 2, aten.index_add: 1, aten._softmax: 1}  # where the dimension stands
PLACE_BY_PLACE = (aten.view, aten.clone, aten._to_copy, aten.detach)
