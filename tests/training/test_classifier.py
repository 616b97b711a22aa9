from functools import partial
from types import SimpleNamespace

import lightning
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnzoo.training.classifier import ImageClassifier, _begin_momentum
from cnnzoo.training.schedules import constant


@pytest.fixture
def classifier():
    return classifier_with()


def classifier_with(**options):
    return ImageClassifier(
        nn.Sequential(nn.Flatten(), nn.Linear(4, 3)),
        **{"make_optimizer": partial(torch.optim.SGD, lr=0.1), **options},
        make_scheduler=partial(constant, warmup=0.0),
    )


def batch(count=7):
    return torch.randn(count, 1, 2, 2), torch.randint(3, (count,))


def test_loss_and_accuracy_are_those_of_all_images(classifier):
    batches = [batch(7), batch(2)]
    for index, each in enumerate(batches):
        classifier.validation_step(each, index)
    images, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    logits = classifier.net(images)
    assert classifier.epoch_metrics("val") == {
        "val/loss": pytest.approx(F.cross_entropy(logits, labels).item()),
        "val/acc": pytest.approx((logits.argmax(1) == labels).float().mean().item()),
    }


def test_the_next_epoch_starts_from_nothing(classifier):
    first, second = batch(), batch()
    classifier.training_step(first, 0)
    classifier.note_gradient_norm(torch.tensor(1.0))
    classifier.epoch_metrics("train")
    classifier.training_step(second, 0)
    for norm in (2.0, 4.0):
        classifier.note_gradient_norm(torch.tensor(norm))
    figures = classifier.epoch_metrics("train")
    loss = F.cross_entropy(classifier.net(second[0]), second[1]).item()
    assert figures["train/loss"] == pytest.approx(loss)
    assert figures["train/grad_norm"] == 3.0


class TwoHeaded(nn.Module):
    """Two auxiliary heads, which only say what they are told."""

    aux = ("first", "second")
    aux_weight = 0.3

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def training_logits(self, images):
        return self.logits[0], [*self.logits[1:]]


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_the_loss_of_auxiliary_heads_is_added_by_their_weight(label_smoothing):
    _, labels = batch()
    logits = torch.randn(3, len(labels), 3)
    classifier = classifier_with(label_smoothing=label_smoothing)
    classifier.net = TwoHeaded(logits)
    own, first, second = (F.cross_entropy(each, labels, label_smoothing=label_smoothing) for each in logits)
    torch.testing.assert_close(classifier.training_step((None, labels), 0), own + 0.3 * (first + second))


def test_label_smoothing_is_for_training_only():
    classifier = classifier_with(label_smoothing=0.2)
    images, labels = batch()
    logits = classifier.net(images)
    smoothed = F.cross_entropy(logits, labels, label_smoothing=0.2)
    assert classifier.training_step((images, labels), 0).item() == pytest.approx(smoothed.item())
    classifier.validation_step((images, labels), 0)
    classifier.test_step((images, labels), 0)
    for stage in ("val", "test"):
        loss = classifier.epoch_metrics(stage)[f"{stage}/loss"]
        assert loss == pytest.approx(F.cross_entropy(logits, labels).item())


def test_a_gradient_that_overflows_counts_as_none(classifier):
    for norm in (2.0, float("inf"), float("nan"), 4.0):
        classifier.note_gradient_norm(torch.tensor(norm))
    classifier.training_step(batch(), 0)
    assert classifier.epoch_metrics("train")["train/grad_norm"] == 6.0 / 4


def test_values_that_were_looked_at_are_one_tensor(classifier):
    for index in range(3):
        classifier.training_step(batch(), index)
    before = classifier.metrics["train/loss"].compute()
    (values,) = classifier.state_dict()["metrics.train/loss.values"]
    assert values.shape == (21,)
    classifier.training_step(batch(), 3)
    assert len(classifier.metrics["train/loss"].values) == 2
    assert classifier.metrics["train/loss"].compute() != before


