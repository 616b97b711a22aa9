"""A run that is stopped anywhere and goes on ends, to the bit, as one that was never stopped."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from types import SimpleNamespace

import lightning
import pytest
import torch
from filelock import FileLock
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

import cnnzoo
from cnnzoo import fit
from cnnzoo import run as run_module
from cnnzoo.errors import BusyError, UserError
from cnnzoo.record import read_history, read_record, write_record
from cnnzoo.resume import MADE_WITH, earlier_parts, find_checkpoint
from cnnzoo.run import train
from cnnzoo.training import checkpoint_files, checkpoints, history
from cnnzoo.training.checkpoint_files import LAST, load
from cnnzoo.training.checkpoints import AtomicCheckpointIO, Checkpoints
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.saved_state import Progress, load_weights
from tests.composed import compose_config
from tests.conftest import ROOT

SMOKE = ["data=synthetic", "trainer=smoke", "data.num_train=1200", "data.num_test=200", "data.batch_size=16"]
SMOKE += ["pictures=false"]
# With dropout, augmentation, momentum, a schedule and batch norm: all that has a state.
STATEFUL = ["model=vgg11", "model.width=0.125", "model.hidden=64", "model.norm=batch", "data.augment=strong"]
STATEFUL += ["trainer.max_epochs=4", "optimizer=sgd"]
TIMING = ("seconds", "images_per_second")


class Killed(BaseException):
    """As if the process had ended here."""


class Steps:
    """Counts training and validation steps, keeps the losses, and does something in one of them."""

    def __init__(self, monkeypatch):
        self.losses = []
        self.at = {}
        steps = {name: getattr(ImageClassifier, name) for name in ("training_step", "validation_step")}

        def step(name):
            def counted(module, batch, index):
                result = steps[name](module, batch, index)
                if name == "training_step":
                    self.losses.append(result.item().hex())
                self.at.get((name, module.trainer.current_epoch, index), lambda: None)()
                return result

            return counted

        for name in steps:
            monkeypatch.setattr(ImageClassifier, name, step(name))


@pytest.fixture(scope="module", autouse=True)
def _the_second_epoch_is_the_best():
    """Which one it is would hang on the processor: 32 images are evaluated, and sums are rounded differently."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "is_best", lambda accuracies: len(accuracies) <= 2)
        yield


@pytest.fixture
def steps(monkeypatch):
    return Steps(monkeypatch)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return (folder, record, losses) of the run that is never stopped; it draws pictures, which change no figure."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        steps = Steps(patch)
        record = train(compose_config([*SMOKE, *STATEFUL, "pictures=true"]), folder)
    return folder, record, steps.losses


@pytest.fixture(scope="module")
def killed_once(tmp_path_factory):
    """Return the folder of a run that was killed in its third epoch."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.MonkeyPatch.context() as patch:
        Steps(patch).at["training_step", 2, 2] = kill
        with pytest.raises(Killed):
            train(compose_config([*SMOKE, *STATEFUL]), folder)
    return folder


@pytest.fixture
def killed(killed_once, tmp_path):
    """Return its configuration, and put a copy of it into the test's folder."""
    shutil.copytree(killed_once, tmp_path, dirs_exist_ok=True)
    return compose_config([*SMOKE, *STATEFUL])


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMING} for row in csv.DictReader(file)]


def assert_same_run(whole, folder, record):
    assert record["metrics"] == whole[1]["metrics"]
    assert record["epochs"] == 4
    assert rows(folder) == rows(whole[0])
    for name in ("best", "last"):
        a, b = (load_weights(each / "checkpoints" / f"{name}.ckpt") for each in (whole[0], folder))
        assert all(torch.equal(a[key], b[key]) for key in a)


def kill():
    raise Killed


