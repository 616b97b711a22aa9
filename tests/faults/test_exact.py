"""Runs that are stopped at every epoch, and within one, end equal to the bit (RELIABILITY T04)."""

import hashlib

import lightning
import pytest

from cnnzoo.run import train
from cnnzoo.training.saved_state import load_weights
from tests.composed import compose_config
from tests.test_resume import SMOKE, Killed, Steps

NETS = {
    "lenet": [],
    "vgg11": ["model.width=0.125", "model.hidden=64"],
    "googlenet": [],
    "googlenet_bn": [],
    "resnet18": [],
    "densenet": [],
    "inception_res": [],
}
EPOCHS, STEPS = 4, 2
TINY = [*SMOKE, f"trainer.max_epochs={EPOCHS}", f"trainer.limit_train_batches={STEPS}", "data.batch_size=4"]


def kill():
    raise Killed


def trained(config, folder, steps, *, resume=False):
    """Return what a run leaves: its losses, step by step, the figures, and the SHA-256 of its weights."""
    record = train(config, folder, resume=resume)
    weights = load_weights(folder / "checkpoints" / "last.ckpt")
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in weights.values())).hexdigest()
    return steps.losses, record["metrics"], digest


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.fault) for name in NETS])
def test_a_run_that_is_stopped_anywhere_is_the_same_run(name, precision, tmp_path, count):
    options = [f"model={name}", *NETS[name], f"trainer.precision={precision}", "data.augment=strong"]
    with pytest.MonkeyPatch.context() as patch:
        whole = trained(compose_config([*TINY, *options]), tmp_path / "whole", Steps(patch))
    # Killed in the first step after an epoch or, after the last, in the test; and within one, saved a step before.
    stops = [(("training_step", epoch, 0), []) for epoch in range(1, EPOCHS)] + [(("test", EPOCHS), [])]
    stops += [(("training_step", 1, 1), ["checkpoint.every_minutes=0.00000001"])]
    for number, (where, more) in enumerate(stops):
        with pytest.MonkeyPatch.context() as patch:
            steps = Steps(patch)
            config = compose_config([*TINY, *options, *more])
            steps.at[where] = kill
            with pytest.MonkeyPatch.context() as last:
                if where[0] == "test":
                    last.setattr(lightning.Trainer, "test", lambda *_, **__: kill())
                with pytest.raises(Killed):
                    train(config, tmp_path / str(number))
            steps.at.clear()
            if more:
                steps.losses.pop()  # of the step that was not finished
            else:
                steps.losses = steps.losses[: where[1] * STEPS]
            assert trained(config, tmp_path / str(number), steps, resume=True) == whole, where
        count("T04")
