"""What a run leaves behind epoch by epoch: a row in `metrics.csv`, scalars in TensorBoard, and the time it took."""

import math
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
import torch

from cnnzoo.disk import write_csv
from cnnzoo.record import HISTORY, read_history
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.device import peak_bytes


class History(lightning.Callback):
    """Adds one row per epoch to `metrics.csv` and logs it.

    Columns: `epoch` (from 1), `step` (optimizer steps so far), `train/loss`, `train/acc`, `train/grad_norm` (the mean
    over the steps), then `val/loss` and `val/acc` (under the course's protocol `test/loss` and `test/acc`), `lr` (of
    the epoch's last step), `seconds` (of the epoch, its evaluation included, checkpoints not) and
    `images_per_second` (of training alone).

    Attributes:
        rows: one dict per epoch, with the columns as keys; a run that goes on begins with its first `epochs`.
        started: when training began, by `time.perf_counter`, or None.
        seconds_before: of an epoch that goes on, before it was stopped.
        peak_before: the most bytes held, before the run was stopped.
        images: trained on so far in this epoch.
        lr: of the last step; not a number before the first.
        epoch_start: when it began, by `time.perf_counter`; earlier by `seconds_before` if it goes on.
    """

    def __init__(self, run_dir: Path, *, epochs: int = 0) -> None:
        self.path = run_dir / HISTORY
        self.rows = read_history(run_dir)[:epochs]
        self.started: float | None = None
        self.seconds_before = 0.0
        self.peak_before = 0
        self.images = 0
        self.lr = math.nan
        self._trained: float | None = None
        if self.path.exists():
            self._write()

    def median(self, column: str) -> float | None:
        """Return the median of a column over the epochs, or None before the first has ended."""
        return round(statistics.median(row[column] for row in self.rows), 3) if self.rows else None

    @property
    def reported(self) -> dict[str, Any]:
        """The row of the epoch that is tested: the first with the best validation accuracy; without one, the last."""
        return max(self.rows, key=lambda row: row["val/acc"]) if "val/acc" in self.rows[-1] else self.rows[-1]

    def state_dict(self) -> dict[str, Any]:
        """Return how many epochs have ended, what this one has taken so far, and the peak of memory."""
        return {
            "epochs": len(self.rows),
            "seconds": time.perf_counter() - self.epoch_start,
            "trained": self._trained,
            "images": self.images,
            "lr": self.lr,
            "peak_bytes": max(peak_bytes(self._device), self.peak_before),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.seconds_before, self.images = state_dict["seconds"], state_dict["images"]
        self._trained, self.peak_before = state_dict["trained"], state_dict["peak_bytes"]
        self.lr = state_dict["lr"]

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note when training begins, also within an epoch that goes on."""
        self.started, self._device = time.perf_counter(), pl_module.device
        self.epoch_start = self.started - self.seconds_before

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start the clock."""
        self.epoch_start = time.perf_counter()
        self._trained = None
        self.images = 0

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note the learning rate, which will be that of the next step once this one has been taken."""
        self.lr = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count images."""
        self.images += len(batch[1])

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Note how long the epoch's training took."""
        if self._trained is None:  # not in an epoch that was stopped while it was evaluated
            _finish_work(pl_module.device)
            self._trained = time.perf_counter() - self.epoch_start

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the epoch's row."""
        assert isinstance(pl_module, ImageClassifier)
        train = pl_module.epoch_metrics("train")
        evaluated = {
            name: value for name, value in trainer.callback_metrics.items() if name.startswith(pl_module.validated_as)
        }
        _finish_work(pl_module.device)
        seconds = time.perf_counter() - self.epoch_start
        speed = self.images / (self._trained or seconds)
        row = {
            "epoch": trainer.current_epoch + 1,
            "step": trainer.global_step,
            **{name: round(value.item(), 6) for name, value in (*train.items(), *evaluated.items())},
            "lr": self.lr,
            "seconds": round(seconds, 3),
            "images_per_second": round(speed, 1),
        }
        logged = {name: value.item() for name, value in train.items()} | {"lr": row["lr"], "images_per_second": speed}
        for logger in trainer.loggers:  # at once: Lightning would do it when the epoch has been saved
            logger.log_metrics(logged, trainer.global_step - 1)
            logger.save()
        self.rows.append(row)
        self._write()
        self.epoch_start = time.perf_counter()  # the checkpoint that is saved next counts for no epoch

    @contextmanager
    def not_counted(self) -> Iterator[None]:
        """Stop the clock for what is no part of an epoch, such as a checkpoint within it."""
        _finish_work(self._device)
        begin = time.perf_counter()
        yield
        self.epoch_start += time.perf_counter() - begin

    def _write(self) -> None:
        # Anew as a whole, so that a reader sees all of it: a run has hundreds of epochs at most.
        names = list(self.rows[-1]) if self.rows else []
        write_csv(self.path, [names, *([row.get(name, "") for name in names] for row in self.rows)] if names else [])


def _finish_work(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
