import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnzoo.disk import (
    atomic_file,
    is_unwritable,
    left_behind,
    numbered,
    remove_unfinished,
    reserve,
    unfinished,
    write_text,
)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"good")

    def write():
        with atomic_file(path) as file:
            file.write(b"half of the n")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write()
    assert path.read_bytes() == b"good"
    assert [item.name for item in tmp_path.iterdir()] == ["last.ckpt"]


def test_who_puts_a_file_in_its_place_gets_it_whole(tmp_path):
    seen = []

    def put(finished):
        seen.append((finished.name, finished.read_bytes()))
        finished.replace(tmp_path / "elsewhere")

    with atomic_file(tmp_path / "last.ckpt", put) as file:
        file.write(b"all of it")
    assert seen == [(unfinished(tmp_path / "last.ckpt").name, b"all of it")]
    assert [item.name for item in tmp_path.iterdir()] == ["elsewhere"]


def test_a_file_that_cannot_be_put_in_its_place_is_removed(tmp_path):
    def put(finished):
        raise OSError(f"no link to {finished}")

    with pytest.raises(OSError, match="no link"), atomic_file(tmp_path / "last.ckpt", put) as file:
        file.write(b"all of it")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "name",
    ["ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EIO", "ENAMETOOLONG", "ENOLCK", "EEXIST", "ENOTDIR", "EISDIR"],
)
def test_what_a_disk_says_is_no_mistake_of_the_program(name):
    assert is_unwritable(OSError(getattr(errno, name), name))
    assert not is_unwritable(OSError(errno.EBADF, name))


def test_only_what_a_killed_process_left_is_removed(tmp_path):
    for name in (unfinished(tmp_path / "run.json").name, ".model.onnx.7.tmp", ".notes.tmp", "x.5.tmp"):
        (tmp_path / name).touch()
    (tmp_path / ".folder.9.tmp").mkdir()
    remove_unfinished(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {".notes.tmp", "x.5.tmp", ".folder.9.tmp"}


@pytest.mark.parametrize(("folder", "second"), [("top/a", "top/a-2"), ("top/a/..", "top-2")])
def test_what_is_there_already_gets_a_number(folder, second, tmp_path):
    (tmp_path / "top" / "a").mkdir(parents=True)
    names = numbered(tmp_path / folder)
    assert [next(names), next(names)] == [tmp_path / folder, tmp_path / second]


def test_folders_that_are_reserved_at_once_are_several(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        folders = [*pool.map(reserve, [tmp_path / "net" / "10-00-00"] * 8)]
    assert len({*folders}) == 8
    assert all(folder.is_dir() for folder in folders)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO, errno.EFBIG])
def test_what_a_disk_cannot_do_is_told_from_what_is_not_there(number):
    assert is_unwritable(OSError(number, os.strerror(number)))
    assert not is_unwritable(OSError(errno.ENOENT, os.strerror(errno.ENOENT)))
    assert not is_unwritable(ValueError())


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_is_before_anything_else(tmp_path, monkeypatch):
    """Or a loss of power would leave a name with nothing behind it."""
    done, replace = [], Path.replace

    def flush(number):
        done.append(("flushed", str(Path(f"/proc/self/fd/{number}").readlink())))

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(Path, "replace", lambda path, to: (done.append(("named", str(to))), replace(path, to))[1])
    with atomic_file(tmp_path / "last.ckpt") as file:
        file.write(b"all of it")
    beside = str(unfinished(tmp_path / "last.ckpt"))
    assert done == [("flushed", beside), ("named", str(tmp_path / "last.ckpt")), ("flushed", str(tmp_path))]


def test_only_a_lock_with_something_in_it_may_have_been_left_behind(tmp_path):
    lock = tmp_path / ".lock"
    assert left_behind(lock) == ""
    lock.touch()
    assert left_behind(lock) == ""
    lock.write_text("4711")
    assert left_behind(lock) == f"; if there is none any more, remove {lock}"


def test_a_name_that_is_no_text_can_be_written_down(tmp_path):
    write_text(tmp_path / "config.yaml", os.fsdecode(b"caf\xe9"))
    assert (tmp_path / "config.yaml").read_text() == "caf?"
