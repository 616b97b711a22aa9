"""Runs that do not fit into memory (RELIABILITY T10)."""

import os
import re
import signal
import weakref
from itertools import chain

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cnnzoo.data import SyntheticDataModule
from cnnzoo.data.images import BatchSampler
from cnnzoo.errors import DeviceUnavailableError, UserError
from cnnzoo.memory import _has_run_out
from cnnzoo.record import read_record, write_record
from cnnzoo.run import train
from cnnzoo.training.checkpoint_files import LAST, load
from cnnzoo.training.classifier import ImageClassifier
from tests.composed import compose_config
from tests.test_resume import SMOKE, Killed, Steps

PLAIN = [*SMOKE, "model=lenet", "optimizer=sgd", "trainer.precision=32-true", "trainer.max_epochs=3"]


def limit_memory(monkeypatch):
    """Return a list of the batch sizes that are computed from now on; more than 4 images do not fit."""
    step, sizes = ImageClassifier.training_step, []

    def limited(module, batch, index):
        sizes.append(len(batch[1]))
        if len(batch[1]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return step(module, batch, index)

    monkeypatch.setattr(ImageClassifier, "training_step", limited)
    return sizes


@pytest.fixture
def little_memory(monkeypatch):
    return limit_memory(monkeypatch)


def test_batches_are_computed_in_pieces_that_fit(tmp_path, little_memory, count):
    record = train(compose_config(PLAIN), tmp_path / "little")
    assert little_memory == [16, 8] + [4] * (4 * 4 * 3)  # four pieces a step, four steps an epoch
    assert (record["config"]["data"]["batch_size"], record["micro_batch_size"]) == (16, 4)
    count("T10")


def test_the_size_of_the_pieces_is_on_record_before_the_run_ends(tmp_path, little_memory, monkeypatch):
    seen, steps = [], Steps(monkeypatch)
    steps.at["training_step", 0, 0] = lambda: seen.append(read_record(tmp_path)["micro_batch_size"])
    train(compose_config([*PLAIN, "trainer.max_epochs=1"]), tmp_path)
    assert seen == [4]


def test_an_attempt_begins_without_the_net_of_the_one_before(tmp_path, monkeypatch):
    step, before = ImageClassifier.training_step, []

    def limited(module, batch, index):
        assert not [net for net in before if net() is not None and net() is not module]
        before.append(weakref.ref(module))
        if len(batch[1]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return step(module, batch, index)

    monkeypatch.setattr(ImageClassifier, "training_step", limited)
    assert train(compose_config(PLAIN), tmp_path / "little")["micro_batch_size"] == 4


@pytest.mark.parametrize(
    ("said", "free", "has_run_out"),
    [("GET was unable to find an engine", 1, True), ("GET was unable to find an engine", 9, False), ("no", 1, False)],
)
def test_a_gpu_without_room_for_any_kernel_has_run_out_of_memory(said, free, has_run_out, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, 80))
    assert _has_run_out(RuntimeError(said), torch.device("cuda")) == has_run_out
    assert not _has_run_out(RuntimeError(said), torch.device("cpu"))


def test_pieces_make_the_same_steps_as_whole_batches(tmp_path, monkeypatch):
    whole = train(compose_config(PLAIN), tmp_path / "whole")
    limit_memory(monkeypatch)
    pieces = train(compose_config(PLAIN), tmp_path / "pieces")
    assert pieces["metrics"] == pytest.approx(whole["metrics"], abs=2e-5)
    assert pieces["micro_batch_size"] == 4
    assert whole["micro_batch_size"] == 16
    curves = [EventAccumulator(str(tmp_path / name)).Reload().Scalars("loss/batch") for name in ("whole", "pieces")]
    assert [each.step for each in curves[1]] == [each.step for each in curves[0]] == list(range(4 * 3))
    assert [each.value for each in curves[1]] == pytest.approx([each.value for each in curves[0]], rel=0.3)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_a_piece_waits_for_the_batch(number, tmp_path, little_memory, monkeypatch):
    whole = train(compose_config(PLAIN), tmp_path / "whole")
    steps = Steps(monkeypatch)
    steps.at["training_step", 1, 5] = lambda: os.kill(os.getpid(), number)
    with pytest.raises(SystemExit) as stopped:
        train(compose_config(PLAIN), tmp_path / "cut")
    assert stopped.value.code == (143 if number == signal.SIGTERM else 130)
    steps.at.clear()
    assert load(tmp_path / "cut" / "checkpoints" / LAST)["global_step"] == 6
    assert train(compose_config(PLAIN), tmp_path / "cut", resume=True)["metrics"] == whole["metrics"]


def test_a_run_that_has_been_saved_did_fit_and_does_not_start_over_in_pieces(tmp_path, monkeypatch):
    def run_out():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    steps = Steps(monkeypatch)
    steps.at["training_step", 1, 0] = run_out
    with pytest.raises(UserError, match=r"^out of memory: .*\nmake room, then type python train.py resume="):
        train(compose_config(PLAIN), tmp_path)
    steps.at.clear()
    assert read_record(tmp_path)["micro_batch_size"] == 16
    assert train(compose_config(PLAIN), tmp_path, resume=True)["epochs"] == 3
    with (tmp_path / "metrics.csv").open() as file:
        assert [line.partition(",")[0] for line in file] == ["epoch", "1", "2", "3"]


def test_an_odd_batch_is_computed_in_the_largest_pieces_that_divide_it_and_fit(tmp_path, little_memory):
    record = train(compose_config([*PLAIN, "data.batch_size=15", "trainer.max_epochs=1"]), tmp_path)
    assert little_memory == [15, 5] + [1] * (15 * 4)
    assert record["micro_batch_size"] == 1


def test_a_run_does_not_go_on_in_other_pieces_than_it_was_stopped_in(tmp_path, little_memory, monkeypatch):
    steps = Steps(monkeypatch)
    steps.at["training_step", 1, 5] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(SystemExit):
        train(compose_config(PLAIN), tmp_path)
    steps.at.clear()
    write_record(tmp_path, read_record(tmp_path) | {"micro_batch_size": None})  # as of a record that was made anew
    with pytest.raises(UserError, match=r"with 4 pieces a batch, .* says 1\nput micro_batch_size back there: 4"):
        train(compose_config(PLAIN), tmp_path, resume=True)


def test_a_share_of_the_batches_is_the_same_share_in_pieces(tmp_path, monkeypatch):
    share = [*PLAIN, "trainer.limit_train_batches=0.05", "trainer.limit_val_batches=0.5"]
    whole = train(compose_config(share), tmp_path / "whole")
    limit_memory(monkeypatch)
    assert train(compose_config(share), tmp_path / "pieces")["metrics"] == pytest.approx(whole["metrics"], abs=2e-5)


def test_a_run_in_pieces_goes_on_in_pieces(tmp_path, little_memory, monkeypatch):
    whole = train(compose_config(PLAIN), tmp_path / "whole")
    steps = Steps(monkeypatch)

    def kill():
        raise Killed

    steps.at["training_step", 1, 9] = kill
    config = compose_config([*PLAIN, "checkpoint.every_minutes=0.00000001"])
    with pytest.raises(Killed):
        train(config, tmp_path / "cut")
    steps.at.clear()
    little_memory.clear()
    assert train(config, tmp_path / "cut", resume=True)["metrics"] == whole["metrics"]
    assert set(little_memory) == {4}
    assert len(little_memory) == 2 * 4 + 16  # from the third step of the second epoch on


def test_nets_with_batch_norm_refuse_and_say_what_to_type(tmp_path, little_memory, count):
    with pytest.raises(UserError, match=r"Tried .*\n.* other batches\ntype data\.batch_size=8.* data\.resize$"):
        train(compose_config([*PLAIN, "model=lenet_bn"]), tmp_path)
    assert read_record(tmp_path)["status"] == "failed"
    assert little_memory == [16]
    count("T10")


def test_cells_that_share_a_device_are_told_that_fewer_may_fit(tmp_path, little_memory):
    with pytest.raises(UserError, match=r"a smaller data\.resize, or a lower sweep\.slots$"):
        train(compose_config([*PLAIN, "model=lenet_bn"]), tmp_path, slots=2)


@pytest.mark.parametrize(
    "said",
    [
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: 99 bytes",
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "MPS backend out of memory (MPS allocated: 4.00 GB)",
    ],
)
def test_an_image_that_does_not_fit_is_the_end(said, tmp_path, monkeypatch, count):
    def nothing_fits(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(ImageClassifier, "training_step", nothing_fits)
    with pytest.raises(UserError, match="out of memory with one image at a time: " + re.escape(said)):
        train(compose_config(PLAIN), tmp_path)
    count("T10")


def test_a_trained_net_whose_test_does_not_fit_is_trained_no_more_and_goes_on_where_it_does(tmp_path, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    with monkeypatch.context() as patch:
        patch.setattr(ImageClassifier, "test_step", full)
        for resume in (False, True):
            with pytest.raises(UserError, match=r"^out of memory: .*\nmake room, then type python train.py resume="):
                train(compose_config(PLAIN), tmp_path, resume=resume)
    assert train(compose_config(PLAIN), tmp_path, resume=True)["status"] == "completed"


@pytest.mark.parametrize(("size", "words"), [(4, "type data.batch_size=2, which"), (3, "type a smaller data.resize")])
def test_batch_norm_is_not_told_to_learn_from_one_image(size, words, tmp_path, monkeypatch):
    def nothing_fits(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(ImageClassifier, "training_step", nothing_fits)
    with pytest.raises(UserError, match=words):
        train(compose_config([*PLAIN, "model=lenet_bn", f"data.batch_size={size}"]), tmp_path)


def test_a_device_that_others_have_filled_is_not_tried_with_smaller_batches(tmp_path, monkeypatch, count):
    tried = []

    def full(*_, **__):
        tried.append(1)
        raise torch.OutOfMemoryError("CUDA out of memory. Process 4711 has 23.50 GiB memory in use.")

    monkeypatch.setattr(SyntheticDataModule, "setup", full)
    with pytest.raises(DeviceUnavailableError, match=r"before the first batch: .* Process 4711.*\n.* on the device$"):
        train(compose_config(PLAIN), tmp_path)
    assert len(tried) == 1
    with pytest.raises(DeviceUnavailableError, match=r"on the device, or a lower sweep\.slots$"):
        train(compose_config(PLAIN), tmp_path, resume=True, slots=2)
    count("T10")


def test_the_pieces_of_a_batch_are_its_images():
    whole = [batch.tolist() for batch in BatchSampler(50, 8, seed=1)]
    pieces = [batch.tolist() for batch in BatchSampler(50, 8, seed=1, pieces=4)]
    assert len(BatchSampler(50, 8, seed=1, pieces=4)) == len(pieces) == 24
    assert [list(chain(*pieces[4 * i : 4 * i + 4])) for i in range(6)] == whole
    assert list(chain(*(batch.tolist() for batch in BatchSampler(50, 8, pieces=4)))) == list(range(50))
    later = BatchSampler(50, 8, seed=1, pieces=4, start=5)
    assert [batch.tolist() for batch in later] == pieces[5:]
    assert [batch.tolist() for batch in later] == pieces  # the next epoch is whole
