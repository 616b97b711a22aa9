"""What a trained net takes for what: counted during the test."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F

from cnnzoo.disk import write_csv
from cnnzoo.record import CONFUSION

WORST = 24  # mistakes that are kept


class Mistakes(lightning.Callback):
    """Counts which class is taken for which, writes `confusion.csv`, and keeps the images with the highest losses.

    Args:
        run_dir: where the file goes.
        class_names: one for each logit.

    Attributes:
        confusion: (classes, classes), int64: images of each class, by what they were taken for.
        worst: images that were taken for something else, those with the highest loss first: the images as the net saw
            them (K, C, S, S), their true classes (K,), and the predicted ones (K,).
    """

    def __init__(self, run_dir: Path, class_names: Sequence[str]) -> None:
        self.path = run_dir / CONFUSION
        self.class_names = class_names
        self.worst: tuple[Tensor, ...] = ()

    def on_test_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Start counting."""
        classes = len(self.class_names)
        self.confusion = torch.zeros(classes, classes, dtype=torch.int64, device=pl_module.device)
        self._losses: Tensor | None = None

    def on_test_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Count the images of one batch; `outputs` are their logits."""
        images, labels = batch
        predicted, classes = outputs.argmax(1), len(self.class_names)
        self.confusion += torch.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)
        # What is right goes last, with a loss below any other.
        losses = F.cross_entropy(outputs.float(), labels, reduction="none").masked_fill(predicted == labels, -1)
        new: tuple[Tensor, ...] = (images, labels, predicted)
        if self._losses is not None:
            losses = torch.cat([self._losses, losses])
            new = tuple(torch.cat(pair) for pair in zip(self.worst, new, strict=True))
        self._losses, order = losses.topk(min(WORST, len(losses)))
        self.worst = tuple(each[order] for each in new)

    def on_test_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write the file: a row for each true class, a column for each predicted one."""
        assert self._losses is not None
        self.worst = tuple(each[self._losses >= 0] for each in self.worst)
        counts = zip(self.class_names, self.confusion.tolist(), strict=True)
        write_csv(self.path, [["true", *self.class_names], *([name, *row] for name, row in counts)])
