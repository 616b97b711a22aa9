"""What is trained on, what is evaluated, and which weights are tested."""

import csv
import statistics
from dataclasses import replace

import pytest
import torch

from cnnzoo.build import build_data, build_optimizer
from cnnzoo.run import train
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.saved_state import load_weights
from tests.composed import compose_config
from tests.test_resume import SMOKE


def test_the_weights_of_the_best_epoch_on_validation_are_tested(tmp_path, monkeypatch):
    """The second of three, of which the third is as good; on the training images it is the last."""
    accuracies = {"val": (0.3, 0.5, 0.5), "train": (0.7, 0.8, 0.9)}
    epoch_metrics, test_step = ImageClassifier.epoch_metrics, ImageClassifier.test_step
    tested = {}

    def pretend(module, stage):
        figures = epoch_metrics(module, stage)
        if stage in accuracies:
            figures[f"{stage}/acc"] = torch.tensor(accuracies[stage][module.trainer.current_epoch])
        return figures

    def note(module, batch, index):
        tested.update({name: value.clone() for name, value in module.net.state_dict().items()})
        return test_step(module, batch, index)

    monkeypatch.setattr(ImageClassifier, "epoch_metrics", pretend)
    monkeypatch.setattr(ImageClassifier, "test_step", note)
    record = train(compose_config([*SMOKE, "model=mlp", "trainer.max_epochs=3"]), tmp_path)
    best, last = (load_weights(tmp_path / "checkpoints" / f"{name}.ckpt") for name in ("best", "last"))
    assert (record["metrics"]["epoch"], record["metrics"]["val/acc"]) == (2, pytest.approx(0.5))
    assert all(torch.equal(value, best[name]) for name, value in tested.items())
    assert not any(torch.equal(value, last[name]) for name, value in tested.items())
    with (tmp_path / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for found, column in (
        (record["seconds"]["per_epoch"], "seconds"),
        (record["images_per_second"], "images_per_second"),
    ):
        assert found == pytest.approx(statistics.median(float(row[column]) for row in rows))


def test_each_stage_sees_its_own_images_and_only_those_of_training_are_augmented(tmp_path, monkeypatch):
    seen = {"training": [], "validation": [], "test": []}
    for stage, batches in seen.items():
        step = getattr(ImageClassifier, f"{stage}_step")

        def note(module, batch, index, step=step, batches=batches):
            batches.append(batch[0].clone())
            return step(module, batch, index)

        monkeypatch.setattr(ImageClassifier, f"{stage}_step", note)
    config = compose_config([*SMOKE, "model=mlp", "data.augment=flip", "trainer.max_epochs=1"])
    train(config, tmp_path)
    data = build_data(config)
    data.setup("fit")

    def plain(subset):
        return data.transform(subset[torch.arange(len(subset))][0], training=False)

    for stage, subset in (("validation", data.val_set), ("test", data.test_set)):
        shown = torch.cat(seen[stage])
        torch.testing.assert_close(shown, plain(subset)[: len(shown)], rtol=0, atol=0)
    originals = plain(data.train_set)
    as_they_are, mirrored = (
        torch.tensor([any(torch.equal(image, each) for each in originals) for image in images])
        for images in (torch.cat(seen["training"]), torch.cat(seen["training"]).flip(-1))
    )
    assert (as_they_are | mirrored).all()
    assert as_they_are.any()
    assert mirrored.any()


def test_chance_is_drawn_anew_for_every_seed_epoch_and_batch(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("cnnzoo.data.datamodule.seed_step", lambda numbers, device: drawn.append(numbers))
    train(compose_config([*SMOKE, "model=mlp", "seed=3"]), tmp_path)
    assert drawn == [(3, epoch, batch) for epoch in range(2) for batch in range(4)]


def test_optimizers_are_fused_unless_their_yaml_chooses_for_itself():
    config = compose_config(["optimizer=adam"])
    weights = [torch.nn.Parameter(torch.zeros(1))]
    assert build_optimizer(config)(weights).defaults["fused"] is True
    for own in ({"fused": False}, {"foreach": True}):
        values = config.values | {"optimizer": config.values["optimizer"] | own}
        defaults = build_optimizer(replace(config, values=values))(weights).defaults
        assert own.items() <= defaults.items()
        assert not defaults["fused"]


def test_under_the_courses_protocol_the_last_epoch_is_reported(tmp_path, monkeypatch):
    epoch_metrics = ImageClassifier.epoch_metrics

    def pretend(module, stage):
        figures = epoch_metrics(module, stage)
        if stage == "test" and not module.trainer.testing:
            figures["test/acc"] = torch.tensor((0.3, 0.9, 0.4)[module.trainer.current_epoch])
        return figures

    monkeypatch.setattr(ImageClassifier, "epoch_metrics", pretend)
    record = train(compose_config([*SMOKE, "model=mlp", "trainer.max_epochs=3", "protocol=course"]), tmp_path)
    assert record["metrics"]["epoch"] == 3


def test_gradients_are_clipped_in_mixed_precision(tmp_path):
    """Lightning refuses to with an optimizer that is fused, unless told that it does not unscale them itself."""
    clipped = ["model=mlp", "trainer.max_epochs=1", "trainer.precision=bf16-mixed", "trainer.gradient_clip_val=0.5"]
    assert train(compose_config([*SMOKE, *clipped]), tmp_path)["status"] == "completed"
