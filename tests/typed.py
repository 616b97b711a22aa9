"""Command lines that are typed in this process, which has torch already: a new one takes seconds to load it."""

import sys
from types import ModuleType

import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig

import sweep
from cnnzoo import cli, explain
from cnnzoo.preflight import Preflight


def type_in(program: ModuleType, *arguments: str) -> int:
    """Do what `python <program>.py <arguments>` does, where `program` is `train` or `sweep`; return the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"{program.__name__}.py", *arguments])
        patch.setenv(explain.DEBUG, "0")  # `cli.run` sets it
        patch.setenv("HYDRA_MAIN_MODULE", "__main__")  # or Hydra looks for conf in a package, and finds none
        patch.setattr(cli, "typed", typed := [])
        patch.setattr(explain, "typed", typed)
        patch.setattr(cli, "kept_back", [])
        patch.setattr(Preflight, "reached", False)
        HydraConfig.instance().cfg = None
        try:
            cli.run(program.main, grid=program is sweep)
        except SystemExit as exited:
            return int(exited.code or 0)
        finally:
            GlobalHydra.instance().clear()
    return 0
