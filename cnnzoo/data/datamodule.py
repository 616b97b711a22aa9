"""The LightningDataModule of all data sets: which images are used, in which order, and as the net sees them."""

import random
from collections.abc import Mapping
from typing import Any, Literal

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from cnnzoo.data.images import BatchSampler, Images, Subset, stratified_split
from cnnzoo.data.transform import BatchTransform
from cnnzoo.errors import UserError

Protocol = Literal["holdout", "course"]
HELD_OUT = 12  # one training image in so many is held out for validation
SPLIT_SEED = 0  # the same split for every run, so that seeds vary the run and not its data


class ImageDataModule(lightning.LightningDataModule):
    """Images in memory, batched by gathering, transformed on the device.

    Under the protocol `holdout`, one training image in twelve is held out, stratified by class, for validation, and the
    test set is read at the end. Under `course`, all training images are trained on and every epoch is evaluated on the
    test set, as the course does it.

    A loader's batch is of stored bytes, uint8 of shape (N, C, H, W), and labels (N,); Lightning's hooks turn it into
    what the net sees. A loop of one's own calls `transform(images, training=True)`, and before each epoch
    `loader.sampler.set_epoch(epoch)`, for another order.

    Args:
        resize: height and width of what the net sees, in pixels.
        batch_size: images per step, in training and in evaluation.
        augment: none, flip, crop_flip or strong (crop, flip, erase); of training images only.
        protocol: holdout or course.
        seed: of the training order.
        channels: C of the stored images.
    """

    mean: float
    std: float
    num_train: int  # official training images
    num_test: int
    image_size: int  # of the stored images
    class_names: tuple[str, ...]
    images: Images

    def __init__(
        self, *, resize: int, batch_size: int, augment: str, protocol: Protocol, seed: int, channels: int = 1
    ) -> None:
        super().__init__()
        self.channels = channels
        self.batch_size = batch_size
        self.protocol = protocol
        self.seed = seed
        self.start = 0  # batch of its epoch at which training begins
        self.pieces = 1  # in which batches are handed out, where they do not fit into memory as a whole
        self.transform = BatchTransform(resize=resize, mean=self.mean, std=self.std, augment=augment)

    def load(self) -> Images:
        """Return the images, fetching them if need be."""
        raise NotImplementedError

    def check_limits(self, limits: Mapping[str, float]) -> None:
        """Check, before anything is read, that there is at least one batch to train on, to validate and to test with.

        Args:
            limits: for train, val and test the share (a float) or number (an int) of the batches that are used.

        Raises:
            ValueError: there is none.
        """
        counts = self.num_batches()
        if self.protocol == "holdout" and not self.num_held_out:
            raise ValueError(
                f"{self.num_train:,} training images are too few to hold out some of each class\ntype protocol=course"
            )
        if not counts["test"]:
            raise ValueError("there are no images to test with\nlook at num_test of the data's class")
        if not counts["train"]:
            images = self.num_images["train"]
            raise ValueError(
                f"data.batch_size={self.batch_size} is too large for {images:,} training images\ntype a smaller one"
            )
        for name, limit in limits.items():
            batches = counts[name]
            if isinstance(limit, float) and int(limit * batches) < 1:
                raise ValueError(
                    f"trainer.limit_{name}_batches={limit} of {batches} batches is none\n"
                    f"type trainer.limit_{name}_batches=1"
                )

    @property
    def num_held_out(self) -> int:
        """Training images that are held out for validation, as many of each class, if all classes have as many."""
        classes = len(self.class_names)
        return self.num_train // (HELD_OUT * classes) * classes if self.protocol == "holdout" else 0

    @property
    def num_images(self) -> dict[str, int]:
        """Images that are trained on, evaluated after every epoch (the test set under `course`), and tested on."""
        evaluated = self.num_held_out if self.protocol == "holdout" else self.num_test
        return {"train": self.num_train - self.num_held_out, "val": evaluated, "test": self.num_test}

    def num_batches(self) -> dict[str, int]:
        """Return how many batches training, validation and test have; one that is computed in pieces counts once."""
        images = self.num_images
        evaluated = {stage: -(-images[stage] // self.batch_size) for stage in ("val", "test")}
        return {"train": images["train"] // self.batch_size, **evaluated}

    @property
    def facts(self) -> dict[str, Any] | None:
        """What the record says of the data, or None before they are loaded: images in each set, checksums."""
        if not hasattr(self, "images"):
            return None
        sets = {"train": self.train_set, "val": self.val_set, "test": self.test_set}
        return {**{name: len(subset) for name, subset in sets.items()}, "sha256": self.images.sha256}

    def setup(self, stage: str | None = None) -> None:
        """Load the images, once, and move them to the accelerator if there is one."""
        if hasattr(self, "images"):
            return
        images = self.load_checked()
        if self.protocol == "holdout":
            train, val = stratified_split(images.labels[: images.num_train], self.num_held_out, seed=SPLIT_SEED)
        else:
            train, val = torch.arange(images.num_train), torch.arange(0)
        test = torch.arange(images.num_train, len(images.labels))
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        pixels, labels = images.pixels.to(device), images.labels.to(device)
        self.train_set, self.val_set, self.test_set = (Subset(pixels, labels, part) for part in (train, val, test))
        self.images = images

    def load_checked(self) -> Images:
        """Return the images that `load` returns, if they are those that the class speaks of.

        Raises:
            UserError: they are not, as those of a data set of one's own may be.
        """
        name = type(self).__name__
        try:
            images = self.load()
        except OSError as error:  # such as of a file that is not there
            raise UserError(f"{name} cannot load its images: {error}\nput them there, or look at its load()") from error
        remedy = f"look at load() of {name}, and at its num_train, num_test, image_size and class_names"
        count, side = self.num_train + self.num_test, self.image_size
        for name, tensor, dtype, shape in (
            ("pixels", images.pixels, torch.uint8, (count, self.channels, side, side)),
            ("labels", images.labels, torch.int64, (count,)),
        ):
            if not isinstance(tensor, Tensor):
                raise UserError(f"{name} are to be a tensor (got {type(tensor).__name__})\n{remedy}")
            if (found := (tensor.dtype, tuple(tensor.shape))) != (dtype, shape):
                got = f"{found[0]} of shape {found[1]}"
                raise UserError(f"{name} are to be {dtype} of shape {shape} (got {got})\n{remedy}")
        if images.num_train != self.num_train:
            raise UserError(f"num_train is {self.num_train:,}, and that of the images {images.num_train:,}\n{remedy}")
        low, high = (int(each) for each in images.labels.aminmax())
        if low < 0 or high >= len(self.class_names):
            raise UserError(f"labels are to be from 0 to {len(self.class_names) - 1} (got {low} to {high})\n{remedy}")
        return images

    def state_dict(self) -> dict[str, Any]:
        """Return how many batches, or pieces of them, of an unfinished epoch have been trained on."""
        assert self.trainer is not None
        done = self.trainer.fit_loop.batch_idx + 1
        return {"batches": done if done < self.trainer.num_training_batches else 0, "pieces": self.pieces}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Leave out those batches in the first epoch.

        Raises:
            UserError: they were of other pieces.
        """
        if (pieces := state_dict["pieces"]) != self.pieces:
            raise UserError(
                f"the run was stopped with {pieces} pieces a batch, and its run.json says {self.pieces}\n"
                f"put micro_batch_size back there: {self.batch_size // pieces}"
            )
        self.start = state_dict["batches"]

    def train_dataloader(self) -> DataLoader[Any]:
        """Return the training batches, shuffled anew every epoch."""
        return self._loader(self.train_set, seed=self.seed, start=self.start)

    def val_dataloader(self) -> DataLoader[Any]:
        """Return what is evaluated after every epoch: held-out images, or the test set under `protocol=course`."""
        return self._loader(self.test_set if self.protocol == "course" else self.val_set)

    def test_dataloader(self) -> DataLoader[Any]:
        """Return the official test images."""
        return self._loader(self.test_set)

    def _loader(self, subset: Subset, *, seed: int | None = None, start: int = 0) -> DataLoader[Any]:
        # batch_size=None: the sampler's tensors of positions go to the subset as they are, one gather a batch.
        # A generator of its own: a DataLoader draws from it whenever it is iterated, and would shift all later chance.
        sampler = BatchSampler(len(subset), self.batch_size, seed=seed, pieces=self.pieces, start=start)
        return DataLoader(subset, batch_size=None, sampler=sampler, generator=torch.Generator())

    def on_before_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Seed what chance does in a training step, from augmentation to dropout, by (seed, epoch, batch) alone.

        It then does not depend on what came before, and a run that goes on within an epoch goes on exactly.
        """
        if self.trainer is not None and self.trainer.training:
            step = (self.seed, self.trainer.current_epoch, self.trainer.fit_loop.batch_idx + 1)
            seed_step(step, self.trainer.strategy.root_device)
        return batch

    def on_after_batch_transfer(self, batch: tuple[Tensor, Tensor], dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Turn the stored bytes into what the net sees; Lightning calls this once the batch is on the device."""
        images, labels = batch
        training = self.trainer is not None and self.trainer.training
        return self.transform(images, training=training), labels


def seed_step(numbers: tuple[int, ...], device: torch.device) -> None:
    """Seed python, numpy and torch, on the CPU and on `device`, with a mixture of `numbers`."""
    mixed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    random.seed(mixed)
    np.random.seed(mixed % 2**32)  # noqa: NPY002 (what everybody draws from)
    torch.default_generator.manual_seed(mixed)  # torch.manual_seed takes 130 us, to find out which devices there are
    if device.type != "cpu":
        getattr(torch, device.type).manual_seed(mixed)
