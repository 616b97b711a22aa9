"""Checkpoint files under attack (RELIABILITY T01, T02, T05, T06, T16)."""

import contextlib
import copy
import errno
import io
import itertools
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import pytest
import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from cnnzoo.errors import UserError
from cnnzoo.training import checkpoint_files as files
from cnnzoo.training.checkpoint_files import BEST, LAST, PREVIOUS, SUMS
from cnnzoo.training.signals import Stopped
from tests.conftest import ROOT

STATE = {"state_dict": {"w": torch.arange(5000.0)}, "global_step": 7}


@pytest.fixture
def folder(tmp_path):
    """Three checkpoints: the best, the previous, the last."""
    files.save(STATE | {"global_step": 1}, tmp_path / BEST)
    files.copy(tmp_path / BEST, tmp_path / LAST)
    files.save(STATE, tmp_path / LAST)
    return tmp_path


def newest_intact(folder):
    """Return the checkpoint to go on from, or None, and what was damaged."""
    notes = files.set_damaged_aside(folder)
    return next((folder / name for name in (LAST, PREVIOUS) if (folder / name).exists()), None), notes


def step(path):
    return files.load(path)["global_step"]


def test_the_last_becomes_the_previous_and_their_sums_are_those_of_the_system(folder):
    assert [step(folder / name) for name in (BEST, PREVIOUS, LAST)] == [1, 1, 7]
    assert (
        len({(folder / name).stat().st_ino for name in (BEST, PREVIOUS, LAST)}) == 3
    )  # damage to one is not another's
    assert {path.name for path in folder.iterdir()} == {BEST, PREVIOUS, LAST, SUMS}
    subprocess.run(["sha256sum", "--check", "--quiet", SUMS], cwd=folder, check=True)


@pytest.mark.parametrize("call", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("error", [Stopped(signal.SIGINT), KeyboardInterrupt(), OSError(errno.ENOSPC, "no space")])
def test_what_ends_the_writing_is_what_is_raised(error, call, folder, monkeypatch):
    """And not what torch makes of it: a second Ctrl-C comes while a large net is saved."""
    write, calls = files._HashingFile.write, itertools.count(1)

    def stopping_write(self, data):
        if next(calls) == call:
            raise error
        return write(self, data)

    monkeypatch.setattr(files._HashingFile, "write", stopping_write)
    with pytest.raises(type(error)) as raised:
        files.save(STATE | {"state_dict": {f"w{n}": torch.zeros(9000) for n in range(4)}}, folder / LAST)
    assert raised.value is error
    assert step(folder / LAST) == 7
    assert {path.name for path in folder.iterdir()} == {BEST, PREVIOUS, LAST, SUMS}


def test_without_links_files_are_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "no links here")))
    files.save(STATE, tmp_path / BEST)
    files.copy(tmp_path / BEST, tmp_path / LAST)
    files.save(STATE | {"global_step": 8}, tmp_path / LAST)
    assert [step(tmp_path / name) for name in (BEST, PREVIOUS, LAST)] == [7, 7, 8]


