"""Files that are whole or not there at all, whether there is room for them, and which errors say that there is not."""

import csv
import errno
import io
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import BinaryIO

from cnnzoo.errors import UserError

CHECKPOINTS = "checkpoints"  # the folder of a run's
UNFINISHED = ".tmp"
LOCK_WAIT = 1.0  # s before a lock counts as held: who only looks whether it is held has it for a moment
BYTES_PER_PARAMETER = 12  # of a checkpoint: a float32 weight and up to two values of the optimizer
UNWRITABLE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
    errno.ENOLCK,  # such as a network file system without its lock daemon
)


@contextmanager
def atomic_file(path: Path, put: Callable[[Path], object] | None = None) -> Iterator[BinaryIO]:
    """Open a file that appears at `path` when the block ends, flushed to the disk, and not at all if it raises.

    Args:
        path: where it appears.
        put: gives the finished file its place; by default it takes that of the one that was there.
    """
    temporary = unfinished(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if put:
            put(temporary)
        else:
            temporary.replace(path)
            sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path`; a reader, or a crash at any moment, sees the old text or the new one, whole."""
    with atomic_file(path) as file:
        file.write(text.encode(errors="replace"))  # a folder's name may be no text


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Replace the table at `path`, as `write_text` does; the first row is its header."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_text(path, text.getvalue())


def unfinished(path: Path) -> Path:
    """Return what the file at `path` is called while this process writes it."""
    return path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed process had begun to write into `folder`; nobody else may be writing there."""
    for path in folder.glob(f".*{UNFINISHED}"):
        if re.fullmatch(rf"\..+\.\d+{re.escape(UNFINISHED)}", path.name) and path.is_file():
            path.unlink()


def sync_folder(folder: Path) -> None:
    """Have the names of the files in `folder` on the disk, where the system can do that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def numbered(folder: Path) -> Iterator[Path]:
    """Yield FOLDER, then FOLDER-2, FOLDER-3, ... beside it, for what must not go where something is."""
    yield folder
    named = folder if folder.name not in ("", "..") else folder.resolve()
    for number in count(2):
        yield named.with_name(f"{named.name}-{number}")


def unused(path: Path) -> Path:
    """Return the first of PATH, PATH-2, PATH-3, ... that is not there."""
    return next(each for each in numbered(path) if not each.exists())


def reserve(path: Path) -> Path:
    """Create the first folder of PATH, PATH-2, PATH-3, ... that is not there, also where others do so; return it."""
    for each in numbered(path):
        with suppress(FileExistsError):
            each.mkdir(parents=True)
            return each
    raise AssertionError("there are always more numbers")


def is_unwritable(error: BaseException) -> bool:
    """Say whether an error is of a disk or a folder that cannot be written to."""
    return isinstance(error, OSError) and error.errno in UNWRITABLE


def refuse_group(key: str, name: str, remedy: str) -> None:
    """Check that a folder is not called by what stands in a group of keys, as by `${model}`.

    Raises:
        UserError: it is; `remedy` says what to type.
    """
    if "{'" in name:
        raise UserError(f"{key} has all keys of a group in its name\n{remedy}")


def left_behind(lock: Path) -> str:
    """Return what to add to the message about a lock that is held, if it may have been left behind by a crash.

    That is so on file systems without locks, where a file with something in it stands for one.
    """
    stays = lock.exists() and lock.stat().st_size
    return f"; if there is none any more, remove {lock}" if stays else ""


def free_space(path: Path) -> int:
    """Return how many bytes are free where `path` is, or will be."""
    return shutil.disk_usage(next(each for each in (path, *path.absolute().parents) if each.exists())).free


def checkpoint_bytes(run_dir: Path) -> int:
    """Return how many bytes the checkpoints of a run take; one that is replaced meanwhile may not count."""
    sizes = []
    for path in (run_dir / CHECKPOINTS).glob("*.ckpt"):
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sum(sizes)


def check_space(run_dir: Path, params: int) -> None:
    """Check that the checkpoints of a net fit on the disk: last, previous, best and one that is being written.

    Raises:
        UserError: they do not.
    """
    needed = 4 * BYTES_PER_PARAMETER * params
    needed -= checkpoint_bytes(run_dir)  # of a run that goes on
    free = free_space(run_dir)
    if free < needed:
        raise UserError(
            f"checkpoints may take another {needed / 2**30:.1f} GiB, and {run_dir} has {free / 2**30:.1f} GiB left\n"
            "make room, or choose a folder on another disk"
        )