@pytest.mark.parametrize("killed_in", ["training", "saving the last", "testing"])
def test_a_killed_run_goes_on_after_its_last_epoch(killed_in, whole, killed_once, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        if killed_in == "training":
            shutil.copytree(killed_once, tmp_path, dirs_exist_ok=True)
        elif killed_in == "saving the last":
            save = AtomicCheckpointIO.save_checkpoint
            patch.setattr(
                AtomicCheckpointIO,
                "save_checkpoint",
                lambda io, state, path, **options: (
                    kill() if state["epoch"] == 1 and state["global_step"] == 8 else save(io, state, path, **options)
                ),
            )
        else:
            patch.setattr(lightning.Trainer, "test", lambda *_, **__: kill())
        if killed_in != "training":
            with pytest.raises(Killed):
                train(config, tmp_path)
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    finished = (tmp_path / "run.json").read_bytes()
    assert train(config, tmp_path, resume=True)["metrics"] == whole[1]["metrics"]  # nothing is left to do
    assert (tmp_path / "run.json").read_bytes() == finished
    with pytest.raises(UserError, match="already holds a run"):
        train(config, tmp_path)


STOPS = [  # step, epoch, batch; the losses that are there when it has stopped
    ("training_step", 0, 0, 1),
    ("training_step", 1, 1, 6),
    ("validation_step", 1, 0, 8),
    ("training_step", 2, 3, 12),  # the last of its epoch
    ("validation_step", 3, 1, 16),
]


@pytest.mark.parametrize(
    ("stop", "number"),
    [
        *((stop, signal.SIGTERM) for stop in STOPS),
        (STOPS[1], signal.SIGUSR1),
        (STOPS[2], signal.SIGINT),
        *(
            pytest.param(stop, number, marks=pytest.mark.fault)
            for stop, number in product(STOPS, (signal.SIGUSR1, signal.SIGINT))
            if (stop, number) not in ((STOPS[1], signal.SIGUSR1), (STOPS[2], signal.SIGINT))
        ),
    ],
    ids=str,
)
def test_a_signal_saves_within_the_batch_and_the_run_goes_on_there(stop, number, whole, steps, tmp_path, count):
    *where, trained = stop
    config = compose_config([*SMOKE, *STATEFUL])
    steps.at[tuple(where)] = lambda: os.kill(os.getpid(), number)
    with pytest.raises(SystemExit) as stopped:
        train(config, tmp_path)
    assert stopped.value.code == (130 if number == signal.SIGINT else 143)
    record = read_record(tmp_path)
    assert (record["status"], record["error"]) == ("preempted", f"stopped by {number.name}")
    assert len(steps.losses) == trained
    assert load(tmp_path / "checkpoints" / LAST)["global_step"] == trained
    steps.at.clear()
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    assert steps.losses == whole[2]
    count("T08")


def test_a_best_epoch_that_is_newer_than_the_last_is_gone_on_from(whole, steps, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        copies = []
        copy = checkpoint_files.copy
        patch.setattr(
            checkpoint_files,
            "copy",
            lambda *paths: (copies.append(paths), kill() if len(copies) == 2 else copy(*paths)),
        )
        with pytest.raises(Killed):
            train(config, tmp_path)
    files = (tmp_path / "checkpoints" / name for name in ("best.ckpt", LAST))
    assert [load(path)["global_step"] for path in files] == [8, 4]
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    assert steps.losses == whole[2]  # no step was done twice


@pytest.fixture
def later(monkeypatch):
    """Return what lets many seconds pass at once."""
    clock, passed = time.perf_counter, []
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + sum(passed))
    return passed.append


def test_the_time_of_an_epoch_that_was_stopped_is_in_the_total(steps, later, tmp_path):
    config = compose_config([*SMOKE, "trainer.max_epochs=1"])
    steps.at["training_step", 0, 0] = lambda: later(1000)
    steps.at["training_step", 0, 1] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        train(config, tmp_path)
    steps.at.clear()
    seconds = train(config, tmp_path, resume=True)["seconds"]
    assert 1000 < seconds["per_epoch"] < seconds["total"] < 1100


def test_the_time_of_an_epoch_that_was_finished_is_in_the_total_once(steps, later, tmp_path):
    config = compose_config([*SMOKE, "trainer.max_epochs=2"])
    steps.at["training_step", 0, 0] = lambda: later(1000)
    steps.at["training_step", 1, 0] = kill
    with pytest.raises(Killed):
        train(config, tmp_path)
    steps.at.clear()
    assert 1000 < train(config, tmp_path, resume=True)["seconds"]["total"] < 1100


def test_what_an_earlier_part_ran_on_is_on_record(steps, tmp_path, capsys):
    config = compose_config([*SMOKE, "trainer.max_epochs=2"])
    steps.at["training_step", 1, 1] = kill
    with pytest.raises(Killed):
        train(config, tmp_path)
    steps.at.clear()
    earlier = [dict.fromkeys(MADE_WITH) | {"device": name} for name in ("cuda (H0)", None)]  # made anew
    record = read_record(tmp_path) | {"device": "cuda (H1)", "earlier": earlier, "started": "2026-11-22T07:00:00+00:00"}
    write_record(tmp_path, record)
    after = train(config, tmp_path, resume=True)
    assert [part["device"] for part in after["earlier"]] == ["cuda (H0)", "cuda (H1)"]
    assert after["started"] == "2026-11-22T07:00:00+00:00"
    assert (
        f"note: an earlier part ran with device cuda (H1), this one with {after['device']}" in capsys.readouterr().err
    )


def test_a_part_that_saved_nothing_is_no_part(steps, tmp_path):
    """It failed, or was interrupted, before its first checkpoint, and what it ran on has no share in the figures."""
    config = compose_config([*SMOKE, "trainer.max_epochs=2"])
    steps.at["training_step", 1, 1] = kill
    with pytest.raises(Killed):
        train(config, tmp_path)
    with pytest.raises(Killed):
        train(config, tmp_path, resume=True)
    steps.at.clear()
    write_record(tmp_path, read_record(tmp_path) | {"device": "cuda (H1)"})
    assert "earlier" not in train(config, tmp_path, resume=True)


@pytest.mark.parametrize(("text", "saved"), [("{", True), ("{", False), ("[]", True), ("[]", False), (None, True)])
def test_a_damaged_or_lost_record_is_answered_in_words(text, saved, tmp_path):
    if text is not None:
        (tmp_path / "run.json").write_text(text)
    if saved:
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / LAST).touch()
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        train(compose_config(SMOKE), tmp_path, resume=True)


