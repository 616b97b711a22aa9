"""Where Fashion-MNIST can come from, in the order in which the sources are tried.

With no network at all, going through all of them takes less than ten seconds.
"""

import contextlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

from torchvision.datasets import FashionMNIST

PACKAGE = "dataset-fashion-mnist"  # of Debian and Ubuntu
PACKAGE_FOLDER = Path("/usr/share/datasets/fashion-mnist")
MIRRORS = (*FashionMNIST.mirrors, "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/")
MIRROR_SECONDS = 3  # until one has answered: name look-up, connection and redirects together
ANSWER_SECONDS = 10  # until apt-get has received something
SILENT_SECONDS = 2  # the same, where no mirror has answered
STALL_SECONDS = 10  # between bytes
APT_SECONDS = 300

Read = Callable[[str], bytes]


def sources() -> Iterator[tuple[str, Read]]:
    """Yield the name of each source and the function that returns one of its files, gzipped, or raises OSError.

    A function may be called only until the next source is asked for.
    """
    yield str(PACKAGE_FOLDER), lambda name: (PACKAGE_FOLDER / name).read_bytes()
    faults = _ask(MIRRORS)
    for mirror, fault in faults.items():
        yield mirror, lambda name, mirror=mirror, fault=fault: _download(mirror + name, fault)  # type: ignore[misc]
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with tempfile.TemporaryDirectory() as folder:
            silent = all(isinstance(fault, TimeoutError) for fault in faults.values())  # as without a network
            patience = SILENT_SECONDS if silent else ANSWER_SECONDS
            yield f"the package {PACKAGE}", lambda name: (_unpacked(Path(folder), patience) / name).read_bytes()


def _ask(mirrors: Sequence[str]) -> dict[str, OSError | None]:
    """Ask all mirrors at once whether they are there; return what keeps each from answering, if anything does."""
    # In threads, because no timeout of urllib's covers the name look-up.
    answers: queue.SimpleQueue[tuple[str, OSError | None]] = queue.SimpleQueue()

    def ask(mirror: str) -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(mirror, method="HEAD"), timeout=MIRROR_SECONDS):
                answers.put((mirror, None))
        except urllib.error.HTTPError:
            answers.put((mirror, None))  # it does not show its folder, and is there
        except OSError as error:
            answers.put((mirror, error))
        except HTTPException as error:
            answers.put((mirror, OSError(f"{type(error).__name__}: {error}")))

    faults: dict[str, OSError | None] = dict.fromkeys(mirrors, TimeoutError(f"no answer within {MIRROR_SECONDS} s"))
    for mirror in mirrors:
        threading.Thread(target=ask, args=(mirror,), daemon=True).start()
    deadline = time.monotonic() + MIRROR_SECONDS
    for _ in mirrors:
        with contextlib.suppress(queue.Empty):
            mirror, fault = answers.get(timeout=max(0, deadline - time.monotonic()))
            faults[mirror] = fault
    return faults


def _download(url: str, fault: OSError | None) -> bytes:
    if fault:
        raise fault
    try:
        with urllib.request.urlopen(url, timeout=STALL_SECONDS) as response:
            content: bytes = response.read()
    except HTTPException as error:  # such as a body that ends early
        raise OSError(f"{type(error).__name__}: {error}") from error
    return content


def _unpacked(folder: Path, patience: float) -> Path:
    """Return the package's data folder below `folder`; get it there first, without root and without apt's own lists."""
    unpacked = folder / "unpacked"
    if not unpacked.exists():
        lists, cache = folder / "lists", folder / "cache"
        for partial in (lists / "partial", cache / "archives" / "partial"):
            partial.mkdir(parents=True)
        options = [f"Dir::State::Lists={lists}", f"Dir::Cache={cache}", "Debug::NoLocking=1"]
        options += ["Acquire::Retries=0", "Acquire::http::Timeout=10", "Acquire::https::Timeout=10"]
        apt = ["apt-get", "-q", *(part for option in options for part in ("-o", option))]
        _run([*apt, "update"], folder, patience)
        _run([*apt, "download", PACKAGE], folder, patience)
        package = next(folder.glob(f"{PACKAGE}_*.deb"))
        try:
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True, timeout=APT_SECONDS)
        except subprocess.SubprocessError as error:
            raise OSError(f"dpkg-deb: {error}") from error
    return unpacked / PACKAGE_FOLDER.relative_to("/")


def _run(command: list[str], folder: Path, patience: float) -> None:
    """Run apt-get; stop it if it has received nothing within `patience` seconds."""
    answered = threading.Event()
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, cwd=folder, **pipes) as process:

        def watch() -> None:
            for line in process.stdout or ():
                if line.startswith(("Get:", "Hit:")):
                    answered.set()
            answered.set()

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            if not answered.wait(patience):
                raise TimeoutError(f"no answer within {patience:.0f} s")
            if process.wait(APT_SECONDS):
                raise OSError(f"apt-get {command[-1]} failed")
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"not done within {APT_SECONDS} s") from None
        finally:
            process.kill()
            watcher.join()
