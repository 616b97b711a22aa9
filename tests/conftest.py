import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnzoo.choices import CONF
from cnnzoo.data.fashion_mnist import load_fashion_mnist
from cnnzoo.data.images import Images
from cnnzoo.errors import UserError

ROOT = CONF.parent


def pytest_configure(config: pytest.Config) -> None:
    if config.option.markexpr != "gpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


@pytest.fixture(scope="session")
def fashion_mnist() -> Images:
    """The real data, fetched if need be; without them the tests that need them are skipped, and say so."""
    try:
        return load_fashion_mnist(ROOT / "data")
    except UserError as error:
        pytest.skip(f"needs Fashion-MNIST: {error}")


@pytest.fixture(autouse=True)
def _same_start() -> None:
    torch.manual_seed(0)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and nohup without this


@pytest.fixture(autouse=True, scope="session")
def _surroundings() -> Iterator[None]:
    """Leave files to the system's cache, which outlives killed processes; `test_disk` looks at what is flushed.

    What a terminal is shown is not to depend on the one in which the tests run.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        patch.setenv("TERM", "xterm")
        yield


INJECTED: Counter[str] = Counter()


@pytest.fixture
def count() -> Callable[[str], None]:
    """Count a fault that was injected and cost nothing: by its row of the fault matrix."""
    return lambda row: INJECTED.update([row])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes
        session.config.workeroutput["injected"] = dict(INJECTED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    INJECTED.update(getattr(node, "workeroutput", {}).get("injected", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if INJECTED:
        rows = ", ".join(f"{row} {number}" for row, number in sorted(INJECTED.items()))
        terminalreporter.write_line(f"faults injected: {rows}; {INJECTED.total()} in all")


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path
