"""What TensorBoard is shown while a run is trained and when it is tested, but for pictures (`cnnzoo.pictures`)."""

from collections.abc import Mapping
from typing import Any

import lightning
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from cnnzoo.training.history import History

POINTS = 20  # of an epoch's loss


def tag_of(name: str) -> str:
    """Return what a figure, such as `val/acc`, is called in TensorBoard: `acc/val`.

    TensorBoard opens on the first two groups by name, and has the others folded up: these are `acc` and `loss`.
    """
    stage, _, figure = name.rpartition("/")
    return f"{figure}/{stage}" if figure in ("acc", "loss") else f"training/{figure}"


class RunLogger(TensorBoardLogger):
    """Writes the figures that are logged into the run's folder and nothing else.

    Lightning's own adds the number of the epoch as a figure, and a `hparams.yaml`; the configuration stands in
    `config.yaml` and `run.json` already.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a point to the curve of each figure."""
        super().log_metrics({tag_of(name): value for name, value in metrics.items() if name != "epoch"}, step)

    def save(self) -> None:
        """Flush the events to the disk."""
        self.experiment.flush()


class LossCurve(lightning.Callback):
    """Adds the loss of some batches of each epoch, which is what is minimised, and in pieces that of their last piece.

    With auxiliary heads their loss is in it, and not in that of the epoch.
    """

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a point, if it is time; that waits for the device."""
        pieces = trainer.accumulate_grad_batches
        every = max(1, int(trainer.num_training_batches) // pieces // POINTS)
        if (batch_idx + 1) % (every * pieces) == 0:
            loss = float(outputs["loss"]) * pieces  # which Lightning divides by their number
            _logger(trainer).log_metrics({"batch/loss": loss}, trainer.global_step - 1)


class HyperParameters(lightning.Callback):
    """Fills TensorBoard's tab HPARAMS when the run is tested, so that runs can be sorted by what became of them.

    Of the values the tab shows first those that differ between runs; but not where a run declares its columns, which is
    therefore left out. Of figures it shows the last point of the first five by name, which begin with the accuracies.

    Args:
        values: what tells runs apart, such as {"model": "lenet"}; the same keys in all runs where possible.
        history: of the run.
    """

    def __init__(self, values: Mapping[str, str | float], history: History) -> None:
        self.values = values
        self.history = history

    def on_test_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the tab's row."""
        figures = {"training/seconds_per_epoch": self.history.median("seconds") or 0.0}
        if "val/acc" in (row := self.history.reported):
            figures |= {f"{name}/val_best": row[f"val/{name}"] for name in ("acc", "loss")}
        writer = writer_of(trainer)
        _columns, *session = hparams(dict(self.values), {})  # type: ignore[no-untyped-call]
        for summary in session:
            writer.file_writer.add_summary(summary)
        for name, value in figures.items():
            writer.add_scalar(name, value, trainer.global_step)


def _logger(trainer: lightning.Trainer) -> RunLogger:
    assert isinstance(trainer.logger, RunLogger)
    return trainer.logger


def writer_of(trainer: lightning.Trainer) -> Any:
    """Return what writes the run's events."""
    return _logger(trainer).experiment
