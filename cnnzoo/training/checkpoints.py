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


def checkpoint_callback(run_dir: Path, *, monitor: str | None) -> ModelCheckpoint:
    """Return the callback that keeps `last.ckpt` and, given a figure to `monitor`, `best.ckpt` of its highest value."""
    return ModelCheckpoint(
        dirpath=run_dir / FOLDER,
        filename=BEST,
        monitor=monitor,
        mode="max",
        save_top_k=1 if monitor else 0,
        save_last=True,
        enable_version_counter=False,
    )


def load_weights(path: Path) -> dict[str, Any]:
    """Return the state dict of the LightningModule in the checkpoint at `path`, without unpickling any object."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    return state
