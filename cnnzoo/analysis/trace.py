"""What every layer of a net makes, costs and sees."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from cnnzoo.analysis.receptive_field import Field, image_field, output_field, union
from cnnzoo.shapes import ShapesOnly, call_without_values, without_values

Part = Literal["convolution", "dense", "other"]
BYTES = 4  # of an activation in float32
COPIES = (nn.Flatten, nn.Unflatten, nn.modules.dropout._DropoutNd)  # make no new values in evaluation
# Products that torch's counter leaves out, and which of their arguments has as many values as they have multiply-adds.
PRODUCTS = {torch.ops.aten.mv: 0, torch.ops.aten.addmv: 1, torch.ops.aten.dot: 0}
CONTAINERS = (nn.Sequential, nn.Identity)  # are no layers, even if they are empty


@dataclass(frozen=True)
class Layer:
    """One call of one layer, for one image.

    Attributes:
        name: the module's place in the net, such as `features.stage1.conv`; empty for the net itself.
        kind: its class, such as `Conv2d`.
        part: whether it is a convolution or a dense layer, by its class or by what multiplies in it.
        output_shape: of its (first) output, without the batch, such as (6, 28, 28); empty if it was not called.
        params: learned values of its own; 0 in a second call of the same module.
        macs: multiply-adds.
        receptive_field: (rows, columns) of the image that one unit of the output sees. The field of a map's unit near a
            border reaches into the padding and is not cut there; of what sees the whole image only pixels count. None
            if the output does not depend on the image.
        stride: (rows, columns) of the image between neighbouring units; 0 where all units see the same.
        activation_bytes: in float32, of the output, or of what a module with children concatenates; 0 where the output
            is only the input in another form.
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

    @property
    def is_map(self) -> bool:
        """Whether the output has places in the image."""
        return len(self.output_shape) == 3 and (any(self.stride) or max(self.output_shape[1:]) > 1)


