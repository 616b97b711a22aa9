"""What a run shows while it trains and when it ends: a progress bar on a terminal, plain lines elsewhere."""

import shlex
import time
from typing import Any

import lightning
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.history import History

WARM_UP, LOOKED_AT = 5, 20  # steps before and until the duration of a run is estimated
LONG_SECONDS = 3600  # from which on it is said
REFRESH_SECONDS = 0.25  # reading the loss waits for the device, so not at every step


class Display(lightning.Callback):
    """Prints one line per epoch from the last row of `history`, and on a terminal a bar below the lines.

    The bar's loss is what is minimised: with auxiliary heads theirs is in it, unlike in the line.

    Args:
        history: stands before this callback in the trainer's list.
        console: where to print.
    """

    def __init__(self, history: History, console: Console) -> None:
        self.history = history
        self.console = console
        self.progress: Progress | None = None
        self.warm: float | None = None  # when the first steps were done

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Show the bar."""
        self.refreshed = time.perf_counter()
        if self.console.is_terminal:
            columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"))
            self.progress = Progress(
                *columns, TimeRemainingColumn(), TextColumn("{task.description}"), console=self.console, transient=True
            )
            self.task = self.progress.add_task("", total=int(trainer.estimated_stepping_batches), epoch="")
            self.progress.start()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar, a few times a second."""
        if batch_idx in (WARM_UP, LOOKED_AT):
            float(outputs["loss"])  # waits for the device
        now = time.perf_counter()
        if batch_idx == WARM_UP:
            self.warm = now
        elif batch_idx == LOOKED_AT and trainer.current_epoch == 0 and self.warm:  # not if it went on in between
            self._say_how_long((now - self.warm) / (LOOKED_AT - WARM_UP) * trainer.num_training_batches, trainer)
        if self.progress is None or now - self.refreshed < REFRESH_SECONDS:
            return
        assert isinstance(pl_module, ImageClassifier)
        self.refreshed = now
        speed = self.history.images / (now - self.history.epoch_start)
        accuracy = float(pl_module.metrics["train/acc"].compute())  # type: ignore[operator]
        loss = float(outputs["loss"]) * trainer.accumulate_grad_batches  # which Lightning divides by it
        self.progress.update(
            self.task,
            completed=trainer.global_step,
            description=f"loss {loss:.3f}  acc {accuracy:.1%}  {speed:,.0f} images/s",
            epoch=f"{trainer.current_epoch + 1}/{trainer.max_epochs}",
        )

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Print the epoch's line."""
        row = self.history.rows[-1]
        parts = [f"epoch {row['epoch']:>{len(str(trainer.max_epochs))}}/{trainer.max_epochs}"]
        parts += [
            f"{stage} loss {row[f'{stage}/loss']:.3f} acc {row[f'{stage}/acc']:.1%}"
            for stage in ("train", "val", "test")
            if f"{stage}/loss" in row
        ]
        parts += [f"{row['images_per_second']:,.0f} images/s", f"{row['seconds']:.1f} s"]
        if self.console.is_terminal and len("   ".join(parts)) > self.console.width:
            del parts[-2]  # which stands in the summary and in metrics.csv
        self.console.print("   ".join(parts), highlight=False, soft_wrap=True)

    def _say_how_long(self, epoch_seconds: float, trainer: lightning.Trainer) -> None:
        seconds = epoch_seconds * (trainer.max_epochs or 1)
        if seconds > LONG_SECONDS:
            hours = f"{seconds / 3600:,.0f} h" if seconds > 10 * 3600 else f"{seconds / 3600:.1f} h"
            epoch = f"{epoch_seconds:.0f} s" if epoch_seconds < 120 else f"{epoch_seconds / 60:,.0f} minutes"
            self.console.print(
                f"note: about {hours} on this device, {epoch} an epoch; "
                "a smaller data.resize or trainer.max_epochs takes less",
                highlight=False,
                soft_wrap=True,
            )

    def on_train_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Remove the bar."""
        if self.progress:
            self.progress.stop()

    def on_exception(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, exception: BaseException
    ) -> None:
        """Remove the bar, so that the message is readable."""
        self.on_train_end(trainer, pl_module)


def print_summary(record: dict[str, Any], folder: str, console: Console) -> None:
    """Print the figures of a finished run and where to look further."""
    tested_on = "last epoch" if record["protocol"] == "course" else "best epoch on validation"
    if limit := record["changed"].get("trainer.limit_test_batches"):
        tested_on += f"; not of all test images: trainer.limit_test_batches={limit}"
    rows = [
        ("test accuracy", f"{record['metrics']['test/acc']:.2%}  ({tested_on})"),
        (
            "an epoch",
            f"{record['seconds']['per_epoch']:.1f} s, {record['images_per_second']:,.0f} images/s in training",
        ),
        ("in total", f"{record['seconds']['total']:.0f} s on {record['device']}, {record['precision']}"),
        ("parameters", f"{record['params']:,}"),
        ("folder", folder),
        ("look", f"tensorboard --logdir {'outputs' if folder.startswith('outputs/') else shlex.quote(folder)}"),
    ]
    lines = [f"{name:<15}{text}" for name, text in rows]
    console.print("\n".join(["", record["name"], *lines]), markup=False, highlight=False, soft_wrap=True)
