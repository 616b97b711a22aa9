"""Odd places and odd machines (RELIABILITY T19)."""

import os
import subprocess
import sys

import pytest

from cnnzoo.record import read_record
from cnnzoo.run import train
from tests.composed import compose_config
from tests.conftest import ROOT

RUN = ["data=synthetic", "trainer=smoke", "model=mlp", "hydra.run.dir=run"]
CLOCK = "import time; real = time.time; time.time = lambda: real() - 10**9 * (int(real() * 10) % 2)\n"
MAIN = f"import sys; sys.argv = ['train.py', *{RUN!r}]; sys.path.insert(0, {str(ROOT)!r})\n"
MAIN += f"exec(compile(open({str(ROOT / 'train.py')!r}).read(), {str(ROOT / 'train.py')!r}, 'exec'))"
SMALL_SHM = ["unshare", "--map-root-user", "--mount", "sh", "-ec", "mount -t tmpfs -o size=1m tmpfs /dev/shm"]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    return train(compose_config(RUN[:-1]), tmp_path_factory.mktemp("plain"))["metrics"]


PLACES = {
    "a path with spaces, = and umlauts": {"folder": "größe = 1, 2"},
    "without asserts": {"flags": ["-O"]},
    "no locale": {"environment": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0"}},
    "no home": {"without": ["HOME"]},
    "a home that cannot be written": {"environment": {"HOME": "/proc"}},
    "no temporary folder of one's own": {"environment": {"TMPDIR": "/nonexistent"}},
    "no terminal": {"environment": {"TERM": "dumb", "COLUMNS": "1"}},
    "a clock that jumps": {"code": CLOCK + MAIN},
    "shared memory of 1 MiB": {"before": [*SMALL_SHM[:-1], f'{SMALL_SHM[-1]}; exec "$@"', "sh"]},
    "one thread": {"environment": {"OMP_NUM_THREADS": "1"}, "same": False},  # sums in another order
}


FIRST, *OTHERS = PLACES


@pytest.mark.parametrize("place", [FIRST, *(pytest.param(name, marks=pytest.mark.fault) for name in OTHERS)])
def test_a_run_ends_the_same_everywhere(place, metrics, tmp_path, count):
    told = PLACES[place]
    folder = tmp_path / told.get("folder", ".")
    folder.mkdir(exist_ok=True)
    environment = {name: text for name, text in os.environ.items() if name not in told.get("without", [])}
    if "before" in told and subprocess.run(SMALL_SHM, capture_output=True).returncode:
        pytest.skip("no namespaces of one's own here")
    command = ["-c", told["code"]] if "code" in told else [str(ROOT / "train.py"), *RUN]
    done = subprocess.run(
        [*told.get("before", []), sys.executable, *told.get("flags", []), *command],
        cwd=folder,
        env=environment | told.get("environment", {}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    record = read_record(folder / "run")
    assert record["status"] == "completed"
    assert record["metrics"] == metrics or not told.get("same", True)
    count("T19")