def test_a_run_can_be_stopped_again_and_again(whole, steps, tmp_path):
    config = compose_config([*SMOKE, *STATEFUL])
    for *where, _ in STOPS:
        steps.at = {tuple(where): lambda: os.kill(os.getpid(), signal.SIGTERM)}
        with pytest.raises(SystemExit):
            train(config, tmp_path, resume=True)
    steps.at.clear()
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    assert steps.losses == whole[2]


def test_a_run_that_is_saved_within_its_epochs_goes_on_there(whole, steps, tmp_path):
    config = compose_config([*SMOKE, *STATEFUL, "checkpoint.every_minutes=0.00000001"])
    steps.at["training_step", 1, 2] = kill
    with pytest.raises(Killed):
        train(config, tmp_path)
    steps.at.clear()
    assert load(tmp_path / "checkpoints" / LAST)["global_step"] == 6
    steps.losses.pop()  # of the step that was not finished
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    assert steps.losses == whole[2]


def test_a_save_within_an_epoch_is_no_part_of_its_time(steps, tmp_path, monkeypatch):
    save, slow = checkpoint_files.save, []

    def save_slowly(*arguments):
        slow.append(1)
        time.sleep(0.5)
        save(*arguments)

    monkeypatch.setattr(checkpoint_files, "save", save_slowly)
    record = train(compose_config([*SMOKE, "checkpoint.every_minutes=1e-7"]), tmp_path)
    assert len(slow) > 2 * record["epochs"]  # two or more within each epoch
    assert record["seconds"]["per_epoch"] < 2 * 0.5


def test_a_second_ctrl_c_does_not_wait(steps, tmp_path):
    def press_twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    steps.at["training_step", 0, 1] = press_twice
    with pytest.raises(SystemExit) as stopped:
        train(compose_config(SMOKE), tmp_path)
    assert stopped.value.code == 130
    assert not (tmp_path / "checkpoints").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait_though_another_signal_came_between(steps, tmp_path):
    steps.at["training_step", 0, 1] = lambda: [
        os.kill(os.getpid(), number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGINT)
    ]
    with pytest.raises(SystemExit):
        train(compose_config(SMOKE), tmp_path)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_that_comes_twice_is_one(number, steps, tmp_path):
    """As where a scheduler sends it to a sweep and its cells, and the sweep hands it on."""
    steps.at["training_step", 0, 1] = lambda: [os.kill(os.getpid(), number) for _ in range(2)]
    with pytest.raises(SystemExit) as stopped:
        train(compose_config(SMOKE), tmp_path)
    assert stopped.value.code == 143
    assert load(tmp_path / "checkpoints" / LAST)["global_step"] == 2


def test_a_signal_while_the_outcome_is_recorded_changes_nothing(tmp_path, monkeypatch):
    write = run_module.write_record

    def interrupted(folder, record):
        if record["status"] == "completed":
            os.kill(os.getpid(), signal.SIGTERM)
        write(folder, record)

    monkeypatch.setattr(run_module, "write_record", interrupted)
    assert train(compose_config([*SMOKE, "trainer.max_epochs=1"]), tmp_path)["status"] == "completed"
    assert read_record(tmp_path)["status"] == "completed"


