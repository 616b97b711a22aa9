"""Trained nets, for notebooks, scripts and the command line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from PIL.Image import Image, fromarray
from torch import Tensor, nn

from cnnzoo.build import build_data, build_net, build_net_without_weights, in_words
from cnnzoo.commands import resume_command
from cnnzoo.config import RunConfig
from cnnzoo.data.photo import has_bright_background, read_photo, to_pixels
from cnnzoo.data.transform import BatchTransform
from cnnzoo.disk import CHECKPOINTS, remove_unfinished, unfinished
from cnnzoo.errors import UserError
from cnnzoo.record import ONNX, read_record
from cnnzoo.reload import read_run
from cnnzoo.training.checkpoint_files import BEST, LAST
from cnnzoo.training.saved_state import check_fits, load_weights

SHOWN = 3  # classes for each picture


class TrainedNet(NamedTuple):
    """What `load` returns.

    Attributes:
        net: with its best weights, in evaluation mode, on the CPU: (N, C, S, S) to logits (N, classes). Its weights are
            frozen; `net.requires_grad_()` before it is trained further.
        transform: one picture, a PIL image of any size and mode or a uint8 tensor (H, W), to what the net sees,
            (1, C, S, S): padded to a square, brought to the size of the data and then to S, as in training;
            `invert=True` for a bright background.
        class_names: one for each logit.
    """

    net: nn.Module
    transform: Callable[..., Tensor]
    class_names: tuple[str, ...]


def load(folder: str | Path) -> TrainedNet:
    """Return the trained net of the run in `folder`, its transform, and the names of its classes.

        net, transform, class_names = cnnzoo.load("outputs/lenet-28-adamw-s0/2026-11-22_10-00-00")
        class_names[net(transform(PIL.Image.open("shirt.png"))).argmax()]

    The weights are those of the best epoch on validation, or of the last under the course's protocol; of a run that is
    not completed, so far.

    Raises:
        UserError: there is no run, it has no checkpoint yet, or what is there is damaged or not to be trusted.
    """
    config, record = read_run(str(folder))
    checkpoint = Path(folder) / CHECKPOINTS / (BEST if config.values["protocol"] == "holdout" else LAST)
    if not checkpoint.exists():
        if record.get("status") == "completed":
            raise UserError(
                f"{folder} is completed, and its {checkpoint.name} is gone\ntype another run, or train it anew"
            )
        if (status := record.get("status")) in ("diverged", "stuck"):
            raise UserError(f"{folder} {status} before it had a {checkpoint.name}\ntype another run")
        raise UserError(f"{folder} has no {checkpoint.name} yet\ntype {resume_command(Path(folder))}")
    with in_words():
        described = build_net_without_weights(config)
    check_fits(checkpoint, described)
    with torch.device("cpu"):  # whatever torch.set_default_device says
        net = build_net(config).eval().requires_grad_(requires_grad=False)
    net.load_state_dict(load_weights(checkpoint))
    data = build_data(config)
    transform = _make_transform(data.transform, data.image_size, config.values["data"]["channels"])
    return TrainedNet(net, transform, data.class_names)


def predict(folder: str, pictures: Sequence[str], *, invert: bool) -> list[dict[str, Any]]:
    """Return of each picture its name (`picture`), the likeliest classes, the first first, and whether it is `bright`.

    `likeliest` are pairs of a class and its probability; `bright` says that its background is, and is not inverted.

    Raises:
        UserError: the run or a picture cannot be read.
    """
    photos = [read_photo(Path(path)) for path in pictures]  # before the net: a wrong name is answered sooner
    net, transform, class_names = load(folder)
    rows = []
    for path, picture in zip(pictures, photos, strict=True):
        with torch.inference_mode():
            probabilities = net(transform(picture, invert=invert)).softmax(1)[0]
        best = probabilities.topk(min(SHOWN, len(class_names)))
        named = [class_names[label] for label in best.indices.tolist()]
        likeliest = list(zip(named, best.values.tolist(), strict=True))
        bright = has_bright_background(picture) and not invert
        rows.append({"picture": path, "likeliest": likeliest, "bright": bright})
    return rows


def describe(folder: str) -> str:
    """Return in words which run is in `folder`, and how accurate its net is."""
    record = read_record(Path(folder))
    accuracy = (record.get("metrics") or {}).get("test/acc")
    return f"{record['name']}, {'not completed' if accuracy is None else f'test accuracy {accuracy:.2%}'}"


def export_onnx(folder: Path) -> Path:
    """Write `model.onnx`, the net of the run in `folder` for any number of images at once; return its path."""
    net, data = load(folder).net, read_record(folder)["config"]["data"]
    remove_unfinished(folder)
    temporary = unfinished(folder / ONNX)
    torch.onnx.export(
        net,
        (torch.zeros(2, data["channels"], data["resize"], data["resize"]),),
        temporary,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        verbose=False,
    )
    return temporary.replace(folder / ONNX)


def _make_transform(transform: BatchTransform, size: int, channels: int) -> Callable[..., Tensor]:
    def prepare(picture: Image | Tensor, *, invert: bool = False) -> Tensor:
        if channels != 1:
            raise UserError(f"pictures are read in grey, and this net was trained on images of {channels} channels")
        if isinstance(picture, Tensor):
            if picture.dtype != torch.uint8 or picture.dim() < 2 or picture.numel() != picture.shape[-2:].numel():
                told = f"{str(picture.dtype).removeprefix('torch.')} of shape {tuple(picture.shape)}"
                raise UserError(f"a tensor is to be one image of bytes, uint8 of shape (H, W) (got {told})")
            picture = fromarray(picture.reshape(picture.shape[-2:]).numpy(force=True))
        elif not isinstance(picture, Image):
            what = f"a picture is a PIL image or a tensor (got {type(picture).__name__})"
            raise UserError(f"{what}\nof an array, PIL.Image.fromarray(array) makes one")
        return transform(to_pixels(picture, size, invert=invert)[None], training=False)

    return prepare


def check_export(config: RunConfig) -> None:
    """Check that what `export=onnx` needs is installed.

    Raises:
        UserError: it is not.
    """
    if config.values["export"] == "onnx":
        try:
            import onnxscript  # noqa: F401
        except ImportError:
            raise UserError("export=onnx needs the extra onnx\ntype pip install -e '.[onnx]'") from None
