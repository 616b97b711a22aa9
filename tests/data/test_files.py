"""Faults of the data set's files, injected into small ones served on this machine."""

import gzip
import hashlib
import http.server
import multiprocessing
import random
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torchvision.datasets.mnist import read_label_file

from cnnzoo.data import files as files_module
from cnnzoo.data import sources
from cnnzoo.data.files import FILES, File, load_files
from cnnzoo.errors import UserError

# Connections to a server that does not answer are abandoned on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONTENT = {name: bytes([number]) * 5000 + name.encode() for number, name in enumerate(("images", "labels"))}
SMALL = tuple(File(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in CONTENT.items())


class Mirror(http.server.ThreadingHTTPServer):
    """Serves `files` (name to bytes, or None for a server that never answers) and lists what was asked for."""

    def __init__(self):
        self.files = {f"{name}.gz": gzip.compress(data) for name, data in CONTENT.items()}
        self.requests = []
        self.withheld = 0  # bytes that are announced and not sent
        self.delay = 0  # seconds before an answer
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        self.server.requests.append(name)
        time.sleep(self.server.delay)
        if name not in self.server.files:
            self.send_error(404)
        elif (body := self.server.files[name]) is None:
            time.sleep(3)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + self.server.withheld))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    server = Mirror()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setattr(sources, "MIRRORS", (f"http://127.0.0.1:{server.server_port}/",))
    monkeypatch.setattr(sources, "PACKAGE_FOLDER", tmp_path / "no package")
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)  # no apt
    yield server
    server.shutdown()
    server.server_close()


def content(found):
    return {name: item.data for name, item in found.items()}


def test_missing_files_are_fetched_once(mirror, tmp_path):
    root = tmp_path / "new" / "data"
    assert content(load_files(root, SMALL)) == CONTENT
    assert content(load_files(root, SMALL)) == CONTENT
    assert mirror.requests == ["images.gz", "labels.gz"]


@pytest.mark.parametrize(
    ("file", "damaged"),
    [
        ("images", b""),
        ("images", CONTENT["images"][:-1]),
        ("images", CONTENT["images"] + b"x"),
        ("images", b"\x01" + CONTENT["images"][1:]),
        ("images", CONTENT["labels"]),
        ("images.gz", gzip.compress(CONTENT["images"])[:-9]),
        ("images.gz", b"not gzip at all"),
        ("images.gz", gzip.compress(CONTENT["labels"])),
        ("images.gz", gzip.compress(CONTENT["images"])[:10] + b"\xff" + gzip.compress(CONTENT["images"])[11:]),
    ],
    ids=["empty", "truncated", "longer", "one byte", "swapped", "gz truncated", "gz garbage", "gz swapped", "gz block"],
)
def test_a_damaged_file_is_named_set_aside_and_fetched_again(mirror, tmp_path, caplog, file, damaged):
    (tmp_path / "labels").write_bytes(CONTENT["labels"])
    (tmp_path / file).write_bytes(damaged)
    assert content(load_files(tmp_path, SMALL)) == CONTENT
    assert (tmp_path / f"{file}.damaged").read_bytes() == damaged
    assert f"{tmp_path / file} is damaged" in caplog.text
    assert mirror.requests == ["images.gz"]


@pytest.mark.parametrize("more", [(), (File("t10k", 9, "0" * 64),)])  # which is not there
def test_another_data_set_with_the_same_names_and_sizes_is_left_alone(more, mirror, tmp_path):
    other = {name: bytes(len(data)) for name, data in CONTENT.items()}
    for name, data in other.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match="another data set, such as MNIST"):
        load_files(tmp_path, (*SMALL, *more))
    assert {name: (tmp_path / name).read_bytes() for name in CONTENT} == other
    assert mirror.requests == []


@pytest.mark.parametrize("others", [{}, {"labels": CONTENT["labels"][:-1]}], ids=["alone", "beside a shorter one"])
def test_damage_is_no_other_data_set(others, mirror, tmp_path):
    for name, data in {"images": bytes(len(CONTENT["images"])), **others}.items():
        (tmp_path / name).write_bytes(data)
    assert content(load_files(tmp_path, SMALL)) == CONTENT


