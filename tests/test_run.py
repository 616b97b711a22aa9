import csv
import errno
import inspect
import json
import math
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import lightning
import pytest
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch import nn

from cnnzoo import memory, run
from cnnzoo.build import build_data, build_net
from cnnzoo.checks import check_config, keys
from cnnzoo.choices import options
from cnnzoo.errors import UserError
from cnnzoo.facts import check
from cnnzoo.fit import TOLD_FIRST
from cnnzoo.models import MLP
from cnnzoo.pictures import Pictures
from cnnzoo.record import read_record, write_record
from cnnzoo.reload import read_run
from cnnzoo.rules import LOOP_KEYS, OUR_TRAINER_KEYS
from cnnzoo.run import train
from cnnzoo.scratch import BatchNorm
from cnnzoo.training import history
from cnnzoo.training.checkpoints import AtomicCheckpointIO
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.saved_state import load_weights
from tests.composed import compose_config
from tests.models.test_zoo import NARROW

SMOKE = ["data=synthetic", "trainer=smoke", "data.num_train=1200", "data.num_test=200", "data.batch_size=50"]
KEYS = (
    "schema status started name choices config changed seed protocol precision stem params conv_params dense_params "
    "num_convs "
    "num_dense macs input_shape "
    "micro_batch_size metrics epochs seconds images_per_second peak_bytes device threads slots versions git data error "
    "from_step"
)  # fmt: skip


