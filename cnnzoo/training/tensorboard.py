"""What TensorBoard is shown."""

from collections.abc import Mapping

from lightning.pytorch.loggers import TensorBoardLogger


class RunLogger(TensorBoardLogger):
    """Writes the figures that are logged into the run's folder and nothing else.

    Lightning's own adds the number of the epoch as a figure, and a `hparams.yaml`; the configuration stands in
    `config.yaml` and `run.json` already.
    """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add a point to the curve of each figure."""
        super().log_metrics({name: value for name, value in metrics.items() if name != "epoch"}, step)

    def save(self) -> None:
        """Flush the events to the disk."""
        self.experiment.flush()
