"""python -m cnnzoo info: what the layers of a net make, cost and see, or one row for each of several nets."""

import functools
import json
import sys
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.progress import track

from cnnzoo.analysis.trace import Layer, Totals, total, trace_layers
from cnnzoo.blocks import ConvNet
from cnnzoo.build import build, build_net_without_weights, in_words
from cnnzoo.checks import MAX_FAULTS, changes, check_config, refuse_grid
from cnnzoo.choices import options
from cnnzoo.composer import compose
from cnnzoo.config import RunConfig, schema_of
from cnnzoo.errors import UserError
from cnnzoo.explain import explain
from cnnzoo.overrides import expand, key_of
from cnnzoo.report.columns import millions, percent
from cnnzoo.report.pool import short_value
from cnnzoo.report.tables import FORMATS, Column, on_screen

SIZES = (28, 96, 224)  # px, of several nets
LARGEST = 1024  # px
# Columns that are left out where the screen is narrow, in this order.
SPARED = (
    "kind",
    "activation_bytes",
    "stride",
    "macs_share params_share",
    "min_size",
    "stem",
    "dense_params conv_params",
)
OF_IMAGES = ("data.channels", "data.num_classes")  # keys that make another net, beside those of `model`


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
    Column("macs", "multiply-adds (M)", millions),
    Column("activation_bytes", "activations (MiB)", lambda count: f"{count / 2**20:,.1f}"),
    Column("receptive_field", "receptive field (px)", "{:,}".format),
    Column("min_size", "smallest px"),
)


def describe(overrides: Sequence[str], *, every: bool, style: str) -> str:
    """Return the layers of the configured net as a table; of several nets or sizes one row for each.

    Args:
        overrides: as for `train.py`; several values such as `model=vgg11,nin` stand for every combination.
        every: whether all nets of the zoo are meant.
        style: md, csv or latex, or screen, for a terminal.

    Raises:
        UserError: an override is wrong, or no net can be built for any size.
    """
    last = {key_of(each): each for each in overrides}  # of two with the same key the last counts, as in train.py
    if "resume" in last:
        raise UserError("info is of nets, and not of runs\ntype model=NET, and what else was typed to train it")
    if every and "model" in last:
        raise UserError("--all means all nets\ntype either --all or model=...")
    if every:
        last = {"model": f"model={','.join(options('model'))}"} | last
    if len(expand(list(last.values()))) == 1:
        return _layer_table(_composed(list(last.values())), style)
    if not {"data.resize", "experiment"} & set(last):
        last["data.resize"] = f"data.resize={','.join(map(str, SIZES))}"
    rows: dict[tuple[str, int], dict[str, Any]] = {}
    screen = Console(stderr=True)
    combinations = expand(list(last.values()))
    for combination in track(combinations, "nets", console=screen, transient=True, disable=not screen.is_terminal):
        config = _composed(combination, size=False)
        told = {key_of(each): each.partition("=")[2] for each in combination}
        told |= {key: short_value(value) for key, value in changes(config).items() if key != "model.init"}
        of_net = [key for key in told if key.startswith("model.") or key in OF_IMAGES]
        arguments = [f"{key.partition('.')[2]}={told[key]}" for key in of_net]
        key = (" ".join([config.choices["model"], *arguments]), config.values["data"]["resize"])
        if key not in rows:  # one row for what differs in nothing of the net, such as in its seed
            rows[key] = {"model": key[0], "px": key[1]} | _net_row(config)
    problems = {key: problem for key, row in rows.items() if (problem := row.pop("problem", None))}
    if len(problems) == len(rows):
        raise UserError("\n".join([*dict.fromkeys(problems.values())][:MAX_FAULTS]))
    for (name, px), problem in problems.items():
        print(f"n/a: {name} at {px} px: {problem.splitlines()[0]}", file=sys.stderr)
    return _table(NET_COLUMNS, list(rows.values()), style)