@dataclass(frozen=True)
class Totals:
    """What a net costs as a whole, for one image.

    Attributes:
        params: learned values; `conv_params` and `dense_params` are those of convolutions and dense layers.
        macs: multiply-adds; `conv_macs` and `dense_macs` likewise.
        receptive_field: the largest of a feature map's unit, in pixels; 0 if there are no feature maps.
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


@torch.inference_mode(mode=False)  # which dispatches other operations, that would not be seen
def trace_layers(net: nn.Module, input_shape: tuple[int, int, int]) -> list[Layer]:
    """Return the layers of `net` in the order in which an image of shape (C, H, W) passes them in evaluation mode.

    A layer is a module without children, or one that by itself has parameters, multiplies or concatenates. Modules with
    parameters that the image does not pass, such as auxiliary heads, come last. Nothing is computed: shapes are
    followed on the meta device, wherever the net is, and the net stays as it was. So nets that look at values
    (`.item()`, branches on data), keep tensors that are neither parameters nor buffers, or are scripted or quantised
    cannot be traced.

    Raises:
        ValueError: the net has lazy parameters that no image has passed yet, or weights that it does not know of,
            `input_shape` is not (C, H, W), or a layer cannot take what the one before it gives; the message names it.
    """
    if len(input_shape) != 3:
        raise ValueError(f"input_shape is (C, H, W), of one image (got {tuple(input_shape)})")
    if any(is_lazy(parameter) for parameter in net.parameters()):
        what = "the net has lazy layers, whose shapes are not known before it has seen an image"
        raise ValueError(f"{what}\npass one through it first, such as at the end of __init__")
    state = without_values(net)
    tracer = _Tracer(net, state, input_shape)
    modes = {module: module.training for module in net.modules()}
    handles = []
    for name, module in net.named_modules():
        enter = module.register_forward_pre_hook(lambda *_, name=name: tracer.enter(name), prepend=True)
        leave = module.register_forward_hook(lambda module, _, output: tracer.leave(module, output))
        handles += [enter, leave]
    try:
        net.eval()
        with torch.no_grad(), torch.device("meta"), ShapesOnly(), tracer:
            call_without_values(net, state, tracer.image)
    except RuntimeError as error:
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{tracer.where} cannot take what it is given: {why}") from error
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    for name, module in net.named_modules():
        tracer.leave_out(name, module)
    return tracer.layers


def total(layers: Sequence[Layer]) -> Totals:
    """Return what `layers` cost together."""

    def add(field: str, *parts: Part) -> int:
        return sum(getattr(layer, field) for layer in layers if not parts or layer.part in parts)

    return Totals(
        params=add("params"),
        conv_params=add("params", "convolution"),
        dense_params=add("params", "dense"),
        macs=add("macs"),
        conv_macs=add("macs", "convolution"),
        dense_macs=add("macs", "dense"),
        receptive_field=max((max(layer.receptive_field or (0, 0)) for layer in layers if layer.is_map), default=0),
        activation_bytes=add("activation_bytes"),
    )


@dataclass
class _Running:
    name: str
    macs: int = 0
    part: Part = "other"
    joined: int = 0  # values that were concatenated


class _Tracer(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operation of a forward pass: counts its multiply-adds and follows what its output sees."""

    def __init__(self, net: nn.Module, state: Mapping[str, Tensor], input_shape: tuple[int, int, int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        dtypes = [parameter.dtype for parameter in net.parameters() if parameter.is_floating_point()]
        self.image = torch.empty(1, *input_shape, device="meta", dtype=dtypes[0] if dtypes else None)
        self.layers: list[Layer] = []
        self._running = [_Running("")]  # the modules that have begun, the innermost last
        # Taken down before the pass, in which others stand in for them; shared ones count where they are used first.
        self._own = {module: list(module.parameters(recurse=False)) for module in net.modules()}
        self._counted: set[int] = set()
        self._registered = {id(tensor) for tensor in state.values()}
        self._fields: dict[int, tuple[Tensor, Field]] = {id(self.image): (self.image, image_field(*input_shape[1:]))}
        self._written: dict[int, tuple[Tensor, Field]] = {}  # by storage: what was written into a part of it

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(isinstance(each, nn.Parameter) and id(each) not in self._registered for each in _tensors(args)):
            what = f"{self.where} uses weights that are not the net's own, and would be neither trained nor saved"
            raise ValueError(f"{what}\nkeep layers as attributes, or in an nn.ModuleList, and not in a list")
        output = func(*args, **(kwargs or {}))
        op = func.overloadpacket
        running = self._running[-1]
        running.joined += output.numel() if op is torch.ops.aten.cat else 0
        if op in PRODUCTS or op in flop_registry:
            if op in PRODUCTS:
                running.macs += args[PRODUCTS[op]].numel()
            else:
                running.macs += flop_registry[op](*args, **(kwargs or {}), out_val=output) // 2
            running.part = "convolution" if op is torch.ops.aten.convolution else "dense"
        inputs = [(each, field) for each in _tensors(args) if (field := self._field(each))]
        if inputs:
            for each in _tensors(output):
                if field := output_field(op, args, inputs, each):
                    self._fields[id(each)] = (each, field)  # the tensor too, so that its id stays its own
                    if func._schema.is_mutable and each.numel() < each.untyped_storage().nbytes() // each.itemsize:
                        self._written[each.untyped_storage()._cdata] = (each, field.everything)
        return output

    def _field(self, tensor: Tensor) -> Field | None:
        known = [self._fields[id(tensor)][1]] if id(tensor) in self._fields else []
        if self._written and (storage := tensor.untyped_storage()._cdata) in self._written:
            known.append(self._written[storage][1])
        return union(known) if known else None

    @property
    def where(self) -> str:
        """The module at work, in words."""
        return self._running[-1].name or "the net"

    def enter(self, name: str) -> None:
        self._running.append(_Running(name))

    def leave(self, module: nn.Module, output: Any) -> None:
        running = self._running.pop()
        params = self._count(module)
        leaf = not list(module.children()) and not isinstance(module, CONTAINERS)
        if not (leaf or running.macs or running.joined or params):
            return
        first = next(_tensors(output), None)
        field = None if first is None else self._field(first)
        values = running.joined if not leaf and running.joined else 0 if first is None else first.numel()
        self.layers.append(
            Layer(
                name=running.name,
                kind=type(module).__name__,
                part=_part(module, running.part),
                output_shape=() if first is None else tuple(first.shape[1:]),
                params=params,
                macs=running.macs,
                receptive_field=(field.rows.size, field.columns.size) if field else None,
                stride=field.stride if field else (0, 0),
                activation_bytes=0 if isinstance(module, COPIES) else BYTES * values,
            )
        )

    def leave_out(self, name: str, module: nn.Module) -> None:
        if params := self._count(module):
            kind, part = type(module).__name__, _part(module, "other")
            self.layers.append(Layer(name, kind, part, (), params, 0, None, (0, 0), 0))

    def _count(self, module: nn.Module) -> int:
        new = [parameter for parameter in self._own[module] if id(parameter) not in self._counted]
        self._counted.update(map(id, new))
        return sum(parameter.numel() for parameter in new)


def _part(module: nn.Module, otherwise: Part) -> Part:
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.modules.conv._ConvNd) or (isinstance(weight, Tensor) and weight.dim() > 3):
        return "convolution"
    return "dense" if isinstance(module, nn.Linear) else otherwise


def _tensors(values: Any) -> Iterator[Tensor]:
    """Yield the tensors in an argument or a result, in order."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        for each in values.values():
            yield from _tensors(each)
    elif isinstance(values, list | tuple):
        for each in values:
            yield from _tensors(each)
