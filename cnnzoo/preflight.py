"""What is checked of a run before Hydra creates its folder: a refused one leaves nothing behind."""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, read_write

from cnnzoo.checks import check_config, refuse_grid, refuse_program
from cnnzoo.commands import resume_command
from cnnzoo.config import RunConfig, resolve
from cnnzoo.disk import refuse_group, reserve, unused
from cnnzoo.errors import USER_ERROR, UserError
from cnnzoo.explain import plain_errors
from cnnzoo.importing import importing_torch
from cnnzoo.overrides import key_of, warn_of_other_rates, warn_of_repeats
from cnnzoo.record import FILE_NAME, foreign_files, holds_run
from cnnzoo.reload import change_later_keys, read_run


class Preflight(Callback):
    """Hydra calls this before it creates the run's folder; a refused run leaves nothing behind.

    Attributes:
        reached: whether Hydra has composed the configuration.
        run_config: the run that was asked for, once it is checked.
    """

    reached = False
    run_config: RunConfig

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse several runs in one command, unless it is `sweep.py`, which checks each of them."""
        Preflight.reached = True
        if "sweep" in config:
            return
        print("error: train.py trains one net\nfor several, type python sweep.py", file=sys.stderr)
        sys.exit(USER_ERROR)

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check the configuration and the folder."""
        Preflight.reached = True
        try:
            with plain_errors():
                HydraConfig.instance().set_config(config)  # the folder's name refers to it
                refuse_grid(config.hydra.runtime.choices)
                warn_of_repeats(config.hydra.overrides.task)
                warn_of_other_rates(config.hydra.overrides.task, str(config.hydra.runtime.choices.optimizer))
                of_hydra = {*map(key_of, config.hydra.overrides.hydra)}
                if config.resume is not None and "hydra.run.dir" in of_hydra:
                    raise UserError("a run goes on in its own folder\nleave hydra.run.dir out")
                if "hydra.sweep.dir" in of_hydra:
                    raise UserError(
                        "hydra.sweep.dir is the folder of a grid\ntype hydra.run.dir=DIR for that of one run"
                    )
                Preflight.run_config = asked_for(config)
                check_config(Preflight.run_config)
                if config.resume is not None:
                    with read_write(config.hydra):
                        config.hydra.run.dir = str(config.resume)
                folder, is_usual = config.hydra.run.dir, config.resume is None and "hydra.run.dir" not in of_hydra
                # Its name is the second, in which others may have begun, or begin meanwhile.
                check_folder(str(unused(Path(folder))) if is_usual else folder, resume=config.resume is not None)
                with importing_torch():  # once nothing is left that can be refused without it
                    from cnnzoo.facts import check
                    from cnnzoo.run import is_completed
                check(Preflight.run_config, here=config.resume is None or not is_completed(Path(str(config.resume))))
                if is_usual:
                    with read_write(config.hydra):
                        config.hydra.run.dir = str(reserve(Path(folder)))
        except Exception:
            traceback.print_exc()  # Hydra would turn any exception of a callback into a warning and go on
            sys.exit(1)


def asked_for(config: DictConfig) -> RunConfig:
    """Return the run that the command line asks for: the one composed, or that in the folder of `resume=`.

    Raises:
        UserError: there is no such run, or it would be changed.
    """
    hydra = HydraConfig.get()
    if config.resume is None:
        return resolve(config, hydra.runtime.choices, hydra.overrides.task)
    run_config, _ = read_run(str(config.resume))
    others = [each for each in hydra.overrides.task if not each.startswith("resume=")]
    return change_later_keys(run_config, others)


def check_folder(name: str, *, resume: bool) -> None:
    """Check that a run can be written to the folder `name` and, unless it is to go on, would not overwrite another.

    Raises:
        UserError: it has no name, holds a run or something else's files, or cannot be created or written.
    """
    if not name:
        raise UserError("hydra.run.dir is empty\ntype hydra.run.dir=DIR with a new folder")
    option = "'hydra.run.dir=DIR/${hydra:runtime.choices.model}'"
    refuse_group("hydra.run.dir", name, f"type {option} for the name of its option")
    folder = Path(name)
    try:
        if broken := [each for each in (folder, *folder.absolute().parents) if each.is_symlink() and not each.exists()]:
            raise UserError(f"{broken[0]} is a link to nowhere\nmend it, or type hydra.run.dir=DIR with another folder")
        if not resume:
            refuse_program("hydra.run.dir", folder)
        if holds_run(folder) and not resume:
            goes_on = f", or {resume_command(folder)}" if (folder / FILE_NAME).exists() else ""
            raise UserError(f"{folder} already holds a run\ntype hydra.run.dir=DIR with a new folder{goes_on}")
        if not resume and (others := foreign_files(folder)):
            what = f"{folder} already has {', '.join(others)}, not written by cnnzoo"
            raise UserError(f"{what}\ntype hydra.run.dir=DIR with a new folder")
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"1")
    except OSError as error:
        remedy = "make it writable" if resume else "type hydra.run.dir=DIR with another folder"
        raise UserError(f"cannot write to {folder}: {error.strerror}\n{remedy}") from error
