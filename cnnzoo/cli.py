"""What the command lines share: mistakes are answered in a few words, at once, with exit code 2."""

import gc
import os
import re
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, read_write

from cnnzoo.checks import check_config, keys, refuse_grid
from cnnzoo.choices import groups
from cnnzoo.commands import resume_command
from cnnzoo.config import RunConfig, resolve, schema
from cnnzoo.disk import reserve, unused
from cnnzoo.errors import USER_ERROR, UserError
from cnnzoo.explain import DEBUG, chosen, explain, plain_errors, typed
from cnnzoo.help import help_text
from cnnzoo.overrides import is_of_runs, key_of, values_of
from cnnzoo.record import foreign_files, holds_run
from cnnzoo.reload import change_later_keys, read_run

HYDRA_FLAGS = "--help --hydra-help --version --cfg -c --resolve --package -p --run -r --multirun -m --config-path -cp"
HYDRA_FLAGS += " --config-name -cn --config-dir -cd --shell-completion -sc --experimental-rerun --info -i -h"
MULTIRUN = ("-m", "--multirun")
OTHER_CONFIGS = ("--config-name", "-cn", "--config-path", "-cp")
SHOWING = {"--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}
OPEN = re.compile(r"sweep\.(per_model|laptop)[.=]")  # groups of a sweep that may have any keys

kept_back: list[str] = []  # overrides of a grid's runs that Hydra cannot compose the sweep itself with


def run(main: Callable[[], Any], *, grid: bool = False) -> None:
    """Call a function that Hydra made, with plain words for what is wrong with the command line.

    Args:
        main: what `hydra.main` returned.
        grid: whether it runs many cells, each of which is composed by itself.
    """
    os.environ[DEBUG] = "1"  # Hydra raises its errors instead of printing them
    # Hydra composes twice, first only to find the mode: a grid is always many runs, and None leaves it to flags as -m.
    Hydra.get_mode = lambda *_, **__: RunMode.MULTIRUN if grid else None  # type: ignore[method-assign]
    with plain_errors():
        for argument in sys.argv[1:]:
            flag, _, value = argument.partition("=")
            if value.startswith("[") and flag in groups():
                several = f"python sweep.py {flag}={value.strip('[]').replace(' ', '')}"
                raise UserError(f"'{argument}' is not a single option\ntype {several} for several runs")
            if argument.startswith("-") and flag not in HYDRA_FLAGS.split():
                key = flag.lstrip("-")
                program = "sweep.py" if grid else "train.py"
                more = f"type {key}={value}" if key and value else f"all keys: python {program} --help"
                raise UserError(f"'{argument}' is no option; keys are written without dashes\n{more}")
            if grid and flag in OTHER_CONFIGS:
                what = f"the runs of a grid are composed from conf/train.yaml, whatever {flag} says"
                raise UserError(f"{what}\nput your values into conf/experiment/NAME.yaml, and type experiment=NAME")
        flags = {each for each in sys.argv[1:] if each.startswith("-")}
        if grid:
            typed[:] = sys.argv
        try:
            if grid:
                keep_back()
            if flags in ({"--help"}, {"-h"}):
                overrides = [each for each in sys.argv[1:] if each not in flags]
                print(help_text("sweep" if grid else "train", overrides), flush=True)
            else:
                main()
        except BrokenPipeError:  # whoever reads the output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except Exception as error:
            # Until Hydra has composed the configuration, whatever it raises is about the command line.
            raise error if Preflight.reached else UserError(explain(error)) from error


def keep_back() -> None:
    """Take from `sys.argv` the overrides that only the cells of a grid can be composed with, and open `OPEN` groups.

    Where only the configuration is shown, that is whatever has several values; of a group the first one stays. Hydra
    composes the sweep itself with the default net and optimizer where several are asked for, and applies to it whatever
    has one value: a `model.width=0.5` for VGGs would be refused there, because LeNet has no width.
    """
    flags = {each.partition("=")[0] for each in typed[1:] if each.startswith("-")}
    if flags & SHOWING:
        sys.argv[1:] = [one for each in sys.argv[1:] for one in _first(each)]
        return
    known = {*keys(schema(tuple(chosen(typed[1:]))).values)}
    kept_back[:] = [
        each for each in typed[1:] if is_of_runs(each) and "." in key_of(each) and key_of(each) not in known
    ]
    others = [each for each in typed[1:] if each not in (*kept_back, *MULTIRUN)]
    others = [f"++{each}" if OPEN.match(each) else each for each in others]  # or Hydra would refuse their new keys
    # Said, or Hydra would take a mistake for a single run.
    sys.argv[1:] = others if flags - {*MULTIRUN} else ["--multirun", *others]


def _first(word: str) -> list[str]:
    """Return a word of the command as it is; of a group's several options the first, and of other lists nothing."""
    if "=" not in word or word.startswith("-"):
        return [word]
    override = OverridesParser.create().parse_override(word)
    if not override.is_sweep_override():
        return [word]
    return [f"{key_of(word)}={each}" for each in values_of(word)[:1]] if key_of(word) in groups() else []


def in_order(overrides: Sequence[str]) -> list[str]:
    """Return what Hydra was given and what was kept from it, as typed: the last of a grid's keys varies fastest."""
    every = [*overrides, *kept_back]
    places = {override: place for place, override in enumerate(typed)}  # the last one of equal words
    return sorted(every, key=lambda override: places.get(override, len(typed)))


@contextmanager
def importing_torch() -> Iterator[None]:
    """Leave the many objects that come with torch and Lightning, and stay, out of Python's search for garbage.

    It would look through them several times while they are imported, and once more when the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


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
    folder = Path(name)
    try:
        if broken := [each for each in (folder, *folder.absolute().parents) if each.is_symlink() and not each.exists()]:
            raise UserError(f"{broken[0]} is a link to nowhere\nmend it, or type hydra.run.dir=DIR with another folder")
        if holds_run(folder) and not resume:
            raise UserError(
                f"{folder} already holds a run\ntype hydra.run.dir=DIR with a new folder, or {resume_command(folder)}"
            )
        if not resume and (others := foreign_files(folder)):
            what = f"{folder} already has {', '.join(others)}, not written by cnnzoo"
            raise UserError(f"{what}\ntype hydra.run.dir=DIR with a new folder")
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"1")
    except OSError as error:
        remedy = "make it writable" if resume else "type hydra.run.dir=DIR with another folder"
        raise UserError(f"cannot write to {folder}: {error.strerror}\n{remedy}") from error


def warn_of_repeats(overrides: Sequence[str]) -> None:
    """Say which keys are given more than once, because the last one silently wins."""
    last = {key_of(override): override for override in overrides}
    for key, count in Counter(map(key_of, overrides)).items():
        if count > 1:
            print(f"note: {key} is given {count} times, using {last[key]}", file=sys.stderr)
