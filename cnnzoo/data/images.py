"""The whole data set as one tensor in memory, and the order in which batches are drawn from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler


@dataclass(frozen=True)
class Images:
    """All images of a data set with what is known of them.

    Attributes:
        pixels: uint8, (N, C, H, W).
        labels: int64, (N,).
        num_train: the first `num_train` images are the official training set, the others the official test set.
        sha256: checksum of each source file by name, for the record.
        paths: where each source file is.
    """

    pixels: Tensor
    labels: Tensor
    num_train: int
    sha256: dict[str, str] = field(default_factory=dict)
    paths: dict[str, Path] = field(default_factory=dict)


class Subset(Dataset[tuple[Tensor, Tensor]]):
    """Some of the images; indexed with a tensor of positions it gathers a whole batch at once."""

    def __init__(self, pixels: Tensor, labels: Tensor, indices: Tensor) -> None:
        self.pixels = pixels
        self.labels = labels
        self.indices = indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        # To a GPU without waiting for the step before: what is copied is set aside first.
        chosen = self.indices[positions].to(self.pixels.device, non_blocking=self.pixels.is_cuda)
        return self.pixels.index_select(0, chosen), self.labels.index_select(0, chosen)


class BatchSampler(Sampler[Tensor]):
    """Yields the positions of each batch as one tensor.

    With a seed, the order is a permutation that depends on (seed, epoch) alone, so a run that is resumed at an epoch
    sees what an uninterrupted one would, and the last incomplete batch is dropped, because batch norm learns badly from
    a handful of images. Without a seed the order is that of the data, and every image is seen.

    Args:
        num_images: how many there are.
        batch_size: images in a batch.
        seed: of the order, or None.
        pieces: every batch is handed out in so many pieces of the same size; `batch_size` is a multiple of it.
        start: the first epoch begins with this piece, where a run goes on within an epoch.
    """

    def __init__(
        self, num_images: int, batch_size: int, *, seed: int | None = None, pieces: int = 1, start: int = 0
    ) -> None:
        self.used = num_images - num_images % batch_size if seed is not None else num_images
        self.num_images = num_images
        self.piece_size = batch_size // pieces
        self.seed = seed
        self.start = start
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation; Lightning calls this before every epoch, also after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-self.used // self.piece_size)

    def __iter__(self) -> Iterator[Tensor]:
        # A generator, so that the order is drawn with the first batch: Lightning resumes a run by asking for the
        # iterator first and choosing the epoch then.
        if self.seed is None:
            order = torch.arange(self.num_images)
        else:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + self.epoch)
            order = torch.randperm(self.num_images, generator=generator)
        start, self.start = self.start, 0
        yield from torch.split(order[: self.used], self.piece_size)[start:]


def stratified_split(labels: Tensor, num_held_out: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Split the positions of `labels` into (kept, held out), each sorted, with every class held out in proportion.

    Shape:
        labels: (N,), int64; every class has the same share of `num_held_out` as of N, up to rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in torch.unique(labels):
        members = torch.nonzero(labels == label).squeeze(1)
        count = round(len(members) * num_held_out / len(labels))
        held_out[members[torch.randperm(len(members), generator=generator)[:count]]] = True
    return torch.nonzero(~held_out).squeeze(1), torch.nonzero(held_out).squeeze(1)