def test_a_folder_that_another_process_holds_is_named(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(files_module, "LOCK_SECONDS", 0.1)
    with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match=r"another process has held .*/\.lock for 0\.1 s"):
        load_files(tmp_path, SMALL)


def test_setting_aside_never_overwrites(mirror, tmp_path):
    for damaged in (b"first", b"second"):
        (tmp_path / "images").write_bytes(damaged)
        load_files(tmp_path, SMALL)
    assert (tmp_path / "images.damaged").read_bytes() == b"first"
    assert (tmp_path / "images.damaged-2").read_bytes() == b"second"


@pytest.mark.parametrize("folder", [".", "FashionMNIST/raw"])
@pytest.mark.parametrize("compressed", [False, True])
def test_complete_folders_are_read_and_not_written(mirror, tmp_path, folder, compressed):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for name, data in CONTENT.items():
        path = tmp_path / folder / (f"{name}.gz" if compressed else name)
        path.write_bytes(gzip.compress(data) if compressed else data)
    before = sorted(tmp_path.rglob("*"))
    tmp_path.chmod(0o555)
    assert content(load_files(tmp_path, SMALL)) == CONTENT
    assert sorted(tmp_path.rglob("*")) == before
    assert mirror.requests == []


def test_the_installed_package_comes_before_the_network(mirror, tmp_path, monkeypatch):
    package = tmp_path / "package"
    package.mkdir()
    for name, data in CONTENT.items():
        (package / f"{name}.gz").write_bytes(gzip.compress(data))
    monkeypatch.setattr(sources, "PACKAGE_FOLDER", package)
    assert content(load_files(tmp_path / "data", SMALL)) == CONTENT
    assert mirror.requests == []


@pytest.mark.parametrize(
    "served",
    [b"", b"<html>moved</html>", gzip.compress(b"MNIST"), gzip.compress(CONTENT["images"])[:-5], None],
    ids=["nothing", "a page", "other data", "half", "no answer"],
)
def test_what_a_mirror_serves_is_never_trusted(mirror, tmp_path, monkeypatch, served):
    monkeypatch.setattr(sources, "STALL_SECONDS", 0.5)
    mirror.files["images.gz"] = served
    with pytest.raises(UserError) as refusal:
        load_files(tmp_path, SMALL)
    assert not (tmp_path / "images").exists()
    message = str(refusal.value)
    assert all(part in message for part in ("missing: images", str(tmp_path), "data.root=", "data=synthetic"))
    assert len(message.splitlines()) <= 6
    mirror.files["images.gz"] = gzip.compress(CONTENT["images"])
    assert content(load_files(tmp_path, SMALL)) == CONTENT


def test_a_connection_that_breaks_off_is_answered_in_words(mirror, tmp_path):
    mirror.withheld = 100
    with pytest.raises(UserError, match="IncompleteRead"):
        load_files(tmp_path, SMALL)


