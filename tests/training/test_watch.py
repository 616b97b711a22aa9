"""Runs that compute nonsense or learn nothing are ended, and keep what is good (RELIABILITY T09)."""

import math
from contextlib import nullcontext
from types import SimpleNamespace

import lightning
import pytest
import torch
from torch import nn

from cnnzoo.errors import RunEnded
from cnnzoo.record import read_record
from cnnzoo.run import train
from cnnzoo.training import checkpoints
from cnnzoo.training import watch as watch_module
from cnnzoo.training.checkpoint_files import LAST, load
from cnnzoo.training.checkpoints import Checkpoints
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.signals import StopRequest
from cnnzoo.training.watch import OVERFLOWS, Watch
from tests.composed import compose_config
from tests.test_resume import SMOKE


def poisoned(monkeypatch, at_step, *, loss=None, gradient=None):
    step = ImageClassifier.training_step

    def training_step(module, batch, index):
        result = step(module, batch, index)
        if module.trainer.global_step == at_step:
            if gradient is not None:
                next(iter(module.net.parameters())).register_hook(lambda grad: torch.full_like(grad, gradient))
            if loss is not None:
                return result + loss
        return result

    monkeypatch.setattr(ImageClassifier, "training_step", training_step)


def weights_of(state):
    return [value for name, value in state["state_dict"].items() if name.startswith("net.")]


POISON = {
    "loss nan": {"loss": math.nan},
    "loss inf": {"loss": math.inf},
    "loss -inf": {"loss": -math.inf},
    "gradient nan": {"gradient": math.nan},
    "gradient inf": {"gradient": math.inf},
}


@pytest.mark.parametrize("kind", POISON)
@pytest.mark.parametrize("at_step", [0, 5, 7])  # the first, within the second epoch, its last
def test_what_is_not_finite_ends_the_run_and_is_not_saved(kind, at_step, tmp_path, monkeypatch, count):
    poisoned(monkeypatch, at_step, **POISON[kind])
    with pytest.raises(RunEnded, match=r"not finite any more.*\ntype a lower optimizer.lr") as ended:
        train(compose_config([*SMOKE, "trainer.max_epochs=3"]), tmp_path)
    assert ended.value.status == "diverged"
    record = read_record(tmp_path)
    assert (record["status"], record["epochs"]) == ("diverged", at_step // 4)
    if at_step >= 4:
        state = load(tmp_path / "checkpoints" / LAST)
        assert state["global_step"] == 4
        assert all(value.isfinite().all() for value in weights_of(state))
    count("T09")


def test_a_net_that_computes_nonsense_from_finite_weights_is_not_saved(tmp_path, count):
    """One step at an absurd rate: the loss and the gradients before it were finite, and so are the weights after it."""
    absurd = ["optimizer=sgd", "optimizer.lr=1e20", "scheduler=constant", "scheduler.warmup=0", "model=mlp"]
    short = ["trainer.max_epochs=1", "trainer.limit_train_batches=1", "trainer.precision=32-true"]
    with pytest.raises(RunEnded, match="not finite any more"):
        train(compose_config([*SMOKE, *absurd, *short]), tmp_path)
    assert read_record(tmp_path)["status"] == "diverged"
    assert not [*tmp_path.glob("checkpoints/*.ckpt")]
    count("T09")


def test_without_a_watch_the_run_goes_on_and_saves_nonsense(tmp_path, monkeypatch):
    """The negative control: what Lightning does by itself."""
    poisoned(monkeypatch, 5, gradient=math.nan)
    monkeypatch.setattr(Watch, "_note", lambda *_: None)
    monkeypatch.setattr(Watch, "on_validation_end", lambda *_: None)
    train(compose_config([*SMOKE, "trainer.max_epochs=3", "watch.patience=null"]), tmp_path)
    state = load(tmp_path / "checkpoints" / LAST)
    assert not all(value.isfinite().all() for value in weights_of(state))


class FakeDevice(torch.Tensor):
    """A tensor that says that it is on an accelerator."""

    device = torch.device("cuda")


def test_on_an_accelerator_it_looks_now_and_then_and_before_saving(monkeypatch):
    watch = Watch(history=None, patience=None, num_classes=10)
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)
    looks = []
    monkeypatch.setattr(Watch, "check", lambda *_: looks.append(trainer.global_step))
    for step in range(60):
        trainer.fit_loop.epoch_loop.automatic_optimization.optim_progress.optimizer.step.total.completed = step
        watch._note(watch._losses, torch.tensor(math.nan if step == 3 else 1.0).as_subclass(FakeDevice), trainer)
    assert looks == [0, 25, 50]
    assert watch_module.EVERY == 25
    monkeypatch.undo()
    trainer.strategy.optimizers = [torch.optim.SGD([torch.zeros(1)], lr=0.1)]
    with pytest.raises(RunEnded, match="not finite any more"):  # before the epoch is evaluated
        watch.on_validation_start(trainer, None)


