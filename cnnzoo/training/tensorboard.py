"""What TensorBoard is shown."""

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor, nn
from torch.utils.tensorboard.summary import hparams

from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.history import History
from cnnzoo.training.mistakes import Mistakes

log = logging.getLogger(__name__)

SAMPLES = 16  # training images that are shown
FIXED = 3  # test images whose feature maps are shown
POINTS = 20  # of an epoch's loss


class RunLogger(TensorBoardLogger):
    """Writes the figures that are logged into the run's folder and nothing else.

    Lightning's own adds the number of the epoch as a figure, and a `hparams.yaml`; the configuration stands in
    `config.yaml` and `run.json` already.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a point to the curve of each figure."""
        super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)

    def save(self) -> None:
        """Flush the events to the disk."""
        self.experiment.flush()


class LossCurve(lightning.Callback):
    """Adds `train/batch_loss`, the loss of some batches of each epoch, and in pieces that of their last piece."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a point, if it is time; that waits for the device."""
        pieces = trainer.accumulate_grad_batches
        every = max(1, int(trainer.num_training_batches) // pieces // POINTS)
        if (batch_idx + 1) % (every * pieces) == 0:
            loss = float(outputs["loss"]) * pieces  # which Lightning divides by their number
            _logger(trainer).log_metrics({"train/batch_loss": loss}, trainer.global_step - 1)


@dataclass(frozen=True)
class Drawings:
    """How pictures are made; this part of the package knows none of it.

    Attributes:
        images: (N, H, W) images and their labels to a picture, (height, width, 3), uint8.
        filters: (filters, channels, height, width) weights to a picture.
        maps: (H, W) image and the (channels, height, width) maps of each stage to a picture.
        confusion: (classes, classes) counts and the classes' names to a picture.
        feature_maps: net and (N, C, H, W) images to the (N, channels, height, width) maps of each stage.
        first_filters: net to the weights of its first convolution, or None.
    """

    images: Callable[[np.ndarray, Sequence[str]], np.ndarray]
    filters: Callable[[np.ndarray], np.ndarray]
    maps: Callable[[np.ndarray, Mapping[str, np.ndarray]], np.ndarray]
    confusion: Callable[[np.ndarray, Sequence[str]], np.ndarray]
    feature_maps: Callable[[nn.Module, Tensor], dict[str, Tensor]]
    first_filters: Callable[[nn.Module], Tensor | None]


class Pictures(lightning.Callback):
    """Shows the training images at the start, and when the run is tested what became of the net.

    At the end: filters of the first layer, feature maps of some fixed images, the confusion matrix, the worst mistakes,
    and the graph of the net. Nothing is drawn within a step.

    Args:
        draw: makes the pictures.
        class_names: one for each logit.
        mistakes: stands before this callback in the trainer's list.
    """

    def __init__(self, draw: Drawings, class_names: Sequence[str], mistakes: Mistakes) -> None:
        self.draw = draw
        self.class_names = class_names
        self.mistakes = mistakes
        self._fixed: Tensor | None = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show some images of the first batch, as the net sees them."""
        if batch_idx == 0 and trainer.current_epoch == 0:
            images, labels = (each[:SAMPLES] for each in batch)
            names = [self.class_names[label] for label in labels.tolist()]
            _show(trainer, "images/training", self.draw.images(_grey(images), names))

    def on_test_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first images, which are the same in every run."""
        if batch_idx == 0:
            self._fixed = batch[0][:FIXED]

    def on_test_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Draw what is known of the net; that it cannot be drawn is no reason to lose a run."""
        assert isinstance(pl_module, ImageClassifier)
        assert self._fixed is not None
        net = pl_module.net
        compiled, net._compiled_call_impl = net._compiled_call_impl, None  # which is not to be traced
        try:
            self._draw(trainer, net, self._fixed)
        except (RuntimeError, TypeError, ValueError) as error:
            log.warning("some pictures are missing: %s", error)
        finally:
            net._compiled_call_impl = compiled

    def _draw(self, trainer: lightning.Trainer, net: nn.Module, images: Tensor) -> None:
        if (weights := self.draw.first_filters(net)) is not None:
            _show(trainer, "filters/first layer", self.draw.filters(weights.cpu().numpy()))
        if stages := self.draw.feature_maps(net, images):
            for index, image in enumerate(_grey(images)):
                maps = {name: maps[index].cpu().numpy() for name, maps in stages.items()}
                _show(trainer, f"feature maps/image {index}", self.draw.maps(image, maps))
        counts = self.mistakes.confusion.cpu().numpy()
        _show(trainer, "test/confusion", self.draw.confusion(counts, self.class_names))
        wrong, true, predicted = (each.cpu() for each in self.mistakes.worst)
        if len(wrong):
            pairs = zip(true.tolist(), predicted.tolist(), strict=True)
            labels = [f"true: {self.class_names[a]}\npred: {self.class_names[b]}" for a, b in pairs]
            _show(trainer, "test/worst mistakes", self.draw.images(_grey(wrong), labels))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about what does not matter to a picture
            _writer(trainer).add_graph(net, images[:1])


class HyperParameters(lightning.Callback):
    """Fills TensorBoard's tab HPARAMS when the run is tested, so that runs can be sorted by what became of them.

    The tab shows the first five figures by their names, which is why these begin with `final`, and first the values
    that differ between the runs, as long as none of them says which columns there are.

    Args:
        values: what tells runs apart, such as {"model": "lenet"}; the same keys in all runs where possible.
        history: of the run.
    """

    def __init__(self, values: Mapping[str, str | float], history: History) -> None:
        self.values = values
        self.history = history

    def on_test_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the tab's row."""
        figures = {f"final/test_{name}": float(trainer.callback_metrics[f"test/{name}"]) for name in ("acc", "loss")}
        if "val/acc" in self.history.rows[-1]:
            best = max(self.history.rows, key=lambda row: row["val/acc"])
            figures |= {f"final/val_{name}": best[f"val/{name}"] for name in ("acc", "loss")}
        figures["final/seconds_per_epoch"] = self.history.median("seconds") or 0.0
        writer = _writer(trainer)
        _columns, *session = hparams(dict(self.values), {})  # type: ignore[no-untyped-call]
        for summary in session:
            writer.file_writer.add_summary(summary)
        for name, value in figures.items():
            writer.add_scalar(name, value, trainer.global_step)


def _show(trainer: lightning.Trainer, name: str, picture: np.ndarray) -> None:
    _writer(trainer).add_image(name, picture, trainer.global_step, dataformats="HWC")


def _logger(trainer: lightning.Trainer) -> RunLogger:
    assert isinstance(trainer.logger, RunLogger)
    return trainer.logger


def _writer(trainer: lightning.Trainer) -> Any:
    return _logger(trainer).experiment


def _grey(images: Tensor) -> np.ndarray:
    """Return (N, H, W) of (N, C, H, W): the mean of the channels."""
    shown: np.ndarray = images.detach().float().mean(1).cpu().numpy()
    return shown
