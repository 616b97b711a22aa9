"""What TensorBoard is shown."""

from lightning.pytorch.loggers import TensorBoardLogger


class RunLogger(TensorBoardLogger):
    """Writes its events into the run's folder and nothing else.

    Lightning's own adds a `hparams.yaml`; the configuration stands in `config.yaml` and `run.json` already.
    """

    def save(self) -> None:
        """Flush the events to the disk."""
        self.experiment.flush()