def test_nothing_but_the_net_and_the_training_metrics_is_stored(classifier):
    assert dict(classifier.hparams) == {}
    metrics = {f"metrics.train/{name}.values" for name in ("loss", "acc", "grad_norm")}
    assert set(classifier.state_dict()) == {"net.1.weight", "net.1.bias"} | metrics


@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")
def test_a_step_moves_the_weights_against_the_gradient(classifier, tmp_path):
    images, labels = batch()
    before = classifier.net[1].weight.detach().clone()
    loss = F.cross_entropy(classifier.net(images), labels)
    (gradient,) = torch.autograd.grad(loss, classifier.net[1].weight)
    trainer = lightning.Trainer(
        max_steps=1, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False, default_root_dir=tmp_path,
    )  # fmt: skip
    data = torch.utils.data.TensorDataset(images, labels)
    trainer.fit(classifier, torch.utils.data.DataLoader(data, batch_size=7))
    torch.testing.assert_close(classifier.net[1].weight, before - 0.1 * gradient)


def test_a_fused_step_under_a_scaler_sees_true_gradients():
    """As 16-mixed does it: unscaled before the step, so that they can be looked at and clipped."""
    stepped = {}
    for fused in (True, False):
        classifier = classifier_with(make_optimizer=partial(torch.optim.AdamW, lr=0.1, fused=fused))
        nn.init.constant_(classifier.net[1].weight, 0.1)
        nn.init.zeros_(classifier.net[1].bias)
        classifier.trainer = SimpleNamespace(estimated_stepping_batches=10)
        optimizer = classifier.configure_optimizers()["optimizer"]
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
        images, labels = torch.arange(8.0).view(2, 1, 2, 2), torch.tensor([0, 2])
        scaler.scale(F.cross_entropy(classifier.net(images), labels)).backward()
        scaler.unscale_(optimizer)
        norm = torch.nn.utils.clip_grad_norm_(classifier.net.parameters(), 0.5)
        scaler.step(optimizer)
        stepped[fused] = (norm, *classifier.net.parameters())
    assert stepped[True][0] > 0.5
    for fused, plain in zip(stepped[True], stepped[False], strict=True):
        torch.testing.assert_close(fused, plain)


def test_a_fused_step_heeds_how_weights_lie_in_memory():
    """Its kernel goes over memory in order: gradients and averages must lie as the weights do, channels last."""
    nets = []
    for fused in (True, False):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 4, 3)).to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, fused=fused)
        for step in range(4):
            if step == 2:  # as a run that goes on
                state = optimizer.state_dict()
                optimizer = torch.optim.AdamW(net.parameters(), lr=0.1, fused=fused)
                optimizer.load_state_dict(state)
            optimizer.zero_grad()
            images = torch.arange(150.0).view(2, 3, 5, 5).contiguous(memory_format=torch.channels_last)
            net(images.sin()).square().mean().backward()
            optimizer.step()
        nets.append(net)
    for fused, plain in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(fused, plain)


def test_a_layer_that_is_skipped_at_first_learns_with_momentum():
    """As torch's SGD for single tensors has it."""

    def weights(**options):
        torch.manual_seed(0)
        first, second = nn.Linear(4, 4), nn.Linear(4, 4)
        optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1, momentum=0.9, **options)
        _begin_momentum(optimizer)
        for number in range(3):
            optimizer.zero_grad()
            hidden = first(torch.ones(2, 4))
            (second(hidden) if number else hidden).square().sum().backward()
            optimizer.step()
        return torch.cat([weight.flatten() for weight in (*first.parameters(), *second.parameters())])

    torch.testing.assert_close(weights(fused=True), weights(foreach=False))


def test_momentum_with_dampening_begins_as_in_torch():
    def weights(fused):
        torch.manual_seed(0)
        layer = nn.Linear(4, 4)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, dampening=0.5, fused=fused)
        _begin_momentum(optimizer)
        layer(torch.ones(2, 4)).square().sum().backward()
        optimizer.step()
        return layer.weight

    torch.testing.assert_close(weights(fused=True), weights(fused=False))
