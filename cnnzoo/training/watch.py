"""Ends a run that computes nonsense, or learns nothing."""

import math
from typing import Any, NoReturn

import lightning
import torch
from torch.optim import Optimizer

from cnnzoo.errors import RunEnded
from cnnzoo.training.history import History

EVERY = 25  # steps between looks on an accelerator, where every look waits for it
OVERFLOWS = 20  # in a row; the scaler of 16-mixed begins with a factor of 2^16, halved at each
MIN_STEPS = 100  # before which nothing is called stuck: epochs of a few batches say nothing
MARGIN = 0.01  # a loss this near to that of guessing is at chance, and one that falls by less does not fall


class Watch(lightning.Callback):
    """Ends a run as `diverged` at a loss or gradient that is not finite, and as `stuck` at one that stays at chance.

    On a CPU the step that would spoil the weights is not taken. On an accelerator it is noticed some steps later, but
    before anything is saved (`check`).

    Args:
        history: stands before this callback in the trainer's list.
        patience: epochs at chance before a run is stuck, or None to wait for ever; counted from the one in which the
            learning rate is highest.
        num_classes: chance is guessing one of them: a loss of ln(num_classes).
    """

    def __init__(self, *, history: History, patience: int | None, num_classes: int) -> None:
        self.history = history
        self.patience = patience
        self.chance = math.log(num_classes)
        self._losses: list[torch.Tensor] = []  # since the last look, on the device
        self._norms: list[torch.Tensor] = []
        self._overflows = 0  # in a row, up to there

    def on_before_optimizer_step(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, optimizer: Optimizer
    ) -> None:
        """Look at the gradients, and have the classifier note their norm."""
        weights = (each for group in optimizer.param_groups for each in group["params"])
        gradients = [each.grad for each in weights if each.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        pl_module.note_gradient_norm(norm)  # type: ignore[operator]
        self._note(self._norms, norm, trainer)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the loss."""
        self._note(self._losses, outputs["loss"].detach(), trainer)

    def on_validation_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look once more, so that an epoch that came to nothing is neither evaluated nor written down."""
        self.check(trainer)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look at the figures: weights may be finite, and what they compute is not."""
        if not all(map(math.isfinite, trainer.callback_metrics.values())):
            self._end(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Look at the epoch's loss."""
        rates = [row["lr"] for row in self.history.rows]
        losses = [row["train/loss"] for row in self.history.rows[rates.index(max(rates)) :]]
        if trainer.optimizers[0].param_groups[0]["lr"] > rates[-1]:  # it is still warming up
            return
        if self.patience is None or len(losses) < self.patience or trainer.global_step < MIN_STEPS:
            return
        latest = losses[-self.patience :]
        at_chance = min(latest) > self.chance - MARGIN
        if at_chance and latest[-1] > latest[0] - MARGIN:  # a loss that begins high and falls is on its way
            raise RunEnded(
                "stuck",
                f"after {self.patience} epochs the training loss is no better than that of guessing "
                f"({self.chance:.3f}), and does not fall\n"
                f"type another optimizer.lr (it is {_rate(trainer):g}) or model.init, "
                "or watch.patience=N to wait longer",
            )

    def check(self, trainer: lightning.Trainer) -> None:
        """End the run if anything was not finite; to be called before the weights are saved."""
        losses, norms = (torch.stack(seen).tolist() if seen else [] for seen in (self._losses, self._norms))
        self._losses, self._norms = [], []
        # A scaler leaves a step out whose gradients overflow, and is expected to in the first steps.
        tolerated = 0 if getattr(trainer.precision_plugin, "scaler", None) is None else OVERFLOWS - 1
        fine = all(map(math.isfinite, losses))
        for norm in norms:
            self._overflows = 0 if math.isfinite(norm) else self._overflows + 1
            fine = fine and self._overflows <= tolerated
        if not fine:
            self._end(trainer)

    def _end(self, trainer: lightning.Trainer) -> NoReturn:
        others = [] if trainer.precision == "32-true" else ["trainer.precision=32-true"]
        others += [] if trainer.gradient_clip_val else ["trainer.gradient_clip_val=1.0"]
        raise RunEnded(
            "diverged",
            f"the loss or a gradient is not finite any more, by step {trainer.global_step}\n"
            f"type {' or '.join([f'a lower optimizer.lr (it is {_rate(trainer):g})', *others])}",
        )

    def _note(self, seen: list[torch.Tensor], value: torch.Tensor, trainer: lightning.Trainer) -> None:
        seen.append(value)
        if value.device.type == "cpu" or trainer.global_step % EVERY == 0:
            self.check(trainer)


def _rate(trainer: lightning.Trainer) -> float:
    group = trainer.optimizers[0].param_groups[0]
    return float(group.get("initial_lr", group["lr"]))  # what was asked for, without the schedule