DAMAGE = {
    **{f"cut to {share} %": lambda data, share=share: data[: len(data) * share // 100] for share in (0, 1, 50, 99)},
    "a flipped bit": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    ),
    "a page of zeros": lambda data: data[:4096] + bytes(4096) + data[8192:],
    "garbage": lambda data: random.Random(0).randbytes(len(data)),
    "another file": lambda data: pickle.dumps(STATE),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_without_reading_what_is_in_the_file(kind, folder, monkeypatch, count):
    path = folder / LAST
    path.write_bytes(DAMAGE[kind](path.read_bytes()))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a damaged file was unpickled"))
    with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
        files.load(path)
    newest, notes = newest_intact(folder)
    assert newest == folder / PREVIOUS
    assert notes == [f"{path} is damaged, and is now called last.ckpt.corrupt"]
    count("T05")


@pytest.mark.fault
def test_damage_anywhere_is_found(folder, monkeypatch, count):
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a damaged file was unpickled"))
    chance, path = random.Random(0), folder / LAST
    whole = path.read_bytes()
    for trial in range(90):
        data = bytearray(whole)
        match trial % 3:
            case 0:
                del data[chance.randrange(len(data)) :]
            case 1:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 2:
                start = chance.randrange(len(data))
                data[start : start + 64] = chance.randbytes(64)
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"last\.ckpt is damaged"):
            files.load(path)
        newest, _ = newest_intact(folder)
        assert newest == folder / PREVIOUS
        assert not path.exists()
        path.write_bytes(whole)
        count("T05")


def test_torch_itself_reads_a_file_with_a_flipped_bit(tmp_path):
    """The negative control: why there is a checksum at all."""
    torch.save(STATE, tmp_path / "x")
    data = bytearray((tmp_path / "x").read_bytes())
    data[data.index(torch.tensor(1234.0).numpy().tobytes())] ^= 1
    (tmp_path / "x").write_bytes(data)
    assert not torch.equal(torch.load(tmp_path / "x", weights_only=True)["state_dict"]["w"], STATE["state_dict"]["w"])


def test_a_wrong_or_missing_sum_is_damage_too(folder):
    (missing, _), *others = [line.split("  ")[::-1] for line in (folder / SUMS).read_text().splitlines()]
    (folder / SUMS).write_text("".join(f"{'0' * 64}  {name}\n" for name, _ in others))
    assert {missing, *(name for name, _ in others)} == {BEST, PREVIOUS, LAST}
    newest, notes = newest_intact(folder)
    assert (newest, len(notes)) == (None, 3)
    assert {path.name for path in folder.iterdir()} == {f"{name}.corrupt" for name in (BEST, PREVIOUS, LAST)} | {SUMS}


def test_checkpoints_without_any_sums_are_left_alone_and_can_be_vouched_for(folder):
    folder = folder.rename(folder.with_name("a run's"))
    (folder / SUMS).unlink()
    for look in (lambda: files.load(folder / LAST), lambda: files.set_damaged_aside(folder)):
        with pytest.raises(UserError, match=f"has no {SUMS}, by which its checkpoints are known\n") as refusal:
            look()
    assert {path.name for path in folder.iterdir()} == {BEST, PREVIOUS, LAST}
    subprocess.run(str(refusal.value).splitlines()[-1], shell=True, check=True)
    assert step(folder / LAST) == 7


@pytest.mark.parametrize("name", [BEST, LAST])
def test_a_checkpoint_that_is_replaced_while_it_is_read_is_not_damaged(name, folder, monkeypatch):
    sha256 = files._sha256

    def replaced_meanwhile(path):
        digest = sha256(path)
        for number in (8, 9):
            files.save(STATE | {"global_step": number}, path)
        return digest

    monkeypatch.setattr(files, "_sha256", replaced_meanwhile)
    assert files.is_intact(folder / name)


def test_nothing_that_is_set_aside_is_overwritten(folder):
    for _ in range(2):
        (folder / LAST).write_bytes(b"damaged")
        newest_intact(folder)
    assert {"last.ckpt.corrupt", "last.ckpt.corrupt-2"} < {path.name for path in folder.iterdir()}


class Attack:
    """Runs a command when it is unpickled."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


def zip_bomb(path):
    """Write a checkpoint whose tensor is 300 MiB of zeros in a much smaller file."""
    plain = io.BytesIO()
    torch.save({"state_dict": {"w": torch.zeros(8)}}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for each in source.namelist():
            data = source.read(each)
            with target.open(each, "w") as file:
                file.write(data)
                for _ in range(300 if each.endswith("data/0") else 0):
                    file.write(bytes(2**20))


def overlapping(path):
    """Write a small checkpoint whose directory lists one large record many times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("archive/data/0", bytes(2**20))
        one = archive.infolist()[0]
        for number in range(1, 300):
            again = copy.copy(one)
            again.filename = f"archive/data/{number}"
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again


@pytest.mark.parametrize(
    "attack", ["command", "old format", "class of lightning", "list", "zip bomb", "overlapping records"]
)
def test_an_attack_with_a_valid_sum_is_refused(attack, folder, monkeypatch, count):
    canary, path = folder / "canary", folder / LAST
    if attack == "zip bomb":
        zip_bomb(path)
    elif attack == "overlapping records":
        overlapping(path)
    elif attack == "old format":
        path.write_bytes(pickle.dumps({"state_dict": Attack(canary)}))
    else:
        hyper = compose_hyperparameters() if attack == "class of lightning" else Attack(canary)
        torch.save([1] if attack == "list" else {"state_dict": {}, "hyper_parameters": hyper}, path)
    (folder / SUMS).write_text(f"{files._sha256(path)}  {LAST}\n")
    if attack in ("zip bomb", "overlapping records"):
        monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it is unpacked"))
    with pytest.raises(UserError, match="is not a checkpoint of tensors and plain values, and is not opened"):
        files.load(path)
    assert not canary.exists()
    count("T16")


def compose_hyperparameters():
    from omegaconf import OmegaConf

    return OmegaConf.create({"_target_": "os.system", "_instantiator": "hydra.utils.instantiate"})


def test_what_the_attack_does_where_it_is_let(tmp_path):
    """The negative control."""
    torch.save({"hyper_parameters": Attack(tmp_path / "canary")}, tmp_path / "x")
    torch.load(tmp_path / "x", weights_only=False)
    assert (tmp_path / "canary").exists()


def save_for_ever(folder, saved):
    """Be the process that is killed: go on from the last checkpoint, and tell each step that has been saved."""
    torch.set_num_threads(1)  # a forked process has none of the others
    newest_intact(folder)
    saved.send(0)
    first = step(folder / LAST) + 1 if (folder / LAST).exists() else 1
    for number in itertools.count(first):
        state = {"state_dict": {"w": torch.full((3 * 2**20,), float(number))}, "global_step": number}
        if number % 3 == 0:
            files.save(state, folder / BEST)
            files.copy(folder / BEST, folder / LAST)
        else:
            files.save(state, folder / LAST)
        saved.send(number)


def kill_while_saving(folder: Path, trials: int, seed: int) -> list[str]:
    """Kill a process that saves without pause, at random moments; return what was lost."""
    chance, lost, fork = random.Random(seed), [], multiprocessing.get_context("fork")
    print(f"seed {seed}")
    for trial in range(trials):
        there, here = fork.Pipe(duplex=False)
        process = fork.Process(target=save_for_ever, args=(folder, here))
        process.start()
        here.close()
        saved = [there.recv()]
        time.sleep(chance.uniform(0.01, 0.25))
        process.kill()
        with contextlib.suppress(EOFError):
            while True:
                saved.append(there.recv())
        process.join()
        newest, notes = newest_intact(folder)
        if notes:
            lost.append(f"trial {trial}: {notes}")
        elif saved[-1] and (newest is None or step(newest) < saved[-1]):
            lost.append(f"trial {trial}: step {saved[-1]} was saved, and is gone")
        if list(folder.glob(".*")):
            lost.append(f"trial {trial}: leftovers")
    return lost


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trials", [20, pytest.param(300, marks=pytest.mark.fault)])
def test_a_process_that_is_killed_while_saving_loses_nothing(trials, tmp_path, count):
    assert kill_while_saving(tmp_path, trials, seed=0) == []
    for _ in range(trials):
        count("T01")


def save_for_ever_as_lightning_does(folder, elsewhere, saved):
    """Be the process that is killed, with Lightning's own way of saving and a temporary folder elsewhere."""
    torch.set_num_threads(1)
    tempfile.tempdir = elsewhere
    for number in itertools.count(1):
        state = {"w": torch.full((3 * 2**20,), float(number))}
        TorchCheckpointIO().save_checkpoint(state, folder / LAST)
        saved.send(number)


@pytest.mark.fault
@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_what_a_kill_does_to_what_lightning_saves(tmp_path):
    """The negative control: of 30 kills, some leave a file that cannot be read."""
    chance, fork, damaged = random.Random(0), multiprocessing.get_context("fork"), 0
    elsewhere = tempfile.mkdtemp(dir="/dev/shm")
    for _ in range(30):
        there, here = fork.Pipe(duplex=False)
        process = fork.Process(target=save_for_ever_as_lightning_does, args=(tmp_path, elsewhere, here))
        process.start()
        there.recv()
        time.sleep(chance.uniform(0.01, 0.25))
        process.kill()
        process.join()
        try:
            torch.load(tmp_path / LAST, weights_only=True)
        except Exception:
            damaged += 1
    shutil.rmtree(elsewhere)
    print(f"{damaged} of 30 are damaged")
    assert damaged > 0


def limited(folder: Path, name: str) -> subprocess.CompletedProcess:
    """Save in a process that may not write files of more than 64 KiB."""
    code = f"""
import resource, signal, sys, torch
from pathlib import Path
from cnnzoo.training import checkpoint_files as files
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
try:
    files.save({{"state_dict": {{"w": torch.zeros(2**16)}}, "global_step": 9}}, Path(sys.argv[1]) / {name!r})
except OSError as error:
    sys.exit(error.errno)
"""
    return subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("name", [LAST, BEST])
def test_a_full_disk_leaves_the_checkpoints_that_there_are(name, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    done = limited(folder, name)
    assert (done.returncode, done.stderr) == (errno.EFBIG, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("moment", ["sums", "rotation", "rename", "second sums"])
def test_every_moment_of_a_save_can_be_the_last(moment, folder, monkeypatch):
    class Killed(BaseException):
        pass

    calls = {"sums": "_write_sums", "rotation": "_link", "second sums": "_write_sums"}
    with monkeypatch.context() as patch:
        if moment == "rename":
            replace = Path.replace
            patch.setattr(Path, "replace", lambda path, to: kill() if to == folder / LAST else replace(path, to))
        else:
            real, count = getattr(files, calls[moment]), 0

            def call(*arguments):
                nonlocal count
                count += 1
                return kill() if count == (2 if moment == "second sums" else 1) else real(*arguments)

            patch.setattr(files, calls[moment], call)

        def kill():
            raise Killed

        patch.setattr(Path, "unlink", lambda *_, **__: None)  # nor does a killed process tidy up
        with pytest.raises(Killed):
            files.save(STATE | {"global_step": 8}, folder / LAST)
    newest, notes = newest_intact(folder)
    assert (newest, notes) == (folder / LAST, [])
    assert step(newest) == (8 if moment == "second sums" else 7)
    assert files.is_intact(folder / PREVIOUS)
    files.save(STATE | {"global_step": 9}, folder / LAST)
    assert [step(folder / name) for name in (LAST, PREVIOUS)] == [9, 8 if moment == "second sums" else 7]


def test_a_folder_can_be_moved(folder, tmp_path_factory):
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    shutil.move(folder, moved)
    assert step(moved / LAST) == 7


@pytest.mark.parametrize("name", [LAST, BEST])
def test_a_checkpoint_that_is_replaced_between_its_sum_and_its_bytes_is_not_damaged(name, folder, monkeypatch):
    sha256 = files._sha256

    def replaced_before(path):
        files.save(STATE | {"global_step": 8}, path)
        return sha256(path)

    monkeypatch.setattr(files, "_sha256", replaced_before)
    assert files.is_intact(folder / name)


def test_a_checkpoint_has_its_name_on_the_disk_before_the_sum_of_the_old_one_goes(folder, monkeypatch):
    """Or a loss of power could leave the old file, which nothing knows any more."""
    done, write = [], files._write_sums
    monkeypatch.setattr(files, "sync_folder", lambda path: done.append("names"))
    monkeypatch.setattr(files, "_write_sums", lambda *arguments: (done.append("sums"), write(*arguments)))
    files.save(STATE | {"global_step": 8}, folder / LAST)
    assert done == ["sums", "names", "sums"]


def test_a_packed_checkpoint_is_not_unpacked_whatever_its_size(folder, monkeypatch):
    path = folder / LAST
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/0", os.urandom(2**16))  # which becomes no smaller
    (folder / SUMS).write_text(f"{files._sha256(path)}  {LAST}\n")
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it is unpacked"))
    with pytest.raises(UserError, match=r"^\S+ is not a checkpoint of tensors and plain values, and is not opened$"):
        files.load(path)


def test_where_all_are_damaged_no_sum_is_left(folder):
    for name in (LAST, PREVIOUS, BEST):
        (folder / name).write_bytes(b"damaged")
    assert len(files.set_damaged_aside(folder)) == 3
    assert (folder / SUMS).read_text() == ""


def test_a_line_of_the_sums_that_is_no_text_costs_one_checkpoint(folder):
    lines = (folder / SUMS).read_bytes().splitlines(keepends=True)
    (folder / SUMS).write_bytes(b"".join([b"\xff" + lines[0][1:], *lines[1:]]))
    assert len(files.set_damaged_aside(folder)) == 1


def test_a_last_checkpoint_that_somebody_removed_is_saved_again(folder):
    (folder / LAST).unlink()
    files.save(STATE | {"global_step": 8}, folder / LAST)
    assert [step(folder / name) for name in (PREVIOUS, LAST)] == [1, 8]
