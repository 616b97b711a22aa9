"""Where Fashion-MNIST can come from, in the order in which the sources are tried.

With no network at all, going through all of them takes less than ten seconds.
"""

import queue
import shutil
import subprocess
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path

from torchvision.datasets import FashionMNIST

PACKAGE = "dataset-fashion-mnist"  # of Debian and Ubuntu
PACKAGE_FOLDER = Path("/usr/share/datasets/fashion-mnist")
MIRRORS = (*FashionMNIST.mirrors, "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/")
ANSWER_SECONDS = 3  # until the first byte: name look-up, connection and redirects together
STALL_SECONDS = 10  # between bytes
APT_SECONDS = 120

Read = Callable[[str], bytes]


def sources() -> Iterator[tuple[str, Read]]:
    """Yield the name of each source and the function that returns one of its files, gzipped, or raises OSError.

    A function may be called only until the next source is asked for.
    """
    yield str(PACKAGE_FOLDER), lambda name: (PACKAGE_FOLDER / name).read_bytes()
    for mirror in MIRRORS:
        yield mirror, lambda name, mirror=mirror: _download(mirror + name)  # type: ignore[misc]
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        with tempfile.TemporaryDirectory() as folder:
            yield f"the package {PACKAGE}", lambda name: (_unpacked(Path(folder)) / name).read_bytes()


def _download(url: str) -> bytes:
    answer: queue.SimpleQueue[HTTPResponse | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(urllib.request.urlopen(url, timeout=STALL_SECONDS))
        except OSError as error:
            answer.put(error)

    # In a thread, because no timeout of urllib's covers the name look-up.
    threading.Thread(target=ask, daemon=True).start()
    try:
        response = answer.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS} s") from None
    if isinstance(response, OSError):
        raise response
    with response:
        return response.read()


def _unpacked(folder: Path) -> Path:
    """Return the package's data folder below `folder`; get it there first, without root and without apt's own lists."""
    unpacked = folder / "unpacked"
    if not unpacked.exists():
        lists, cache = folder / "lists", folder / "cache"
        for partial in (lists / "partial", cache / "archives" / "partial"):
            partial.mkdir(parents=True)
        options = [f"Dir::State::Lists={lists}", f"Dir::Cache={cache}", "Debug::NoLocking=1"]
        options += ["Acquire::Retries=0", "Acquire::http::Timeout=3", "Acquire::https::Timeout=3"]
        apt = ["apt-get", "-qq", *(part for option in options for part in ("-o", option))]
        _run([*apt, "update"], folder)
        _run([*apt, "download", PACKAGE], folder)
        package = next(folder.glob(f"{PACKAGE}_*.deb"))
        _run(["dpkg-deb", "-x", str(package), str(unpacked)], folder)
    return unpacked / PACKAGE_FOLDER.relative_to("/")


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=APT_SECONDS)
    except subprocess.SubprocessError as error:
        raise OSError(f"{' '.join(command[:1] + command[-2:])} failed") from error