def smoke(folder, *overrides):
    return train(compose_config([*SMOKE, "pictures=false", *overrides]), folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "lenet"
    smoke(folder, "pictures=true")
    return folder


def rows(folder):
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_record_says_what_was_asked_and_what_happened(finished):
    record = read_record(finished)
    assert list(record) == KEYS.split()
    assert (record["schema"], record["status"], record["error"]) == (1, "completed", None)
    assert record["name"] == "lenet-28-adamw-s0"
    assert record["choices"]["model"] == "lenet"
    assert record["config"]["trainer"]["max_epochs"] == 2
    assert (record["params"], record["macs"], record["input_shape"]) == (61_706, 416_520, [1, 28, 28])
    assert (record["num_convs"], record["num_dense"]) == (2, 3)
    assert (record["conv_params"], record["dense_params"]) == (156 + 2_416, 48_120 + 10_164 + 850)
    assert (record["stem"], record["protocol"], record["epochs"]) == ("paper", "holdout", 2)
    assert record["precision"] in ("32-true", "bf16-mixed", "16-mixed")
    assert set(record["metrics"]) == {
        f"{stage}/{name}" for stage in ("train", "val", "test") for name in ("loss", "acc")
    } | {"epoch", "train/grad_norm"}
    assert 0 < record["seconds"]["per_epoch"] < record["seconds"]["total"]
    assert 0 < record["seconds"]["setup"] < record["seconds"]["total"]
    assert record["images_per_second"] > 0
    assert record["peak_bytes"] > 2**20
    assert {name: record["data"][name] for name in ("train", "val", "test")} == {"train": 1100, "val": 100, "test": 200}
    assert record["versions"]["torch"] == torch.__version__.split("+")[0]


def test_metrics_csv_has_a_row_per_epoch_and_the_record_its_best(finished):
    record = read_record(finished)
    table = rows(finished)
    assert [row["epoch"] for row in table] == ["1", "2"]
    assert [row["step"] for row in table] == ["4", "8"]
    assert table[0]["train/loss"] != table[1]["train/loss"]
    best = max(table, key=lambda row: float(row["val/acc"]))
    assert int(best["epoch"]) == record["metrics"]["epoch"]
    assert float(best["val/acc"]) == record["metrics"]["val/acc"]


def test_tensorboard_shows_the_same_figures(finished):
    events = EventAccumulator(str(finished)).Reload()
    losses = {f"{name}/{stage}" for name in ("acc", "loss") for stage in ("train", "val", "test", "val_best")}
    others = {f"training/{name}" for name in ("grad_norm", "images_per_second", "lr", "seconds_per_epoch")}
    assert set(events.Tags()["scalars"]) == losses | others | {"loss/batch"}
    groups = [tag.partition("/")[0] for tag in events.Tags()["scalars"] + events.Tags()["images"]]
    assert sorted({*groups})[:2] == ["acc", "loss"]  # those that TensorBoard opens on
    shown = [event.value for event in events.Scalars("loss/val")]
    assert shown == pytest.approx([float(row["val/loss"]) for row in rows(finished)], abs=1e-5)
    for name, least in (("images_per_second", 0.1), ("lr", 1e-6), ("train/grad_norm", 1e-5)):
        shown = [event.value for event in events.Scalars(f"training/{name.removeprefix('train/')}")]
        assert shown == pytest.approx([float(row[name]) for row in rows(finished)], abs=least)
    assert "config/text_summary" in events.Tags()["tensors"]
    batches = events.Scalars("loss/batch")
    assert [event.step for event in batches] == list(range(8))
    means = [sum(event.value for event in batches[at : at + 4]) / 4 for at in (0, 4)]
    assert means == pytest.approx([float(row["train/loss"]) for row in rows(finished)], abs=1e-5)


def test_tensorboard_shows_what_the_net_sees_and_has_learned(finished):
    events = EventAccumulator(str(finished)).Reload()
    assert set(events.Tags()["images"]) == {
        *("visuals/training images", "visuals/filters of the first layer"),
        *("visuals/confusion matrix", "visuals/worst mistakes"),
        *(f"visuals/feature maps of image {index}" for index in range(3)),
    }
    assert events.Tags()["graph"]
    record = read_record(finished)
    told = HParamsPluginData.FromString(events.SummaryMetadata("_hparams_/session_start_info").plugin_data.content)
    assert sorted(told.session_start_info.hparams)[:5] == [f" {key}" for key in TOLD_FIRST]  # those that it shows
    values = {key.strip(): value for key, value in told.session_start_info.hparams.items()}
    assert (values["model"].string_value, values["data.resize"].number_value) == ("lenet", 28)
    assert (values["optimizer.lr"].number_value, values["model.norm"].string_value) == (0.03, "none")
    assert (values["trainer.gradient_clip_val"].string_value, values["compile"].string_value) == ("null", "false")
    assert values["trainer.precision"].string_value == record["precision"]
    asked = {*keys(record["config"]), "model", "optimizer", "scheduler", "data"} - {*values}
    assert {key.partition(".")[0] for key in asked} == {
        "checkpoint",
        "data",
        "export",
        "model",
        "pictures",
        "trainer",
        "watch",
    }
    assert not asked & {"data.augment", "trainer.limit_train_batches", "protocol", "seed", "model.activation"}
    assert "_hparams_/experiment" not in events.Tags()["tensors"]  # the first run's would decide on the columns of all
    figures = record["metrics"] | {"seconds": record["seconds"]["per_epoch"]}
    shown = {"acc/test": "test/acc", "acc/val_best": "val/acc", "training/seconds_per_epoch": "seconds"}
    for tag, kept in shown.items():
        assert events.Scalars(tag)[-1].value == pytest.approx(figures[kept], abs=1e-5)


def test_pictures_can_be_left_out(tmp_path):
    smoke(tmp_path, "pictures=false")
    tags = EventAccumulator(str(tmp_path)).Reload().Tags()
    assert (tags["images"], tags["graph"]) == ([], False)
    assert "acc/test" in tags["scalars"]


def test_the_best_checkpoint_is_the_tested_net_and_loads_without_objects(finished):
    record = read_record(finished)
    config = compose_config([*SMOKE, "trainer=default"])
    weights = load_weights(finished / "checkpoints" / "best.ckpt")
    load_weights(finished / "checkpoints" / "last.ckpt")
    net = build_net(config).eval()
    net.load_state_dict(weights)
    data = build_data(config)
    data.setup()
    correct = count = 0
    for batch in list(data.test_dataloader())[:2]:  # as many as the smoke test reads
        images, labels = data.on_after_batch_transfer(batch, 0)
        with torch.autocast("cpu", torch.bfloat16, enabled=record["precision"] == "bf16-mixed"), torch.no_grad():
            correct += (net(images).argmax(1) == labels).sum().item()
        count += len(labels)
    assert correct / count == pytest.approx(record["metrics"]["test/acc"])


def test_the_last_checkpoint_is_of_the_last_epoch_and_the_best_of_the_best(tmp_path, monkeypatch):
    accuracies = iter([0.3, 0.5, 0.4, 0.5, 0.2])
    figures = ImageClassifier.epoch_metrics

    def falling(classifier, stage):
        replaced = {"val/acc": torch.tensor(next(accuracies))} if stage == "val" else {}
        return figures(classifier, stage) | replaced

    monkeypatch.setattr(ImageClassifier, "epoch_metrics", falling)
    record = smoke(tmp_path, "trainer.max_epochs=5")
    assert record["metrics"]["epoch"] == 2
    steps = [
        torch.load(tmp_path / "checkpoints" / f"{name}.ckpt", weights_only=True)["global_step"]
        for name in ("best", "last")
    ]
    assert steps == [8, 20]


def test_steps_are_channels_last_and_keep_the_memory_that_they_free(tmp_path, monkeypatch):
    step, formats, kept = ImageClassifier.training_step, [], []

    def look(classifier, batch, batch_idx):
        weights = [each for each in classifier.parameters() if each.ndim == 4 and each.shape[1] > 1]
        formats.extend(each.is_contiguous(memory_format=torch.channels_last) for each in weights)
        return step(classifier, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "training_step", look)
    monkeypatch.setattr(run, "keep_freed_memory", lambda: kept.append(True))
    smoke(tmp_path)
    assert formats
    assert all(formats)
    assert kept


def test_every_epoch_has_its_own_order(tmp_path, monkeypatch):
    seen = []
    step = ImageClassifier.training_step

    def remember(classifier, batch, batch_idx):
        seen.append((classifier.current_epoch, tuple(batch[1].tolist())))
        return step(classifier, batch, batch_idx)

    monkeypatch.setattr(ImageClassifier, "training_step", remember)
    smoke(tmp_path)
    orders = [tuple(labels for at, labels in seen if at == epoch) for epoch in (0, 1)]
    assert orders[0] != orders[1]
    data = build_data(compose_config(SMOKE))
    data.setup()
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    assert orders[1] == tuple(tuple(labels.tolist()) for _, labels in loader)[:4]


def test_the_folder_holds_what_the_documentation_lists(finished):
    names = {path.relative_to(finished).as_posix().split(".tfevents")[0] for path in finished.rglob("*")}
    expected = {"run.json", "metrics.csv", "confusion.csv", "config.yaml", "events.out", "checkpoints", ".lock"}
    assert names == expected | {f"checkpoints/{name}" for name in ("best.ckpt", "last.ckpt", "SHA256SUMS")}
    sums = (finished / "checkpoints" / "SHA256SUMS").read_text().splitlines()
    assert sorted(line.split()[1] for line in sums) == ["best.ckpt", "last.ckpt"]


def test_the_same_seed_gives_the_same_run_and_another_does_not(finished, tmp_path):
    options = ["data.augment=strong"]
    first = smoke(tmp_path / "a", *options)["metrics"]
    torch.rand(7)
    assert smoke(tmp_path / "b", *options)["metrics"] == first
    assert smoke(tmp_path / "c", *options, "seed=1")["metrics"] != first
    columns = ("train/loss", "train/acc", "val/loss", "val/acc")
    assert [[row[name] for name in columns] for row in rows(tmp_path / "a")] == [
        [row[name] for name in columns] for row in rows(tmp_path / "b")
    ]


def test_evaluation_does_not_depend_on_how_images_are_batched(finished, tmp_path):
    config = compose_config([*SMOKE, "data.resize=32", "model=lenet_bn"])
    net = build_net(config).eval()
    logits = []
    for batch_size in (7, 50):
        config.values["data"]["batch_size"] = batch_size
        data = build_data(config)
        data.setup()
        with torch.no_grad():
            logits.append(
                torch.cat([net(data.on_after_batch_transfer(batch, 0)[0]) for batch in data.val_dataloader()])
            )
    torch.testing.assert_close(*logits)


def test_the_course_protocol_is_evaluated_on_the_test_set_and_says_so(tmp_path):
    record = smoke(tmp_path, "protocol=course", "trainer.limit_test_batches=1.0", "trainer.limit_val_batches=1.0")
    table = rows(tmp_path)
    assert record["protocol"] == "course"
    assert {name: record["data"][name] for name in ("train", "val", "test")} == {"train": 1200, "val": 0, "test": 200}
    assert "val/acc" not in table[0]
    assert float(table[-1]["test/acc"]) == record["metrics"]["test/acc"]  # of the last epoch, not of the best
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()
    assert (tmp_path / "checkpoints" / "last.ckpt").exists()


def test_a_failed_run_says_why(tmp_path, monkeypatch):
    def explode(*_):
        raise RuntimeError("the reason")

    monkeypatch.setattr(ImageClassifier, "validation_step", explode)
    with pytest.raises(RuntimeError, match="the reason"):
        smoke(tmp_path)
    record = read_record(tmp_path)
    assert record["status"] == "failed"
    assert record["error"].endswith("RuntimeError: the reason\n")
    assert record["data"]["train"] == 1100


def test_an_error_is_no_full_disk_and_is_raised_though_the_disk_is_full(tmp_path, monkeypatch):
    write = run.write_record

    def full(folder, record):
        if record["status"] != "running":
            raise OSError(errno.ENOSPC, "No space left on device")
        write(folder, record)

    def lost(*_):
        raise FileNotFoundError("images of one's own")

    monkeypatch.setattr(run, "write_record", full)
    monkeypatch.setattr(memory, "fit_and_test", lost)
    with pytest.raises(FileNotFoundError, match="of one's own"):
        smoke(tmp_path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_a_run_that_is_interrupted_has_not_failed(error, tmp_path, monkeypatch):
    """As where somebody else handles Ctrl-C."""

    def interrupted(*_):
        raise error

    monkeypatch.setattr(memory, "fit_and_test", interrupted)
    with pytest.raises(error):
        smoke(tmp_path)
    assert read_record(tmp_path)["status"] == "preempted"


def test_a_run_without_a_figure_is_not_completed(finished, tmp_path):
    record = read_record(finished)
    for metrics, is_completed in ((record["metrics"], True), ({}, False)):
        write_record(tmp_path, record | {"metrics": metrics})
        assert run.is_completed(tmp_path) is is_completed


def test_a_folder_whose_run_never_began_can_be_used_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(memory, "fit_and_test", lambda *_: (_ for _ in ()).throw(UserError("no network")))
        with pytest.raises(UserError):
            smoke(tmp_path)
    assert read_record(tmp_path)["error"] == "no network"
    assert smoke(tmp_path)["status"] == "completed"


def test_a_run_is_never_overwritten(finished):
    before = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match="already holds a run"):
        smoke(finished)
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == before


def test_a_record_is_there_from_the_start(tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(
        memory, "fit_and_test", lambda *_: seen.update(json.loads((tmp_path / "run.json").read_text())) or {}
    )
    monkeypatch.setattr(run, "print_summary", lambda *_: None)
    smoke(tmp_path)
    assert (seen["status"], seen["data"], seen["seconds"]["total"]) == ("running", None, None)
    assert seen["params"] == 61_706


VARIANTS = [
    *(f"{group}={option}" for group in ("optimizer", "scheduler") for option in options(group)),
    "trainer.gradient_clip_val=0.1",
    "data.augment=strong",
    "data.resize=40",
    "trainer.precision=32-true",
    "model=googlenet model.aux_heads=true",
]


@pytest.mark.parametrize("override", VARIANTS)
def test_every_option_trains(tmp_path, override):
    assert one_epoch(tmp_path, *override.split())["status"] == "completed"


@pytest.mark.parametrize("name", options("model"))
def test_every_net_trains(tmp_path, monkeypatch, name):
    save = AtomicCheckpointIO.save_checkpoint

    def without_optimizer(self, checkpoint, path, storage_options=None):  # most of a checkpoint, and slow to write
        save(self, checkpoint | {"optimizer_states": []}, path)

    monkeypatch.setattr(AtomicCheckpointIO, "save_checkpoint", without_optimizer)
    record = one_epoch(tmp_path, f"model={name}", *NARROW.get(name, []))
    assert record["status"] == "completed"
    assert record["stem"] == ("small" if "stem" in record["config"]["model"] else "paper")


@pytest.mark.parametrize("name", ["mlp", "lenet5", "densenet", "inception_res"])
def test_no_pictures_are_missing(tmp_path, caplog, name):
    one_epoch(tmp_path, f"model={name}", "pictures=true", *NARROW.get(name, []))
    assert "some pictures are missing" not in caplog.text


def test_a_net_that_cannot_be_drawn_is_trained_all_the_same(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(Pictures, "_draw", lambda *_: [].missing)
    assert one_epoch(tmp_path, "model=mlp", "pictures=true")["status"] == "completed"
    assert "some pictures are missing: 'list' object has no attribute 'missing'" in caplog.text


@pytest.mark.parametrize("override", ["label_smoothing=0.1", "trainer.gradient_clip_val=0.01"])
def test_the_configuration_reaches_the_weights(tmp_path, override):
    plain = ["model=mlp", "trainer.precision=32-true", "optimizer=sgd"]
    smoke(tmp_path / "plain", *plain)
    smoke(tmp_path / "other", *plain, override)
    weights = [load_weights(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("plain", "other")]
    assert not any(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_seed_draws_the_weights(tmp_path):
    for seed in (0, 1):
        smoke(tmp_path / str(seed), "model=mlp", f"seed={seed}", "optimizer.lr=1e-30")  # they stay as they were drawn
    drawn = [load_weights(tmp_path / str(seed) / "checkpoints" / "last.ckpt") for seed in (0, 1)]
    assert not any(torch.allclose(drawn[0][name], drawn[1][name]) for name in drawn[0] if name.endswith("weight"))


def test_the_schedule_goes_on_with_every_step(tmp_path):
    smoke(tmp_path, "scheduler=cosine", "scheduler.warmup=0.0", "optimizer.lr=0.01")
    rates = [0.01 * (1 + math.cos(math.pi * done / 8)) / 2 for done in (3, 7)]  # before the last step of each epoch
    assert [float(row["lr"]) for row in rows(tmp_path)] == pytest.approx(rates)


def test_speeds_are_those_of_the_clock(tmp_path, monkeypatch):
    now = 0.0

    def taking(seconds, step):
        def slow(module, batch, batch_idx):
            nonlocal now
            now += seconds
            return step(module, batch, batch_idx)

        return slow

    monkeypatch.setattr(ImageClassifier, "training_step", taking(1, ImageClassifier.training_step))
    monkeypatch.setattr(ImageClassifier, "validation_step", taking(3, ImageClassifier.validation_step))
    monkeypatch.setattr(history, "time", SimpleNamespace(perf_counter=lambda: now))
    smoke(tmp_path)  # 4 batches of 50 to train on, 2 for validation
    speeds = [(float(row["seconds"]), float(row["images_per_second"])) for row in rows(tmp_path)]
    assert speeds == [(4 * 1 + 2 * 3, 4 * 50 / 4)] * 2


def test_a_stop_while_an_epoch_is_evaluated_changes_no_speed_of_training(tmp_path, monkeypatch):
    now, was_told = 0.0, False
    training_step, validation_step = ImageClassifier.training_step, ImageClassifier.validation_step

    def train_slowly(*args):
        nonlocal now
        now += 1
        return training_step(*args)

    def validate_slowly(*args):
        nonlocal now, was_told
        now += 3
        if not was_told:
            was_told = True
            os.kill(os.getpid(), signal.SIGTERM)
        return validation_step(*args)

    monkeypatch.setattr(ImageClassifier, "training_step", train_slowly)
    monkeypatch.setattr(ImageClassifier, "validation_step", validate_slowly)
    monkeypatch.setattr(history, "time", SimpleNamespace(perf_counter=lambda: now))
    with pytest.raises(SystemExit):
        smoke(tmp_path)
    train(read_run(str(tmp_path))[0], tmp_path, resume=True)
    assert [float(row["images_per_second"]) for row in rows(tmp_path)] == [4 * 50 / 4] * 2


def one_epoch(folder, *overrides):
    options = [
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=1",
        "data.batch_size=8",
        "trainer.limit_test_batches=1",
        "pictures=false",
    ]
    config = compose_config([*SMOKE, *options, *overrides])
    check_config(config)
    return train(config, folder)


def test_a_gpu_that_is_not_used_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("cnnzoo.run.useless_gpu", lambda: "it is too old")
    one_epoch(tmp_path / "auto", "model=mlp")
    assert capsys.readouterr().out.startswith("note: on the CPU and not the GPU; it is too old\n")
    one_epoch(tmp_path / "cpu", "model=mlp", "trainer.accelerator=cpu")
    assert "not the GPU" not in capsys.readouterr().out


def test_a_run_is_one_process_whatever_the_job_says_that_it_is_part_of(tmp_path, monkeypatch):
    monkeypatch.setattr(rank_zero_only, "rank", 1)  # as Lightning reads SLURM_PROCID, or RANK, when it is imported
    assert smoke(tmp_path)["status"] == "completed"
    assert EventAccumulator(str(tmp_path)).Reload().Scalars("acc/val")


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (
            lambda net, images: images.new_empty(len(images), 20),
            r"returns \(1, 20\) for one image\nlet it return logits",
        ),
        (lambda net, images: images.new_empty(len(images), 10, 1, 1), r"returns \(1, 10, 1, 1\) for one image"),
        (lambda net, images: (images, images), "returns no tensor"),
        (lambda net, images: images.sum().item(), "meta tensors\na net is first built without values"),
    ],
)
def test_a_net_of_ones_own_that_returns_no_logits_is_refused(forward, words, monkeypatch):
    """Twenty logits would train, and be counted wrongly in the test."""
    monkeypatch.setattr(MLP, "forward", forward)
    with pytest.raises(UserError, match=words):
        check(compose_config(["model=mlp"]))


@pytest.mark.parametrize("count", [9, 12])
def test_as_many_classes_as_the_images_have(count):
    """Fewer or more would train, in part, and be counted wrongly in the test."""
    config = compose_config(["model=mlp"])
    values = {group: config.values[group] | {"num_classes": count} for group in ("data", "model")}
    with pytest.raises(
        UserError, match=rf"is {count}, and the images have 10 classes\nwrite num_classes: 10 into conf/data"
    ):
        check(replace(config, values=config.values | values))


def test_what_is_not_usual_is_not_looked_up_where_it_is_known(tmp_path, monkeypatch):
    """The cells of a sweep do not read conf/, which may be edited meanwhile."""
    monkeypatch.setattr("cnnzoo.run.changes", None)
    config = compose_config(SMOKE)
    assert train(config, tmp_path, changed={"model.norm": "batch"})["changed"] == {"model.norm": "batch"}


def test_arguments_that_a_run_is_built_upon_cannot_be_chosen(tmp_path, monkeypatch):
    given = {}
    trainer = lightning.Trainer
    monkeypatch.setattr(lightning, "Trainer", lambda **options: given.update(options) or trainer(**options))
    smoke(tmp_path)
    assert given.keys() - compose_config([]).values["trainer"].keys() == OUR_TRAINER_KEYS
    assert {*inspect.signature(trainer.__init__).parameters} > OUR_TRAINER_KEYS | LOOP_KEYS  # they are called so


def test_compile_is_for_the_inner_net_alone(tmp_path, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: compiled.append(type(module).__name__))
    smoke(tmp_path, "compile=true")
    assert compiled == ["LeNet"]


def test_a_net_with_auxiliary_heads_is_compiled_in_training_too(tmp_path, monkeypatch):
    calls = []

    def compiled(function):
        return lambda images: calls.append(len(images)) or function(images)

    monkeypatch.setattr(torch, "compile", compiled)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module: None)
    options = ["model=googlenet", "model.aux_heads=true", "data.resize=96", "trainer.max_epochs=1"]
    smoke(tmp_path, "compile=true", *options, "trainer.limit_train_batches=1", "data.batch_size=4")
    assert calls == [4]


@pytest.mark.slow
def test_a_compiled_net_trains_and_its_checkpoint_loads_into_a_plain_one(tmp_path):
    assert smoke(tmp_path, "compile=true")["status"] == "completed"
    weights = load_weights(tmp_path / "checkpoints" / "best.ckpt")
    assert set(weights) == set(build_net(compose_config(SMOKE)).state_dict())


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_builds(name):
    config = compose_config([f"experiment={name}"])
    check_config(config)
    check(config)


def test_batch_norm_from_scratch_trains_as_that_of_torch_does(tmp_path):
    # SGD, because Adam would blow up the rounding errors that are all the gradient of a bias before a batch norm.
    plain = ["model=lenet_bn", "optimizer=sgd", "trainer.precision=32-true"]
    figures = [smoke(tmp_path / norm, *plain, f"model.norm={norm}")["metrics"] for norm in ("batch", "scratch")]
    assert figures[1] == pytest.approx(figures[0], abs=1e-4)
    layers = {type(module) for module in build_net(compose_config([*plain, "model.norm=scratch"])).modules()}
    assert BatchNorm in layers
    assert not layers & {nn.BatchNorm1d, nn.BatchNorm2d}
