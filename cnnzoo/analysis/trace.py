"""What every layer of a net makes, costs and sees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnnzoo.analysis.receptive_field import Field, Interval, image_field, output_field
from cnnzoo.shapes import ShapesOnly

Part = Literal["convolution", "dense", "other"]
BYTES = 4  # of an activation in float32


@dataclass(frozen=True)
class Layer:
    """One call of one layer, for one image.

    Attributes:
        name: the module's place in the net, such as `features.stage1.conv`.
        kind: its class, such as `Conv2d`.
        part: whether its parameters and multiply-adds are those of a convolution or of a dense layer.
        output_shape: without the batch, such as (6, 28, 28).
        params: learned values of its own; 0 in a second call of the same module.
        macs: multiply-adds.
        receptive_field: (rows, columns) of the image that one unit of the output sees. The field of a map's unit near a
            border reaches into the padding and is not cut there. None if the output does not depend on the image.
        stride: (rows, columns) of the image between neighbouring units; 0 where all units see the same.
        activation_bytes: of the output in float32.
    """

    name: str
    kind: str
    part: Part
    output_shape: tuple[int, ...]
    params: int
    macs: int
    receptive_field: tuple[int, int] | None
    stride: tuple[int, int]
    activation_bytes: int


@dataclass(frozen=True)
class Totals:
    """What a net costs as a whole, for one image.

    Attributes:
        params: learned values; `conv_params` and `dense_params` are those of convolutions and dense layers.
        macs: multiply-adds; `conv_macs` and `dense_macs` likewise.
        receptive_field: the largest of a feature map's unit, in pixels; of a net without feature maps what its output
            sees.
        activation_bytes: of all layers' outputs in float32.
    """

    params: int
    conv_params: int
    dense_params: int
    macs: int
    conv_macs: int
    dense_macs: int
    receptive_field: int
    activation_bytes: int


def trace_layers(net: nn.Module, input_shape: tuple[int, int, int]) -> list[Layer]:
    """Return the layers of `net` in the order in which an image of shape (C, H, W) passes them in evaluation mode.

    A layer is a module without children, or one that by itself has parameters, multiplies or concatenates. Nothing is
    computed: shapes are followed on the meta device, wherever the net is, and the net stays as it was.
    """
    tracer = _Tracer(net, input_shape)
    state = {name: tensor.to("meta") for name, tensor in (*net.named_parameters(), *net.named_buffers())}
    modes = {module: module.training for module in net.modules()}
    handles = []
    for name, module in net.named_modules():
        handles.append(module.register_forward_pre_hook(lambda *_, name=name: tracer.enter(name)))
        handles.append(module.register_forward_hook(lambda module, _, output: tracer.leave(module, output)))
    try:
        net.eval()
        with torch.no_grad(), ShapesOnly(), tracer:
            functional_call(net, state, (tracer.image,))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return tracer.layers


def total(layers: Sequence[Layer]) -> Totals:
    """Return what `layers` cost together."""

    def add(field: str, *parts: Part) -> int:
        return sum(getattr(layer, field) for layer in layers if not parts or layer.part in parts)

    seen = [max(layer.receptive_field or (0, 0)) for layer in layers]
    maps = [size for size, layer in zip(seen, layers, strict=True) if any(layer.stride)]
    return Totals(
        params=add("params"),
        conv_params=add("params", "convolution"),
        dense_params=add("params", "dense"),
        macs=add("macs"),
        conv_macs=add("macs", "convolution"),
        dense_macs=add("macs", "dense"),
        receptive_field=max(maps or seen),
        activation_bytes=add("activation_bytes"),
    )


@dataclass
class _Running:
    name: str
    macs: int = 0
    joins: bool = False


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of a forward pass: counts its multiply-adds and follows what its output sees."""

    def __init__(self, net: nn.Module, input_shape: tuple[int, int, int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.image = torch.empty(1, *input_shape, device="meta")
        self.layers: list[Layer] = []
        self._running: list[_Running] = []  # the modules that have begun, the innermost last
        self._counted: set[nn.Module] = set()
        self._fields: dict[int, tuple[Tensor, Field]] = {id(self.image): (self.image, image_field())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        op = func.overloadpacket
        running = self._running[-1]
        running.joins |= op is torch.ops.aten.cat
        if op in flop_registry:
            running.macs += flop_registry[op](*args, **(kwargs or {}), out_val=output) // 2
        flat = [each for arg in args for each in (arg if isinstance(arg, list | tuple) else [arg])]
        inputs = [self._fields[id(each)] for each in flat if id(each) in self._fields]
        if inputs:
            for each in output if isinstance(output, list | tuple) else [output]:
                if field := output_field(op, args, inputs, each):
                    self._fields[id(each)] = (each, field)  # the tensor too, so that its id stays its own
        return output

    def enter(self, name: str) -> None:
        self._running.append(_Running(name))

    def leave(self, module: nn.Module, output: Any) -> None:
        running = self._running.pop()
        own = [] if module in self._counted else list(module.parameters(recurse=False))
        self._counted.add(module)
        leaf = not list(module.children()) and not isinstance(module, nn.Identity)
        if not (running.macs or running.joins or own or leaf) or not isinstance(output, Tensor):
            return
        field = self._fields.get(id(output), (None, None))[1]
        convolution = isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        self.layers.append(
            Layer(
                name=running.name,
                kind=type(module).__name__,
                part="convolution" if convolution else "dense" if isinstance(module, nn.Linear) else "other",
                output_shape=tuple(output.shape[1:]),
                params=sum(parameter.numel() for parameter in own),
                macs=running.macs,
                receptive_field=self._seen(field) if field else None,
                stride=(field.rows.stride, field.columns.stride) if field else (0, 0),
                activation_bytes=BYTES * output.numel(),
            )
        )

    def _seen(self, field: Field) -> tuple[int, int]:
        height, width = self.image.shape[2:]
        return _pixels(field.rows, height), _pixels(field.columns, width)


def _pixels(interval: Interval, length: int) -> int:
    if interval.stride:
        return interval.size
    return min(interval.last, length - 1) - max(interval.first, 0) + 1  # what has no place: the pixels that there are
