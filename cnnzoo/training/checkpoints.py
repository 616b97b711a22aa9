"""Checkpoints: the last epoch and the best on validation, written whole or not at all."""

from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from lightning.fabric.utilities.types import _PATH
from lightning.pytorch.callbacks import ModelCheckpoint

from cnnzoo.record import atomic_file

FOLDER = "checkpoints"
BEST = "best"
LAST = "last"


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place, flushes it to the disk and renames it.

    Lightning's own goes through the system's temporary folder; where that is another file system, a kill during the
    final copy destroys the previous checkpoint.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: _PATH, storage_options: Any | None = None) -> None:
        """Save `checkpoint` at `path`."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(target) as file:
            torch.save(checkpoint, file)


def checkpoint_callbacks(run_dir: Path, *, monitor: str | None) -> list[ModelCheckpoint]:
    """Return the callbacks that keep `last.ckpt` and, given a figure to `monitor`, `best.ckpt` of its highest value."""
    # Two of them, because save_last=True saves only where a best one is saved too.
    options = {"dirpath": run_dir / FOLDER, "save_top_k": 1, "enable_version_counter": False}
    last = ModelCheckpoint(filename=LAST, monitor=None, **options)  # type: ignore[arg-type]
    best = ModelCheckpoint(filename=BEST, monitor=monitor, mode="max", **options)  # type: ignore[arg-type]
    # The best first: whoever resumes from the last one finds the best up to there.
    return [best, last] if monitor else [last]


def step_of(path: Path) -> int:
    """Return the optimizer step of the checkpoint at `path`."""
    return int(torch.load(path, map_location="meta", weights_only=True)["global_step"])


def load_weights(path: Path) -> dict[str, Any]:
    """Return the state dict of the LightningModule in the checkpoint at `path`, without unpickling any object."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return state
