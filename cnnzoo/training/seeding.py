"""Where a run's chance comes from."""

import lightning


class EpochSeed(lightning.Callback):
    """Seeds every epoch by (seed, epoch) alone, as its order of images is.

    What dropout drops and augmentation does in an epoch then does not depend on what came before, and a run that is
    resumed at an epoch goes on exactly as it would have.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_epoch_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Seed python, numpy and torch on all devices."""
        # Not the number that the order of the images is drawn with, so that the two have nothing to do with each other.
        lightning.seed_everything((2**31 + self.seed * 1_000_003 + trainer.current_epoch) % 2**32, verbose=False)
