"""When a run is saved: after every epoch, every so many minutes, and when it is asked to stop."""

import time
from pathlib import Path
from typing import Any

import lightning
from lightning.fabric.plugins import CheckpointIO
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.callbacks import Checkpoint

from cnnzoo.disk import CHECKPOINTS
from cnnzoo.training import checkpoint_files
from cnnzoo.training.checkpoint_files import BEST, LAST
from cnnzoo.training.history import History
from cnnzoo.training.signals import StopRequest
from cnnzoo.training.watch import Watch


class AtomicCheckpointIO(CheckpointIO):
    """Writes and reads checkpoints as `checkpoint_files` does.

    Lightning's own goes through the system's temporary folder; where that is another file system, a kill during the
    final copy destroys the previous checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Save `checkpoint` at `path`."""
        checkpoint_files.save(checkpoint, Path(path))

    def load_checkpoint(
        self, path: _PATH, map_location: Any = "cpu", weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the checkpoint at `path`, which holds no objects, whatever `weights_only` says."""
        return checkpoint_files.load(Path(path), map_location=map_location)

    def remove_checkpoint(self, path: _PATH) -> None:
        """Remove the file at `path`."""
        Path(path).unlink(missing_ok=True)


class Checkpoints(Checkpoint):
    """Keeps `last.ckpt`, the one before it, and the best epoch's.

    A run that goes on from any of them ends as one that was never stopped, also from within an epoch: order, chance and
    figures of an epoch's steps follow from their number (`ImageDataModule`, `ImageClassifier`).

    Args:
        run_dir: folder of the run.
        history: stands before this callback in the trainer's list.
        monitor: column of `history` whose highest value is the best; None: there is no best.
        every_minutes: how often to save within an epoch, or None.
        stop: says whether the run is to stop.
        watch: says whether the weights are worth saving.
    """

    def __init__(
        self,
        run_dir: Path,
        *,
        history: History,
        monitor: str | None,
        every_minutes: float | None,
        stop: StopRequest,
        watch: Watch,
    ) -> None:
        self.folder = run_dir / CHECKPOINTS
        self.history = history
        self.monitor = monitor
        self.every_seconds = float("inf") if every_minutes is None else 60 * every_minutes
        self.stop = stop
        self.watch = watch
        self._evaluating = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """From here on a signal waits for the end of the batch."""
        self.stop.deferred = True
        self._saved = time.monotonic()

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """From here on there is nothing to save."""
        self.stop.deferred = False
        self.stop.check()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within an epoch, if it is time or the run is to stop."""
        due = time.monotonic() - self._saved > self.every_seconds
        if not due and self.stop.received is None:
            return
        # Between optimizer steps; and after the last one, evaluation is about to begin, which can be stopped as well.
        if (batch_idx + 1) % trainer.accumulate_grad_batches == 0 and batch_idx + 1 < trainer.num_training_batches:
            self._save(trainer, LAST)
            self.stop.check()

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Save if the run is to stop; when it goes on, it evaluates the epoch from the start."""
        if self.stop.received is not None:
            self._evaluating = True
            self._save(trainer, LAST)
            self.stop.check()

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Save the epoch, and first as the best one, if it is: who goes on from the last finds the best up to there."""
        if self.monitor and is_best([row[self.monitor] for row in self.history.rows]):
            self._save(trainer, BEST)
            checkpoint_files.copy(self.folder / BEST, self.folder / LAST)
        else:
            self._save(trainer, LAST)
        self.stop.check()

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Have Lightning's loops go on at the start of an evaluation that is cut off, which they do not by themselves.

        To them, an evaluation whose first batch has been started and not finished is one to go on with.
        """
        if self._evaluating:
            nothing = {"ready": 0, "started": 0, "processed": 0, "completed": 0}
            progress = checkpoint["loops"]["fit_loop"]["epoch_loop.val_loop.batch_progress"]
            progress |= {"current": nothing, "total": nothing | {"ready": 1, "started": 1}, "is_last_batch": False}

    def _save(self, trainer: lightning.Trainer, name: str) -> None:
        self.watch.check(trainer)
        with self.history.not_counted():
            trainer.save_checkpoint(self.folder / name)
        self._saved = time.monotonic()


def is_best(values: list[float]) -> bool:
    """Say whether the last epoch is better than all before it."""
    return all(values[-1] > value for value in values[:-1])