def test_a_run_under_the_protocol_of_the_course_goes_on_and_is_loaded(steps, tmp_path):
    config = compose_config([*SMOKE, *STATEFUL, "protocol=course"])
    whole = train(config, tmp_path / "whole")
    steps.at["training_step", 1, 1] = kill
    with pytest.raises(Killed):
        train(config, tmp_path / "cut")
    steps.at.clear()
    assert train(config, tmp_path / "cut", resume=True)["metrics"] == whole["metrics"]
    last = load_weights(tmp_path / "whole" / "checkpoints" / LAST)
    for folder in (tmp_path / "whole", tmp_path / "cut"):
        net = cnnzoo.load(folder).net.state_dict()
        assert all(torch.equal(net[key], last[key]) for key in last)


def put(folder, column, values):
    header, *lines = (line.split(",") for line in (folder / "metrics.csv").read_text().splitlines())
    for line, value in zip(lines, values, strict=True):
        line[header.index(column)] = value
    (folder / "metrics.csv").write_text("".join(f"{','.join(line)}\n" for line in (header, *lines)))


def test_a_run_goes_on_only_where_its_best_weights_are_known(killed, tmp_path):
    """Otherwise it would report the figures of one epoch and test another's weights."""
    folder = tmp_path / "checkpoints"
    put(tmp_path, "val/acc", ("0.9", "0.1"))
    assert find_checkpoint(killed, tmp_path) == (folder / LAST, Progress(8, 2))
    damage(folder / "best.ckpt")
    assert find_checkpoint(killed, tmp_path) == (folder / "previous.ckpt", Progress(4, 1))
    assert load(folder / "best.ckpt")["global_step"] == 4


def test_weights_from_within_an_epoch_are_not_those_of_the_best_one_before(killed, tmp_path):
    folder = tmp_path / "checkpoints"
    put(tmp_path, "val/acc", ("0.1", "0.9"))
    put(tmp_path, "step", ("4", "7"))  # the last checkpoint is of step 8
    damage(folder / "best.ckpt")
    assert find_checkpoint(killed, tmp_path) == (folder / "previous.ckpt", Progress(4, 1))


def test_a_run_that_goes_on_tidies_up_and_says_nothing_of_it(killed, tmp_path, capsys):
    (tmp_path / ".run.json.7.tmp").touch()
    assert find_checkpoint(killed, tmp_path) == (tmp_path / "checkpoints" / LAST, Progress(8, 2))
    assert not (tmp_path / ".run.json.7.tmp").exists()
    assert capsys.readouterr().err == ""


def test_the_history_of_a_run_that_goes_on_is_that_of_its_checkpoint_from_the_start(killed, tmp_path):
    history.History(tmp_path, epochs=1)
    assert [row["epoch"] for row in read_history(tmp_path)] == [1]


def test_a_checkpoint_that_is_ahead_of_the_history_is_not_gone_on_from(killed, tmp_path, capsys):
    lines = (tmp_path / "metrics.csv").read_text().splitlines(keepends=True)
    (tmp_path / "metrics.csv").write_text("".join(lines[:-1]))
    assert find_checkpoint(killed, tmp_path) == (tmp_path / "checkpoints" / "previous.ckpt", Progress(4, 1))
    said = capsys.readouterr().err
    assert "metrics.csv has fewer epochs than" in said
    assert "last.ckpt is kept as last.ckpt.old" in said  # or the second save of the run that goes on would end it
    assert (tmp_path / "checkpoints" / "last.ckpt.old").exists()


def test_a_signal_that_someone_else_handles_is_left_to_them(steps, tmp_path):
    seen = []
    before = signal.signal(signal.SIGUSR1, lambda *_: seen.append("theirs"))
    try:
        steps.at["training_step", 0, 1] = lambda: os.kill(os.getpid(), signal.SIGUSR1)
        assert train(compose_config(SMOKE), tmp_path)["status"] == "completed"
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == ["theirs"]


def test_without_the_seeds_of_its_steps_a_run_would_go_on_otherwise(whole, steps, tmp_path, monkeypatch):
    monkeypatch.setattr("cnnzoo.data.datamodule.seed_step", lambda *_: None)
    config = compose_config([*SMOKE, *STATEFUL])
    steps.at["training_step", 1, 1] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        train(config, tmp_path / "cut")
    steps.at.clear()
    train(config, tmp_path / "cut", resume=True)
    cut, steps.losses = steps.losses, []
    train(config, tmp_path / "whole")
    assert cut[:6] == steps.losses[:6]
    assert cut[6:] != steps.losses[6:]