def _composed(overrides: Sequence[str], *, size: bool = True) -> RunConfig:
    try:
        config = compose(overrides)
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(explain(error, overrides)) from error  # of the net that is not as the words have it
    refuse_grid(config.choices)
    check_config(config, size=size, images=False)
    return config


def _layer_table(config: RunConfig, style: str) -> str:
    net, layers = _on_meta(config)
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
        return _table(LAYER_COLUMNS, rows, style)
    sums = {"name": "total", "params": totals.params, "macs": totals.macs, "activation_bytes": totals.activation_bytes}
    table = _table(LAYER_COLUMNS, [*rows, sums], style)
    return table if style == "latex" else f"{_heading(config, net)}\n\n{table}\n{_split(totals)}\n"


def _table(columns: Sequence[Column], rows: Sequence[dict[str, Any]], style: str) -> str:
    if style != "screen":
        return FORMATS[style](columns, rows)
    return on_screen(columns, rows, SPARED)


def _heading(config: RunConfig, net: ConvNet) -> str:
    data = config.values["data"]
    plural = "s" if data["channels"] > 1 else ""
    return (
        f"{config.choices['model']} at {data['resize']} px, {net.stem} stem, {data['channels']} channel{plural}, "
        f"{data['num_classes']} classes; for one image"
    )


def _split(totals: Totals) -> str:
    def shares(whole: int, conv: int, dense: int) -> str:
        return f"{percent(conv / whole)} in convolutions, {percent(dense / whole)} in dense layers"

    lines = [
        f"{totals.params:,} parameters: {shares(totals.params, totals.conv_params, totals.dense_params)}",
        f"{totals.macs:,} multiply-adds: {shares(totals.macs, totals.conv_macs, totals.dense_macs)}",
        f"{totals.activation_bytes / 2**20:,.1f} MiB of activations in float32",
    ]
    if totals.receptive_field:
        lines.append(f"{totals.receptive_field:,} px: the largest receptive field of a feature map")
    return "\n".join(lines)


def _net_row(config: RunConfig) -> dict[str, Any]:
    data = config.values["data"]
    smallest = _smallest(config)
    try:
        net, layers = _on_meta(config)
    except UserError as error:
        return {"min_size": smallest, "problem": str(error)}
    totals = total(layers)
    # A net without feature maps sees the whole image.
    seen = {"receptive_field": totals.receptive_field or data["resize"]}
    return {"min_size": smallest, "stem": net.stem} | asdict(totals) | seen


def _smallest(config: RunConfig) -> int | None:
    """Return the smallest size for which the net can be built with its arguments; None if there is none."""
    usual, arguments = schema_of(config), config.net_arguments | {"image_size": 0}
    if arguments == usual.net_arguments | {"image_size": 0}:
        return int(usual.values["model"]["min_size"])
    return _smallest_of(json.dumps(arguments))


@functools.cache
def _smallest_of(arguments: str) -> int | None:
    as_asked: dict[str, Any] = json.loads(arguments)

    def works(px: int, stem: dict[str, str]) -> bool:
        try:
            with torch.device("meta"):
                build(as_asked | stem | {"image_size": px})
        except (TypeError, ValueError, RuntimeError):
            return False
        return True

    # A net that chooses its stem by the size may work just below that size, and not just above it.
    stems = [{}, {"stem": "small"}, {"stem": "paper"}] if as_asked.get("stem") == "auto" else [{}]
    found = [1 + bisect_left(range(1, LARGEST), True, key=lambda px: works(px, stem)) for stem in stems]
    return min((px for px in found if works(px, {})), default=None)


def _on_meta(config: RunConfig) -> tuple[ConvNet, list[Layer]]:
    """Return the configured net without its weights, and its layers.

    Raises:
        UserError: it cannot be built.
    """
    data = config.values["data"]
    try:
        with in_words():
            net = build_net_without_weights(config)
            return net, trace_layers(net, (data["channels"], data["resize"], data["resize"]))
    except UserError as error:
        raise UserError(f"{config.choices['model']}: {error}") from error
