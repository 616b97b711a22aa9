"""python -m cnnzoo info: what the layers of a net make, cost and see, or one row for each of several nets."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from cnnzoo.analysis.trace import Totals, total, trace_layers
from cnnzoo.blocks import ConvNet
from cnnzoo.build import build
from cnnzoo.checks import check_config
from cnnzoo.config import RunConfig, compose_config, expand, options
from cnnzoo.errors import UserError
from cnnzoo.report.tables import FORMATS, Column

SIZES = (28, 96, 224)  # px, of several nets
LARGEST = 1024  # px
SIZE = "data.resize="


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _count(count: int) -> str:
    return f"{count:,}" if count else ""


def _share(share: float) -> str:
    return "" if not share else f"{share:.1%}" if share >= 0.001 else "<0.1%"


LAYER_COLUMNS = (
    Column("name", "layer", left=True),
    Column("kind", "type", left=True),
    Column("output_shape", "output", left=True),
    Column("params", "parameters", _count),
    Column("params_share", "share", _share),
    Column("macs", "multiply-adds", _count),
    Column("macs_share", "share", _share),
    Column("receptive_field", "receptive field (px)"),
    Column("stride", "stride (px)"),
    Column("activation_bytes", "activations (KiB)", lambda count: f"{count / 2**10:,.1f}"),
)
NET_COLUMNS = (
    Column("model", "model", left=True),
    Column("px", "px"),
    Column("stem", "stem", left=True),
    Column("params", "parameters", "{:,}".format),
    Column("conv_params", "in convolutions", "{:,}".format),
    Column("dense_params", "in dense layers", "{:,}".format),
    Column("macs", "multiply-adds (M)", lambda count: f"{count / 1e6:,.1f}"),
    Column("receptive_field", "receptive field (px)", "{:,}".format),
    Column("min_size", "smallest px"),
)


def describe(overrides: Sequence[str], *, every: bool, style: str) -> str:
    """Return the layers of the configured net as a table; of several nets or sizes one row for each.

    Args:
        overrides: as for `train.py`; several values such as `model=vgg11,nin` stand for every combination.
        every: whether all nets of the zoo are meant.
        style: md, csv or latex.

    Raises:
        UserError: an override is wrong, or the net cannot be built.
    """
    if every:
        if any(each.startswith("model=") for each in overrides):
            raise UserError("--all means all nets\ntype either --all or model=...")
        overrides = [*overrides, f"model={','.join(options('model'))}"]
    sizes = [one[0] for one in expand([each for each in overrides if each.startswith(SIZE)]) if one]
    nets = expand([each for each in overrides if not each.startswith(SIZE)])
    if len(nets) == 1 and len(sizes) < 2:
        return _layer_table(_composed([*nets[0], *sizes]), style)
    # A net that takes images of any size, so that the sizes themselves are checked and not what a net needs.
    pixels = [_composed(["model=mlp", size]).values["data"]["resize"] for size in sizes] or SIZES
    rows = [row for net in nets for row in _net_rows(net, pixels)]
    return FORMATS[style](NET_COLUMNS, rows)


def _composed(overrides: Sequence[str]) -> RunConfig:
    config = compose_config(overrides)
    check_config(config)
    return config


def _layer_table(config: RunConfig, style: str) -> str:
    data = config.values["data"]
    try:
        net = _on_meta(config, data["resize"])
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    layers = trace_layers(net, (data["channels"], data["resize"], data["resize"]))
    totals = total(layers)
    rows: list[dict[str, Any]] = [
        asdict(layer)
        | {
            "params_share": layer.params / totals.params,
            "macs_share": layer.macs / totals.macs,
            "output_shape": "x".join(map(str, layer.output_shape)),
            "receptive_field": layer.receptive_field and _pair(layer.receptive_field),
            "stride": _pair(layer.stride) if any(layer.stride) else None,
        }
        for layer in layers
    ]
    if style == "csv":
        return FORMATS[style](LAYER_COLUMNS, rows)
    sums = {"name": "total", "params": totals.params, "macs": totals.macs, "activation_bytes": totals.activation_bytes}
    table = FORMATS[style](LAYER_COLUMNS, [*rows, sums])
    return table if style == "latex" else f"{_heading(config, net)}\n\n{table}\n{_split(totals)}\n"


def _heading(config: RunConfig, net: ConvNet) -> str:
    data = config.values["data"]
    return (
        f"{config.choices['model']} at {data['resize']} px, {net.stem} stem, {data['channels']} channel, "
        f"{data['num_classes']} classes; for one image"
    )


def _split(totals: Totals) -> str:
    def shares(whole: int, conv: int, dense: int) -> str:
        return f"{conv / whole:.1%} in convolutions, {dense / whole:.1%} in dense layers"

    return (
        f"{totals.params:,} parameters: {shares(totals.params, totals.conv_params, totals.dense_params)}\n"
        f"{totals.macs:,} multiply-adds: {shares(totals.macs, totals.conv_macs, totals.dense_macs)}\n"
        f"{totals.activation_bytes / 2**20:,.1f} MiB of activations in float32\n"
        f"{totals.receptive_field:,} px: the largest receptive field of a feature map"
    )


def _net_rows(overrides: Sequence[str], pixels: Sequence[int]) -> Iterator[dict[str, Any]]:
    config = _composed([*overrides, f"{SIZE}{max(SIZES)}"])  # composed once, built for each size
    arguments = [each.removeprefix("model.") for each in overrides if each.startswith("model.")]
    smallest = _smallest(config) if arguments else config.values["model"]["min_size"]
    for px in pixels:
        row = {"model": " ".join([config.choices["model"], *arguments]), "px": px, "min_size": smallest}
        if px < smallest:
            yield row | {"stem": "too small"}
            continue
        net = _on_meta(config, px)
        totals = asdict(total(trace_layers(net, (config.values["data"]["channels"], px, px))))
        yield row | {"stem": net.stem} | totals


def _smallest(config: RunConfig) -> int:
    """Return the smallest size for which the configured net can be built."""

    def works(px: int) -> bool:
        try:
            _on_meta(config, px)
        except ValueError:
            return False
        return True

    try:
        _on_meta(config, LARGEST)
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from error
    return 1 + bisect_left(range(1, LARGEST), True, key=works)


def _on_meta(config: RunConfig, px: int) -> ConvNet:
    with torch.device("meta"):
        net = build(config.net_arguments | {"image_size": px})
    assert isinstance(net, ConvNet)
    return net
