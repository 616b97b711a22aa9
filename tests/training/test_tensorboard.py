from types import SimpleNamespace

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnzoo.training.history import History
from cnnzoo.training.tensorboard import POINTS, HyperParameters, LossCurve, RunLogger


@pytest.mark.parametrize("pieces", [1, 4])
def test_the_curve_of_the_loss_has_as_many_points_in_pieces(pieces, tmp_path):
    logger = RunLogger(tmp_path, name="", version="")
    trainer = SimpleNamespace(accumulate_grad_batches=pieces, num_training_batches=40 * pieces, logger=logger)
    for index in range(40 * pieces):
        trainer.global_step = (index + 1) // pieces
        LossCurve().on_train_batch_end(trainer, None, {"loss": torch.tensor(2.0 / pieces)}, None, index)
    logger.save()
    points = EventAccumulator(str(tmp_path)).Reload().Scalars("loss/batch")
    assert [(point.step, point.value) for point in points] == [(2 * number + 1, 2.0) for number in range(POINTS)]


def test_the_table_of_runs_has_the_figures_of_the_epoch_that_is_tested(tmp_path):
    logger, history = RunLogger(tmp_path, name="", version=""), History(tmp_path)
    history.rows = [{"val/acc": acc, "val/loss": 1 - acc, "seconds": 1.0} for acc in (0.75, 0.5)]
    trainer = SimpleNamespace(global_step=8, logger=logger)
    HyperParameters({"model": "lenet"}, history).on_test_end(trainer, None)
    logger.save()
    events = EventAccumulator(str(tmp_path)).Reload()
    shown = {name: events.Scalars(f"{name}/val_best")[0].value for name in ("acc", "loss")}
    assert shown == {"acc": 0.75, "loss": 0.25}
