"""Fashion-MNIST's four files: found or fetched, verified to the last byte, and read.

The bytes that are verified are the bytes that are used. Checksums are those of the decompressed files, because
distributors compress them anew. The data set was corrected on 2017-08-31; these are the corrected files.
"""

import gzip
import hashlib
import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from cnnzoo.data.sources import PACKAGE, sources
from cnnzoo.disk import atomic_file, unused
from cnnzoo.errors import UserError

log = logging.getLogger(__name__)

LOCK_SECONDS = 600


@dataclass(frozen=True)
class File:
    """One file of the data set as it must be."""

    name: str
    size: int
    sha256: str

    def fault(self, data: bytes) -> str | None:
        """Return what is wrong with `data`, or None if it is this file."""
        if len(data) != self.size:
            return f"{len(data):,} bytes instead of {self.size:,}"
        found = hashlib.sha256(data).hexdigest()
        return None if found == self.sha256 else f"sha256 {found} instead of {self.sha256}"


FILES = (
    File("train-images-idx3-ubyte", 47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    File("train-labels-idx1-ubyte", 60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    File("t10k-images-idx3-ubyte", 7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    File("t10k-labels-idx1-ubyte", 10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
)


@dataclass(frozen=True)
class Found:
    """A verified file: where it is, and its content, decompressed."""

    path: Path
    data: bytes


def load_files(root: Path, files: tuple[File, ...] = FILES) -> dict[str, Found]:
    """Return every file by name, verified, fetching into `root` what is missing or damaged there.

    `root` may hold the files plain or as `.gz`, by themselves or as torchvision lays them out, and may be read-only if
    they are complete. Any number of processes may call this at once: one of them fetches.

    Raises:
        UserError: files are missing and no source has them, `root` cannot be written, or holds another data set.
    """
    try:
        found = {file.name: here for file in files if (here := _find(root, file))}
        if len(found) == len(files):
            return found
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".lock", timeout=LOCK_SECONDS):
            _refuse_another(root, files)
            for file in files:  # once more: another process may have fetched them while this one waited
                if file.name not in found and (here := _find(root, file, set_aside=True)):
                    found[file.name] = here
            for file, data in _fetch(root, [file for file in files if file.name not in found]):
                with atomic_file(root / file.name) as stored:
                    stored.write(data)
                found[file.name] = Found(root / file.name, data)
    except Timeout:
        raise UserError(
            f"another process has held {root}/.lock for {LOCK_SECONDS} s\nend it, or type data.root=DIR"
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot keep Fashion-MNIST in {root} ({error.strerror})\ntype data.root=DIR for another folder"
        ) from error
    return found


def _find(root: Path, file: File, *, set_aside: bool = False) -> Found | None:
    for path in _candidates(root, file.name):
        if not path.is_file():
            continue
        data = _content(path)
        fault = file.fault(data)
        if fault is None:
            return Found(path, data)
        if set_aside:
            aside = unused(path.with_name(f"{path.name}.damaged"))
            path.rename(aside)
            log.warning("%s is damaged (%s): set aside as %s and fetched again", path, fault, aside.name)
    return None


def _refuse_another(root: Path, files: tuple[File, ...]) -> None:
    """Leave another data set alone: MNIST's files have the same names and sizes."""
    for folder in (root, root / "FashionMNIST" / "raw"):
        here = [next((path for path in _candidates(folder, file.name) if path.is_file()), None) for file in files]
        found = [(file, _content(path)) for file, path in zip(files, here, strict=True) if path]
        of_that_size = len(found) > 1 and all(len(data) == file.size for file, data in found)
        if of_that_size and all(file.fault(data) for file, data in found):
            raise UserError(f"the files in {folder} are of another data set, such as MNIST\ntype data.root=DIR")


def _candidates(root: Path, name: str) -> Iterator[Path]:
    for folder in (root, root / "FashionMNIST" / "raw"):
        yield folder / name
        yield folder / f"{name}.gz"


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix != ".gz":
        return data
    try:
        return gzip.decompress(data)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return b""  # which has the wrong size


def _fetch(root: Path, files: list[File]) -> Iterator[tuple[File, bytes]]:
    problems = []
    for source, read in sources() if files else ():
        try:
            for file in list(files):
                data = gzip.decompress(read(f"{file.name}.gz"))
                if fault := file.fault(data):
                    raise OSError(f"{file.name} has {fault}")
                log.warning("%s fetched from %s", file.name, source)
                files.remove(file)
                yield file, data
        except (OSError, EOFError, zlib.error) as error:
            problems.append(f"{source}: {getattr(error, 'strerror', None) or error}")
        if not files:
            return
    if files:
        names = ", ".join(file.name for file in files)
        raise UserError(
            f"Fashion-MNIST is not complete in {root}, and no source has it ({'; '.join(problems)})\n"
            f"missing: {names}\n"
            f"put them there, plain or .gz, or name their folder: data.root=DIR\n"
            f"or install the package {PACKAGE} (Debian, Ubuntu), or go on without: data=synthetic"
        )
