"""The same images through several trained nets."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from cnnzoo.analysis.feature_maps import feature_maps, first_filters
from cnnzoo.analysis.trace import trace_layers
from cnnzoo.build import build_data
from cnnzoo.checks import check_config
from cnnzoo.disk import numbered
from cnnzoo.errors import UserError
from cnnzoo.reload import change_later_keys, read_run
from cnnzoo.report.galleries import Align, Stage, Traced, draw_fields, draw_first_filters, draw_gallery
from cnnzoo.report.pool import GROUPS, add_settings, labels_of
from cnnzoo.report.runs import read_runs
from cnnzoo.report.style import write
from cnnzoo.trained import TrainedNet, load


def draw_maps(
    folders: Sequence[str], images: Sequence[int], align: Align, target: Path, root: Sequence[str] = ()
) -> Iterator[Path]:
    """Write PNGs of what the trained nets in `folders` make of test images; yield their paths.

    For each image `maps-<number>-<class>.png`: a row for each net, a column for each stage, by depth or by how much of
    the image its units see; then `receptive-fields.png` and `filters.png`. Where `target` has pictures already, they go
    into a folder beside it, with a number. The images are where the first run had them, or with `root`, which is
    `["data.root=DIR"]`, in DIR.

    Raises:
        UserError: a run cannot be read, the runs are of several data sets, whose images are missing, there is no such
            image, or `target` cannot be written.
    """
    configs = [read_run(folder)[0] for folder in folders]
    if len(seen := {config.choices["data"] for config in configs}) > 1:
        raise UserError(f"the runs are of different images: {', '.join(sorted(seen))}\ntype runs of the same data")
    config = change_later_keys(configs[0], root)
    check_config(config)
    nets = [load(folder) for folder in folders]
    data = build_data(config).load()
    pixels, labels = data.pixels[data.num_train :], data.labels[data.num_train :]
    if wrong := [index for index in images if not 0 <= index < len(labels)]:
        raise UserError(f"no test image {wrong[0]}\ntype --images with numbers from 0 to {len(labels) - 1}")
    shown = _labels(folders)
    try:
        target = next(each for each in numbered(target) if not any(each.glob("*.png")))
        target.mkdir(parents=True, exist_ok=True)
        traced, title = [], ""
        for index in images:
            traced = [_trace(net, label, pixels[index, 0]) for net, label in zip(nets, shown, strict=True)]
            true = data.class_names[labels[index]]
            title = f"test image {index}: {true}"
            drawing = draw_gallery(traced, title, align)
            yield _save(drawing, target / f"maps-{index}-{true.replace('/', '-').replace(' ', '-')}.png")
        if any(net.stages for net in traced):
            yield _save(draw_fields(traced, title), target / "receptive-fields.png")
        if any(net.filters is not None for net in traced):
            yield _save(draw_first_filters(traced), target / "filters.png")
    except OSError as error:
        raise UserError(f"cannot write to {target}: {error.strerror}\ntype --save DIR with another folder") from error


def _labels(folders: Sequence[str]) -> list[str]:
    """Return what tells the runs apart, as in a report, and of those that nothing tells apart the folder's name."""
    rows = [row for folder in folders for row in read_runs([Path(folder)])[:1]]
    add_settings(rows)
    labels = labels_of(rows, [*GROUPS, "settings", "seed"])
    return [
        f"{label} {Path(folder).name}" if labels.count(label) > 1 else label
        for label, folder in zip(labels, folders, strict=True)
    ]


def _save(drawing: Any, path: Path) -> Path:
    write(drawing, path, "png")
    return path


def _trace(trained: TrainedNet, label: str, picture: torch.Tensor) -> Traced:
    net, transform, class_names = trained
    image = transform(picture)
    fields: dict[str, tuple[int, int]] = {}
    for layer in trace_layers(net, tuple(image.shape[1:])):  # type: ignore[arg-type]
        first, _, rest = layer.name.partition(".")
        if first == "features" and layer.receptive_field and layer.is_map:
            stage = rest.partition(".")[0]
            fields[stage] = max(fields.get(stage, (0, 0)), layer.receptive_field)  # a shortcut sees less than a sum
    with torch.inference_mode():
        said = class_names[int(net(image).argmax())]
    maps = feature_maps(net, image)
    filters = first_filters(net)
    stages = [Stage(name, each[0].numpy(), fields[name]) for name, each in maps.items() if name in fields]
    return Traced(label, image[0].mean(0).numpy(), said, stages, None if filters is None else filters.numpy())
