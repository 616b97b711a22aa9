"""The same images through several trained nets."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from PIL.Image import Image

from cnnzoo.analysis.feature_maps import feature_maps, first_filters
from cnnzoo.analysis.trace import trace_layers
from cnnzoo.build import build_data
from cnnzoo.checks import check_config
from cnnzoo.config import RunConfig
from cnnzoo.data.photo import read_photo
from cnnzoo.disk import numbered
from cnnzoo.errors import UserError
from cnnzoo.reload import change_later_keys, read_run
from cnnzoo.report.galleries import Align, Stage, Traced, draw_fields, draw_first_filters, draw_gallery
from cnnzoo.report.pool import GROUPS, add_settings, labels_of
from cnnzoo.report.runs import read_runs
from cnnzoo.report.save import save_files
from cnnzoo.report.style import style_of, write
from cnnzoo.report.texts import Language, say
from cnnzoo.trained import TrainedNet, load

DIGITS = 9  # of a test image's number, at most


@dataclass(frozen=True)
class _Shown:
    """An image that goes through the nets.

    Attributes:
        picture: uint8 of shape (H, W), or from a file.
        title: above its gallery.
        words: in the name of its gallery's file.
        true: its class, if it is known.
    """

    picture: torch.Tensor | Image
    title: str
    words: str
    true: str | None = None


def draw_maps(
    folders: Sequence[str],
    images: Sequence[str],
    align: Align,
    target: Path,
    root: Sequence[str] = (),
    *,
    invert: bool = False,
    language: Language = "en",
) -> list[Path]:
    """Write PNGs of what the trained nets in `folders` make of images; return their paths.

    For each image `maps-<number>-<class>.png`: a row for each net, a column for each stage, by depth or by how much of
    the image its units see; then `receptive-fields.png`, on the first image, and `filters.png`. Where `target` has
    other pictures already, they go into a folder beside it, with a number.

    Args:
        folders: of runs.
        images: numbers of test images, and files of pictures.
        align: depth or field.
        target: where the PNGs go.
        root: `["data.root=DIR"]` if the test images are not where the first run had them.
        invert: make what is bright dark, in the files.
        language: en or zh.

    Raises:
        UserError: a run or a picture cannot be read, the runs are of several data sets, whose images are missing, there
            is no such image, or `target` cannot be written.
    """
    _, language = style_of(language)
    configs = [read_run(folder)[0] for folder in folders]
    if len(seen := {config.choices["data"] for config in configs}) > 1:
        raise UserError(f"the runs are of different images: {', '.join(sorted(seen))}\ntype runs of the same data")
    config = change_later_keys(configs[0], root)
    check_config(config)
    photos = [name for name in images if not name.isdecimal()]
    shown = {name: _Shown(read_photo(Path(name)), Path(name).name, Path(name).stem) for name in photos}
    nets = [load(folder) for folder in folders]
    shown |= _test_images(config, [name for name in images if name.isdecimal()], language)
    labels = _labels(folders)
    files: dict[str, bytes] = {}
    first: tuple[list[Traced], str] | None = None
    for name in dict.fromkeys(images):
        image = shown[name]
        traced = [_trace(net, label, image, invert) for net, label in zip(nets, labels, strict=True)]
        first = first or (traced, image.title)
        file = f"maps-{image.words.replace('/', '-').replace(' ', '-')}"
        free = (
            each.name for each in numbered(Path(file)) if f"{each.name}.png" not in files
        )  # of pictures called alike
        files[f"{next(free)}.png"] = _png(draw_gallery(traced, image.title, align, language))
    traced, title = first or ([], "")
    if any(net.stages for net in traced):
        files["receptive-fields.png"] = _png(draw_fields(traced, title, language))
    if any(net.filters is not None for net in traced):
        files["filters.png"] = _png(draw_first_filters(traced, language))
    return save_files(target, files, ("*.png",))


def _test_images(config: RunConfig, numbers: Sequence[str], language: Language) -> dict[str, "_Shown"]:
    """Return test images by their numbers, as they are typed."""
    if not numbers:
        return {}
    data = build_data(config)
    images = data.load_checked()
    pixels, labels = images.pixels[images.num_train :, 0], images.labels[images.num_train :]
    if wrong := [number for number in numbers if len(number) > DIGITS or int(number) >= len(labels)]:
        raise UserError(f"no test image {wrong[0]}\ntype --images with numbers from 0 to {len(labels) - 1}")
    shown = {}
    for typed in numbers:
        place = int(typed)
        name = data.class_names[labels[place]]
        title = say(language, "test_image", number=place, name=name)
        shown[typed] = _Shown(pixels[place], title, f"{place}-{name}", name)
    return shown


def _labels(folders: Sequence[str]) -> list[str]:
    """Return what tells the runs apart, as in a report, and of those that nothing tells apart the folder's name."""
    rows = [row for folder in folders for row in read_runs([Path(folder)])[:1]]
    add_settings(rows)
    labels = labels_of(rows, [*GROUPS, "settings", "seed"])
    return [
        f"{label} {Path(folder).name}" if labels.count(label) > 1 else label
        for label, folder in zip(labels, folders, strict=True)
    ]


def _png(drawing: Figure) -> bytes:
    file = io.BytesIO()
    write(drawing, file, "png")
    return file.getvalue()


def _trace(trained: TrainedNet, label: str, shown: _Shown, invert: bool = False) -> Traced:
    net, transform, class_names = trained
    image = transform(shown.picture, invert=invert and isinstance(shown.picture, Image))
    fields: dict[str, tuple[int, int]] = {}
    for layer in trace_layers(net, tuple(image.shape[1:])):  # type: ignore[arg-type]
        first, _, rest = layer.name.partition(".")
        if first == "features" and layer.receptive_field and layer.is_map:
            stage = rest.partition(".")[0]
            fields[stage] = max(fields.get(stage, (0, 0)), layer.receptive_field)  # a shortcut sees less than a sum
    with torch.inference_mode():
        probability, best = net(image).softmax(1)[0].max(0)
    name = class_names[int(best)]
    mark = {None: "", name: " ✓"}.get(shown.true, " ✗")
    said = f"{name} ({float(probability):.0%}){mark}"
    maps = feature_maps(net, image)
    filters = first_filters(net)
    stages = [Stage(name, each[0].numpy(), fields[name]) for name, each in maps.items() if name in fields]
    return Traced(label, image[0].mean(0).numpy(), said, stages, None if filters is None else filters.numpy())