def damage(path):
    """Flip a bit of the file, in place."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)[0] ^ 1
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte]))


def test_best_weights_that_are_damaged_before_the_test_say_what_to_type(tmp_path, monkeypatch):
    best = tmp_path / "checkpoints" / "best.ckpt"
    load_best = fit.load_weights
    monkeypatch.setattr(fit, "load_weights", lambda path: (damage(path), load_best(path)))
    with pytest.raises(UserError, match=rf"{best} is damaged: .*\ntype python train.py resume=.*: it trains what is "):
        train(compose_config(SMOKE), tmp_path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["last.ckpt"], "going on from .*best.ckpt"),
        (["best.ckpt"], "going on from|starting from the beginning; what there was is kept as last.ckpt.old"),
        (["last.ckpt", "best.ckpt"], "going on from .*previous.ckpt|starting from the beginning"),
        (["last.ckpt", "previous.ckpt", "best.ckpt"], "starting from the beginning"),
    ],
)
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_used(names, said, whole, killed, tmp_path, capsys):
    for name in names:
        damage(tmp_path / "checkpoints" / name)
    assert_same_run(whole, tmp_path, train(killed, tmp_path, resume=True))
    words = capsys.readouterr().err
    for name in names:
        assert f"{name} is damaged, and is now called {name}.corrupt" in words
        assert (tmp_path / "checkpoints" / f"{name}.corrupt").exists()
    assert re.search(said, words)
    if "starting from the beginning" in words:
        assert len((tmp_path / "metrics.csv.old").read_text().splitlines()) == 3  # the epochs that it had


def test_a_run_that_starts_over_and_is_killed_again_does_not_go_on_from_what_it_had(whole, killed, steps, tmp_path):
    for name in ("best.ckpt", "previous.ckpt", "last.ckpt"):
        damage(tmp_path / "checkpoints" / name)
    steps.at = {("training_step", 0, 1): kill}
    with pytest.raises(Killed):
        train(killed, tmp_path, resume=True)
    steps.at.clear()
    assert_same_run(whole, tmp_path, train(killed, tmp_path, resume=True))


def test_a_run_that_is_killed_while_it_saves_an_epoch_after_a_stop_in_its_evaluation(
    whole, steps, tmp_path, monkeypatch
):
    config = compose_config([*SMOKE, *STATEFUL])
    steps.at["validation_step", 1, 0] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        train(config, tmp_path)
    steps.at.clear()
    with monkeypatch.context() as patch:
        patch.setattr(AtomicCheckpointIO, "save_checkpoint", lambda *_, **__: kill())
        with pytest.raises(Killed):
            train(config, tmp_path, resume=True)
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))


@pytest.mark.parametrize("where", [("training_step", 0, 2), ("validation_step", 0, 1), ("validation_step", 2, 0)])
def test_the_curves_of_a_resumed_run_have_every_point_once(where, steps, tmp_path, monkeypatch):
    # Files are read in the order of their names, and those of one process and second are numbered.
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(100))
    config = compose_config([*SMOKE, *STATEFUL])
    steps.at[where] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        train(config, tmp_path)
    steps.at = {("training_step", 3, 1): kill}
    with pytest.raises(Killed):
        train(config, tmp_path, resume=True)
    steps.at.clear()
    train(config, tmp_path, resume=True)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in ("loss/train", "acc/val", "training/lr"):
        assert [event.step for event in events.Scalars(name)] == [3, 7, 11, 15]
    assert [event.step for event in events.Scalars("loss/batch")] == [*range(16)]


def test_the_curves_of_an_epoch_that_was_saved_are_there_when_the_run_was_stopped_right_then(
    steps, tmp_path, monkeypatch
):
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(200))
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        save = AtomicCheckpointIO.save_checkpoint

        def interrupted(io, state, path, **options):
            save(io, state, path, **options)
            if state["global_step"] == 8:
                os.kill(os.getpid(), signal.SIGTERM)

        patch.setattr(AtomicCheckpointIO, "save_checkpoint", interrupted)
        with pytest.raises(SystemExit):
            train(config, tmp_path)
    train(config, tmp_path, resume=True)
    events = EventAccumulator(str(tmp_path)).Reload()
    for name in (
        "loss/train",
        "acc/train",
        "training/grad_norm",
        "training/lr",
        "training/images_per_second",
        "acc/val",
    ):
        assert [event.step for event in events.Scalars(name)] == [3, 7, 11, 15]


def test_the_most_memory_is_that_of_all_parts_of_a_run(steps, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        patch.setattr(history, "peak_bytes", lambda device: 2**60)
        steps.at["validation_step", 3, 0] = lambda: os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(SystemExit):
            train(config, tmp_path)
    steps.at.clear()
    assert train(config, tmp_path, resume=True)["peak_bytes"] == 2**60


def test_the_most_memory_is_of_the_device_that_is_on_record(steps, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, "model=mlp"])
    with monkeypatch.context() as patch:
        patch.setattr(history, "peak_bytes", lambda device: 2**60)
        steps.at["training_step", 1, 0] = kill
        with pytest.raises(Killed):
            train(config, tmp_path)
    steps.at.clear()
    write_record(tmp_path, read_record(tmp_path) | {"device": "cuda (H1)"})
    assert train(config, tmp_path, resume=True)["peak_bytes"] < 2**60


def test_the_most_memory_is_kept_however_often_a_run_is_stopped(tmp_path):
    before = {"epochs": 0, "seconds": 1.0, "trained": None, "images": 0, "lr": 0.1, "peak_bytes": 2**60}
    going_on = history.History(tmp_path)
    going_on.load_state_dict(before)
    going_on.on_train_start(None, SimpleNamespace(device=torch.device("cpu")))
    assert going_on.state_dict()["peak_bytes"] == 2**60


def test_a_signal_at_the_very_end_stops_before_the_test(whole, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        ended = Checkpoints.on_train_end

        def interrupted(callback, *arguments):
            os.kill(os.getpid(), signal.SIGTERM)
            ended(callback, *arguments)

        patch.setattr(Checkpoints, "on_train_end", interrupted)
        with pytest.raises(SystemExit) as stopped:
            train(config, tmp_path)
    assert stopped.value.code == 143
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))


def test_a_signal_between_two_batches_saves_in_the_next(whole, steps, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    with monkeypatch.context() as patch:
        ended = Checkpoints.on_train_batch_end

        def interrupted(callback, trainer, module, outputs, batch, index):
            ended(callback, trainer, module, outputs, batch, index)
            if trainer.global_step == 6:
                os.kill(os.getpid(), signal.SIGTERM)

        patch.setattr(Checkpoints, "on_train_batch_end", interrupted)
        with pytest.raises(SystemExit) as stopped:
            train(config, tmp_path)
    assert stopped.value.code == 143
    assert load(tmp_path / "checkpoints" / LAST)["global_step"] == 7
    assert_same_run(whole, tmp_path, train(config, tmp_path, resume=True))
    assert steps.losses == whole[2]


def test_a_folder_that_is_in_use_is_left_alone(tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(BusyError, match="another process is writing to"):
        train(compose_config(SMOKE), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} <= {".lock"}


def test_a_reader_that_has_seen_enough_does_not_end_the_run(tmp_path):
    command = f"{sys.executable} {ROOT / 'train.py'} data=synthetic trainer=smoke model=mlp trainer.max_epochs=10"
    subprocess.run(f"{command} hydra.run.dir=run | head -1", shell=True, cwd=tmp_path, check=True, capture_output=True)
    record = read_record(tmp_path / "run")
    assert (record["status"], record["epochs"]) == ("completed", 10)


def test_other_threads_are_said(capsys):
    made = dict.fromkeys(MADE_WITH) | {"device": "cpu", "threads": 2}
    before = made | {"threads": 4, "from_step": 0}
    assert [part["threads"] for part in earlier_parts(before, made | {"from_step": 9})] == [4]
    assert capsys.readouterr().err == "note: an earlier part ran with threads 4, this one with 2\n"


def test_a_run_that_starts_over_has_no_earlier_parts(steps, tmp_path):
    config = compose_config([*SMOKE, "model=mlp", "trainer.max_epochs=2"])
    steps.at["training_step", 1, 1] = kill
    with pytest.raises(Killed):
        train(config, tmp_path)
    steps.at.clear()
    part = dict.fromkeys(MADE_WITH) | {"device": "cuda (H1)"}
    write_record(tmp_path, read_record(tmp_path) | {"earlier": [part]})
    for path in tmp_path.glob("checkpoints/*.ckpt"):
        damage(path)
    assert "earlier" not in train(config, tmp_path, resume=True)
