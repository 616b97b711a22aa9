"""Checkpoint files: whole or not there at all, known by their SHA-256, and read without running anything in them.

A folder holds `last.ckpt`, `previous.ckpt` (the last one before it, until the run is completed), `best.ckpt` and
`SHA256SUMS`, which `sha256sum -c` reads.
"""

import hashlib
import os
import shlex
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import torch

from cnnzoo.disk import atomic_file, remove_unfinished, sync_folder, unfinished, unused, write_text
from cnnzoo.errors import UserError

BEST = "best.ckpt"
LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"
SUMS = "SHA256SUMS"
DAMAGED, OLD = ".corrupt", ".old"  # what is set aside is called so


def save(state: dict[str, Any], path: Path) -> None:
    """Write `state` to `path`; a crash at any moment leaves the file that was there, or the new one, whole.

    Raises:
        OSError: it cannot be written; the file that was there is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, lambda finished: _put(finished, path, hashing.sha256.hexdigest())) as file:
        hashing = _HashingFile(file)
        try:
            torch.save(state, hashing)  # type: ignore[arg-type]
        except RuntimeError as error:  # torch's, for whatever came while it wrote: no disk space, or a second Ctrl-C
            came = error.__context__
            while isinstance(came, RuntimeError):
                came = came.__context__
            raise (came or error) from None


def copy(source: Path, path: Path) -> None:
    """Copy the checkpoint at `source` to `path`, as safely as `save` does; damage to one is then not the other's."""
    digest = dict(_read_sums(path.parent))[source.name]
    with source.open("rb") as original, atomic_file(path, lambda finished: _put(finished, path, digest)) as file:
        shutil.copyfileobj(original, file, 2**20)


def load(path: Path, *, map_location: Any = "cpu") -> dict[str, Any]:
    """Return the state in the checkpoint at `path`: tensors and plain values, never objects.

    Raises:
        UserError: the file is damaged, is known by nothing, or holds something else than plain data.
    """
    _check_sums(path.parent)
    if not is_intact(path):
        raise UserError(f"{path} is damaged: it is not what {SUMS} beside it says\ntype the name of another run")
    refused = f"{path} is not a checkpoint of tensors and plain values, and is not opened"
    try:
        with zipfile.ZipFile(path) as archive:
            packed = any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist())
            size = sum(each.file_size for each in archive.infolist())
        if packed or size > path.stat().st_size:
            # torch stores tensors as they are; a small file that unpacks to a huge one is an attack
            raise UserError(refused)
        state = torch.load(path, map_location=map_location, weights_only=True)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{refused}: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise UserError(refused)
    return state


def is_intact(path: Path) -> bool:
    """Say whether the file at `path` is there and is one that was written there; nothing in it is interpreted."""
    if not path.is_file():
        return False
    before, line = _read_sums(path.parent), (path.name, _sha256(path))
    return line in before or line in _read_sums(path.parent)  # a run may just have replaced it


def set_damaged_aside(folder: Path) -> list[str]:
    """Rename what is damaged to `*.corrupt`; return what was found, in words.

    What a killed process had begun is removed; nobody else may be writing there.

    Raises:
        UserError: there are checkpoints, and nothing to know them by.
    """
    _check_sums(folder)
    remove_unfinished(folder)
    lines, sums, notes = _read_sums(folder), {}, []
    for name in (LAST, PREVIOUS, BEST):
        path = folder / name
        if path.exists() and (name, digest := _sha256(path)) in lines:
            sums[name] = digest
        elif path.exists():
            notes.append(f"{path} is damaged, and is now called {set_aside(path, DAMAGED).name}")
    if lines:
        _write_sums(folder, sums.items())
    return notes


def _check_sums(folder: Path) -> None:
    if not (folder / SUMS).exists() and any(folder.glob("*.ckpt")):
        raise UserError(
            f"{folder} has no {SUMS}, by which its checkpoints are known\n"
            "copy it from where they were made, or if you trust them, type\n"
            f"(cd {shlex.quote(str(folder))} && sha256sum *.ckpt > {SUMS})"
        )


def remove_previous(folder: Path) -> None:
    """Remove the checkpoint before the last, which is for runs that have yet to go on."""
    if (folder / PREVIOUS).exists():
        (folder / PREVIOUS).unlink()
        _write_sums(folder, [(name, digest) for name, digest in _read_sums(folder) if name != PREVIOUS])


def set_aside(path: Path, suffix: str) -> Path:
    """Rename a file, so that it is neither used nor lost; return its new path."""
    return path.rename(unused(path.with_name(path.name + suffix)))


def _put(finished: Path, path: Path, digest: str) -> None:
    """Give a finished file its place, and move the last checkpoint to that of the previous one."""
    folder, sums = path.parent, _read_sums(path.parent)
    changed = {path.name: digest}
    rotated = path.name == LAST and path.exists() and LAST in dict(sums)
    if rotated:
        changed[PREVIOUS] = dict(sums)[LAST]
    # The old lines and the new ones: whenever this is cut off, every file has its own among them.
    _write_sums(folder, [*sums, *changed.items()])
    if rotated:
        second_name = unfinished(folder / PREVIOUS)
        _link(path, second_name)
        second_name.replace(folder / PREVIOUS)
    finished.replace(path)
    sync_folder(folder)
    _write_sums(folder, (dict(sums) | changed).items())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # a file system without links
        shutil.copyfile(source, target)


def _read_sums(folder: Path) -> list[tuple[str, str]]:
    """Return (name, SHA-256) for each line; a name can stand in two of them while it is being written."""
    path = folder / SUMS
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return [(name, digest) for digest, _, name in (line.partition("  ") for line in lines)]


def _write_sums(folder: Path, sums: Iterable[tuple[str, str]]) -> None:
    write_text(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sums))


class _HashingFile:
    """Passes what is written on to `file`, and knows its SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()
