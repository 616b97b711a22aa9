"""The pictures that TensorBoard is shown: what a net sees, what it has become, and what it mistakes."""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import lightning
import numpy as np
from torch import Tensor, nn

from cnnzoo.analysis.feature_maps import feature_maps, first_filters
from cnnzoo.report.pictures import draw_confusion, draw_filters, draw_images, draw_maps
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.history import History
from cnnzoo.training.mistakes import Mistakes
from cnnzoo.training.tensorboard import writer_of

log = logging.getLogger(__name__)

SAMPLES = 16  # training images that are shown
FIXED = 3  # test images whose feature maps are shown


class Pictures(lightning.Callback):
    """Shows the training images at the start, and when the run is tested what became of the net.

    At the end: filters of the first layer, feature maps of some fixed images, the confusion matrix, the worst mistakes,
    and the graph of the net. Drawing counts for no epoch's time.

    Args:
        class_names: one for each logit.
        mistakes: stands before this callback in the trainer's list.
        history: has the clock.
    """

    def __init__(self, class_names: Sequence[str], mistakes: Mistakes, history: History) -> None:
        self.class_names = class_names
        self.mistakes = mistakes
        self.history = history
        self._fixed: Tensor | None = None

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Show some images of the first batch, as the net sees them."""
        if batch_idx == 0 and trainer.current_epoch == 0:
            with self.history.not_counted():
                images, labels = (each[:SAMPLES] for each in batch)
                names = [self.class_names[label] for label in labels.tolist()]
                _show(trainer, "visuals/training images", draw_images(_grey(images), names))

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
        except OSError:  # such as of a full disk
            raise
        except Exception as error:  # whatever a tracer, or a net of one's own, raises
            log.warning("some pictures are missing: %s", error)
        finally:
            net._compiled_call_impl = compiled

    def _draw(self, trainer: lightning.Trainer, net: nn.Module, images: Tensor) -> None:
        if (weights := first_filters(net)) is not None:
            _show(trainer, "visuals/filters of the first layer", draw_filters(weights.cpu().numpy()))
        if stages := feature_maps(net, images):
            for index, image in enumerate(_grey(images)):
                maps = {name: maps[index].cpu().numpy() for name, maps in stages.items()}
                _show(trainer, f"visuals/feature maps of image {index}", draw_maps(image, maps))
        counts = self.mistakes.confusion.cpu().numpy()
        _show(trainer, "visuals/confusion matrix", draw_confusion(counts, self.class_names))
        wrong, true, predicted = (each.cpu() for each in self.mistakes.worst)
        if len(wrong):
            pairs = zip(true.tolist(), predicted.tolist(), strict=True)
            labels = [f"true: {self.class_names[a]}\npred: {self.class_names[b]}" for a, b in pairs]
            _show(trainer, "visuals/worst mistakes", draw_images(_grey(wrong), labels))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about what does not matter to a picture
            writer_of(trainer).add_graph(net, images[:1])


def _show(trainer: lightning.Trainer, name: str, picture: np.ndarray) -> None:
    writer_of(trainer).add_image(name, picture, trainer.global_step, dataformats="HWC")


def _grey(images: Tensor) -> np.ndarray:
    """Return (N, H, W) of (N, C, H, W): the mean of the channels."""
    shown: np.ndarray = images.detach().float().mean(1).cpu().numpy()
    return shown
