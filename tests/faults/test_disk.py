"""Disks that are full, or may not be written (RELIABILITY T06, T07)."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

import train as train_module
from cnnzoo import disk
from cnnzoo.errors import UserError
from cnnzoo.record import read_record
from cnnzoo.run import train
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.training.test_checkpoint_files import newest_intact
from tests.typed import type_in

RUN = ["data=synthetic", "trainer=smoke", "model=mlp", "hydra.run.dir=run"]
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
sys.argv = {argv!r}
sys.path.insert(0, {root!r})
exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"))
"""


def limited(folder, limit, *arguments):
    """Run train.py where no file may be larger than `limit` bytes, as on a disk that is nearly full."""
    code = LIMITED.format(limit=limit, argv=[str(ROOT / "train.py"), *arguments], root=str(ROOT))
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.fault)])
def test_a_disk_that_is_full_ends_the_run_in_words_and_keeps_what_is_saved(trials, in_tmp, monkeypatch, count):
    metrics = train(compose_config(RUN[:-1]), in_tmp / "run")["metrics"]
    size = (in_tmp / "run" / "checkpoints" / "last.ckpt").stat().st_size
    for trial in range(trials):
        folder = in_tmp / str(trial)
        folder.mkdir()
        done = limited(folder, size * (trial + 1) // (trials + 1), *RUN)
        assert done.returncode == 2, done.stderr
        assert (
            "File too large; what was saved before is intact\nmake room, then type python train.py resume="
            in done.stderr
        )
        assert "Traceback" not in done.stderr
        record = read_record(folder / "run")
        assert (record["status"], "Traceback" in record["error"]) == ("failed", False)
        newest, notes = newest_intact(folder / "run" / "checkpoints")
        assert (newest, notes) == (None, [])  # nothing was saved, and nothing half
        monkeypatch.chdir(folder)
        assert type_in(train_module, "resume=run") == 0
        assert read_record(folder / "run")["metrics"] == metrics
        count("T06")


def test_too_little_room_is_said_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=9))
    with pytest.raises(UserError, match=r"checkpoints may take another 0\.0 GiB, and .* has 0\.0 GiB left"):
        train(compose_config(RUN[:-1]), tmp_path / "run")


def test_checkpoints_that_are_there_need_no_room_once_more(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: SimpleNamespace(free=13_000))
    (tmp_path / "checkpoints").mkdir()
    for name in ("last", "previous"):
        (tmp_path / "checkpoints" / f"{name}.ckpt").write_bytes(bytes(12_000))
    with pytest.raises(UserError, match="checkpoints may take another"):
        disk.check_space(tmp_path, params=1000)  # 48,000 bytes in all
    (tmp_path / "checkpoints" / "best.ckpt").write_bytes(bytes(12_000))
    disk.check_space(tmp_path, params=1000)


@pytest.mark.parametrize("place", ["hydra.run.dir=/proc/run", "hydra.run.dir=/dev/null/run"])
def test_a_folder_that_cannot_be_written_is_refused_at_once(place, tmp_path, count):
    command = [sys.executable, "-X", "importtime", str(ROOT / "train.py"), *RUN[:-1], place]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert said[0].startswith(f"error: cannot write to {place.partition('=')[2]}")
    assert "torch" not in done.stderr.split("error: ")[0]  # refused before the seconds that loading it takes
    assert list(tmp_path.iterdir()) == []
    count("T07")