class FakeScaler:
    """That 16-mixed has one is all that the watch asks."""


def test_the_overflows_of_a_scaler_are_tolerated_for_a_while():
    watch = Watch(history=None, patience=None, num_classes=10)
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False)
    trainer.precision_plugin.scaler = FakeScaler()
    net = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    trainer.strategy.optimizers = [optimizer]
    net.note_gradient_norm = lambda norm: None

    def step(value):
        net(torch.full((1, 2), value)).sum().backward()
        watch.on_before_optimizer_step(trainer, net, optimizer)
        net.zero_grad()

    for _ in range(3):
        for _ in range(OVERFLOWS - 1):
            step(math.inf)
        step(1.0)
    for _ in range(OVERFLOWS - 1):
        step(math.inf)
    with pytest.raises(RunEnded, match="not finite"):
        step(math.inf)


@pytest.mark.parametrize(("precision", "is_hinted_at"), [("32-true", False), ("bf16-mixed", True), ("16-mixed", True)])
def test_float32_is_hinted_at_where_it_is_another_format(precision, is_hinted_at):
    watch = Watch(history=None, patience=None, num_classes=10)
    watch._losses.append(torch.tensor(math.nan))
    trainer = SimpleNamespace(precision=precision, precision_plugin=None, gradient_clip_val=None, global_step=3)
    trainer.optimizers = [torch.optim.SGD([torch.zeros(1)], lr=0.5)]
    with pytest.raises(RunEnded, match=r"it is 0\.5") as ended:
        watch.check(trainer)
    assert ("trainer.precision=32-true" in str(ended.value)) is is_hinted_at


def test_weights_are_looked_at_before_they_are_saved(tmp_path):
    watch = Watch(history=None, patience=None, num_classes=10)
    callback = Checkpoints(tmp_path, history=None, monitor=None, every_minutes=None, stop=None, watch=watch)
    trainer = SimpleNamespace(
        global_step=3,
        precision="32-true",
        precision_plugin=None,
        gradient_clip_val=None,
        optimizers=[torch.optim.SGD([torch.zeros(1)], lr=0.1)],
        save_checkpoint=lambda path: pytest.fail("it is saved"),
    )
    watch._norms.append(torch.tensor(math.inf))
    with pytest.raises(RunEnded, match="not finite any more"):
        callback._save(trainer, LAST)


def test_checkpoints_within_an_epoch_are_minutes_apart(tmp_path, monkeypatch):
    now, saved = 1000.0, []
    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now))
    watch, stop = SimpleNamespace(check=lambda trainer: None), StopRequest()
    history = SimpleNamespace(not_counted=nullcontext)
    callback = Checkpoints(tmp_path, history=history, monitor=None, every_minutes=5, stop=stop, watch=watch)
    trainer = SimpleNamespace(accumulate_grad_batches=1, num_training_batches=100, global_step=1)
    trainer.save_checkpoint = lambda path: saved.append(now - 1000)
    callback.on_train_start(trainer, None)
    for index, now in enumerate((1100.0, 1299.0, 1301.0, 1302.0, 1600.0, 1602.0, 1603.0)):  # noqa: B007 (it is read)
        callback.on_train_batch_end(trainer, None, None, None, index)
    assert saved == [301, 602]