def test_a_mirror_that_stalls_leaves_the_package_its_time(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(sources.shutil, "which", lambda _: "/usr/bin/apt-get")
    mirror.files["images.gz"] = None
    patience = []

    def unpacked(folder, seconds):
        patience.append(seconds)
        (folder / "images.gz").write_bytes(gzip.compress(CONTENT["images"]))
        (folder / "labels.gz").write_bytes(gzip.compress(CONTENT["labels"]))
        return folder

    monkeypatch.setattr(sources, "_unpacked", unpacked)
    assert content(load_files(tmp_path, SMALL)) == CONTENT
    assert set(patience) == {sources.ANSWER_SECONDS}


def test_a_package_that_cannot_be_unpacked_is_answered_in_words(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_run", lambda command, folder, seconds: (folder / f"{sources.PACKAGE}_1.deb").touch())
    with pytest.raises(OSError, match="dpkg-deb"):
        sources._unpacked(tmp_path, 1)


def test_what_one_source_lacks_the_next_one_has(mirror, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MIRRORS", (f"{sources.MIRRORS[0]}other/", *sources.MIRRORS))
    assert content(load_files(tmp_path, SMALL)) == CONTENT


def test_without_network_the_answer_comes_within_ten_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PACKAGE_FOLDER", tmp_path / "no package")
    monkeypatch.setattr(sources, "MIRRORS", ("http://127.0.0.1:9/", "http://no.such.host.invalid/"))
    monkeypatch.setattr(sources.shutil, "which", lambda _: None)
    start = time.monotonic()
    with pytest.raises(UserError, match="no source has it"):
        load_files(tmp_path, SMALL)
    assert time.monotonic() - start < 10


def test_a_folder_that_cannot_be_written_is_named(mirror, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot keep Fashion-MNIST in .*file.*\ntype data.root=DIR"):
        load_files(tmp_path / "file", SMALL)


def test_many_processes_at_once_download_each_file_once(mirror, tmp_path):
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=load_files, args=(tmp_path, SMALL)) for _ in range(6)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 6
    assert sorted(mirror.requests) == ["images.gz", "labels.gz"]


@pytest.mark.parametrize("trials", [1, pytest.param(20, marks=pytest.mark.fault)])
def test_a_process_that_is_killed_while_it_fetches_costs_nothing(trials, mirror, tmp_path, count):
    fork, chance = multiprocessing.get_context("fork"), random.Random(0)
    for trial in range(trials):
        root = tmp_path / str(trial)
        mirror.requests.clear()
        mirror.delay = 0.2
        processes = [fork.Process(target=load_files, args=(root, SMALL)) for _ in range(8)]
        for process in processes:
            process.start()
        while not mirror.requests:
            time.sleep(0.001)
        time.sleep(chance.uniform(0, 0.35))  # of 0.4 s that it takes
        pid = mirror_client(root, processes)
        holder = next(process for process in processes if process.pid == pid)
        holder.kill()
        mirror.delay = 0
        for process in processes:
            process.join()
        assert sorted(process.exitcode for process in processes) in ([0] * 8, [-signal.SIGKILL] + [0] * 7)
        # One request for each file, and one more for those that the killed one had not finished.
        assert len(mirror.requests) <= 4
        assert content(load_files(root, SMALL)) == CONTENT
        count("T15")


def mirror_client(root, processes):
    """Return the process that holds the lock of `root`, or any if it has just let go."""
    inode, own = (root / ".lock").stat().st_ino, {process.pid for process in processes}
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        # Files of other disks may have the same number.
        if "->" not in line and fields[5].endswith(f":{inode}") and int(fields[4]) in own:
            return int(fields[4])
    return processes[0].pid


@pytest.mark.fault
def test_whatever_is_wrong_with_a_file_it_is_not_trained_on(mirror, tmp_path, count):
    chance = random.Random(0)
    for trial in range(45):
        name = chance.choice(list(CONTENT))
        data, root = bytearray(CONTENT[name]), tmp_path / str(trial)
        match trial % 5:
            case 0:
                data = data[: chance.randrange(len(data))]
            case 1:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            case 2:
                start = chance.randrange(len(data) - 512)
                data[start : start + 512] = b"\xff" * 512
            case 3:
                data = CONTENT["labels" if name == "images" else "images"]
            case 4:
                data += chance.randbytes(chance.randrange(1, 50))
        root.mkdir()
        (root / name).write_bytes(data)
        assert content(load_files(root, SMALL)) == CONTENT
        assert (root / f"{name}.damaged").read_bytes() == bytes(data)
        count("T14")


def test_torchvision_reads_a_file_with_a_flipped_bit(fashion_mnist, tmp_path):
    """The negative control: why files are verified."""
    data = bytearray(fashion_mnist.paths["t10k-labels-idx1-ubyte"].read_bytes())
    data[1000] ^= 1
    (tmp_path / "labels").write_bytes(data)
    labels = read_label_file(str(tmp_path / "labels"))
    assert len(labels) == 10_000
    assert not torch.equal(labels, fashion_mnist.labels[60_000:])


def test_the_real_files_are_verified_in_a_moment(fashion_mnist):
    root = fashion_mnist.paths[FILES[0].name].parent
    times = []
    for _ in range(3):
        start = time.process_time()
        load_files(root)
        times.append(time.process_time() - start)
    assert min(times) < 0.5  # 0.06 s on an idle machine