@pytest.mark.parametrize(
    ("losses", "rates", "stuck"),
    [
        ([2.31, 2.30, 2.31], [0.1] * 3, True),
        ([2.31, 2.30, 2.28], [0.1] * 3, False),
        ([9.0, 5.0, 2.4], [0.1] * 3, False),
        ([1.0, 2.3, 2.3, 2.3], [0.1] * 4, True),
        ([1.0, 2.0, 2.35], [0.1] * 3, False),
        ([2.31, 2.30, 2.31], [0.01, 0.04, 0.09], False),  # the rate, 0.1 in the next step, still rises
        ([2.31, 2.30, 2.31], [0.04, 0.09, 0.1], False),  # it has risen to its height in the third epoch
        ([2.31, 2.30, 2.31, 2.31, 2.31], [0.04, 0.09, 0.1, 0.1, 0.1], True),  # from which on three have passed
        ([2.31, 2.30, 2.31, 2.31], [0.3, 0.2, 0.2, 0.1], True),
    ],
)
def test_a_loss_is_stuck_where_it_is_that_of_guessing_and_does_not_fall(losses, rates, stuck):
    rows = [{"train/loss": loss, "lr": rate} for loss, rate in zip(losses, rates, strict=True)]
    history = SimpleNamespace(rows=rows)
    watch = Watch(history=history, patience=3, num_classes=10)
    trainer = SimpleNamespace(global_step=1000, optimizers=[torch.optim.SGD([torch.zeros(1)], lr=0.1)])
    with pytest.raises(RunEnded, match="guessing") if stuck else nullcontext():
        watch.on_train_epoch_end(trainer, None)


def test_a_loss_that_stays_at_chance_is_called_stuck(tmp_path, monkeypatch):
    options = ["model=lenet", "optimizer=sgd", "optimizer.lr=0.000001", "model.init=xavier", "trainer.max_epochs=6"]
    config = compose_config([*SMOKE, *options, "label_smoothing=0.1"])
    assert train(config, tmp_path / "few steps")["epochs"] == 6
    monkeypatch.setattr(watch_module, "MIN_STEPS", 12)
    with pytest.raises(
        RunEnded, match=r"^after 3 .* guessing \(2.303\), and does not fall\ntype another optimizer.lr"
    ) as ended:
        train(config, tmp_path / "stuck")
    assert ended.value.status == "stuck"
    record = read_record(tmp_path / "stuck")
    assert record["status"] == "stuck"
    assert 3 < record["epochs"] < 6  # in the first the rate still rises
    patient = compose_config([*SMOKE, *options, "watch.patience=null"])
    assert train(patient, tmp_path / "patient")["epochs"] == 6
    learning = compose_config([*SMOKE, "model=mlp", "trainer.max_epochs=6", "watch.patience=2"])
    assert train(learning, tmp_path / "learning")["epochs"] == 6


def test_the_first_epoch_of_a_warm_up_is_never_stuck():
    history = SimpleNamespace(rows=[{"train/loss": 2.31, "lr": 0.01}])
    watch = Watch(history=history, patience=1, num_classes=10)
    trainer = SimpleNamespace(global_step=1000, optimizers=[torch.optim.SGD([torch.zeros(1)], lr=0.1)])
    watch.on_train_epoch_end(trainer, None)
    trainer.optimizers = [torch.optim.SGD([torch.zeros(1)], lr=0.01)]
    with pytest.raises(RunEnded, match="guessing"):
        watch.on_train_epoch_end(trainer, None)


def test_the_rate_is_that_which_was_asked_for_and_clipping_is_advised_once():
    watch = Watch(history=None, patience=None, num_classes=10)
    watch._losses.append(torch.tensor(math.nan))
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.5)
    optimizer.param_groups[0] |= {"initial_lr": 0.5, "lr": 0.02}
    trainer = SimpleNamespace(precision="32-true", precision_plugin=None, gradient_clip_val=1.0, global_step=3)
    trainer.optimizers = [optimizer]
    with pytest.raises(RunEnded, match=r"\ntype a lower optimizer\.lr \(it is 0\.5\)$"):
        watch.check(trainer)
