"""What the command lines share: mistakes are answered in a few words, at once, with exit code 2."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

from hydra._internal.hydra import Hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode

from cnnzoo.checks import keys
from cnnzoo.choices import groups, read_experiment
from cnnzoo.commands import NO_TEXT, as_typed
from cnnzoo.config import schema
from cnnzoo.console import print_any_sign
from cnnzoo.errors import UserError
from cnnzoo.explain import DEBUG, chosen, explain, is_key, plain_errors, typed, unknown_key
from cnnzoo.help import help_text
from cnnzoo.overrides import is_of_runs, key_of, values_of
from cnnzoo.preflight import Preflight
from cnnzoo.record import flatten

HYDRA_FLAGS = "--help --hydra-help --version --cfg -c --resolve --package -p --run -r --multirun -m --config-path -cp"
HYDRA_FLAGS += " --config-name -cn --config-dir -cd --shell-completion -sc --experimental-rerun --info -i -h"
MULTIRUN = ("-m", "--multirun")
OTHER_CONFIGS = ("--config-name", "-cn", "--config-path", "-cp")
SHOWING = {"--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--info", "-i", "--shell-completion", "-sc"}
# What may be said of Hydra; the rest is the program's own, or would run what somebody names.
OF_HYDRA = re.compile(
    r"hydra(\.(run|sweep)\.dir|\.verbose|\.output_subdir|/\w+_logging|[./]launcher(\.[a-z]\w*)*|\.sweeper\.params(\..*)?)"
)
FOLDERS = ("hydra.run.dir", "hydra.sweep.dir", "resume")
OPEN = re.compile(r"sweep\.(per_model|laptop)[.=]")  # groups of a sweep that may have any keys

kept_back: list[str] = []  # overrides of a grid's runs that Hydra cannot compose the sweep itself with


def run(main: Callable[[], Any], *, grid: bool = False) -> None:
    """Call a function that Hydra made, with plain words for what is wrong with the command line.

    Args:
        main: what `hydra.main` returned.
        grid: whether it runs many cells, each of which is composed by itself.
    """
    print_any_sign()
    os.environ[DEBUG] = "1"  # Hydra raises its errors instead of printing them
    # Hydra composes twice, first only to find the mode: a grid is always many runs, and None leaves it to flags as -m.
    Hydra.get_mode = lambda *_, **__: RunMode.MULTIRUN if grid else None  # type: ignore[method-assign]
    with plain_errors():
        if grid:
            typed[:] = sys.argv
        for word in sys.argv[1:]:
            _refuse(word, grid)
        flags = {each for each in sys.argv[1:] if each.startswith("-")}
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
            if Preflight.reached:
                raise
            # Until Hydra has composed the configuration, whatever it raises is about the command line.
            raise UserError(explain(error)) from error


def _refuse(word: str, grid: bool) -> None:
    """Refuse words that Hydra would take for something else, or not answer in a way that helps."""
    flag, _, value = word.partition("=")
    if value.startswith("[") and flag in groups():
        several = f"python sweep.py {flag}={value.strip('[]').replace(' ', '')}"
        raise UserError(f"'{word}' is not a single option\ntype {several} for several runs")
    if word.startswith("-") and flag not in HYDRA_FLAGS.split():
        key = flag.lstrip("-")
        if not key:
            raise UserError(f"'{word}' is no option\nleave it out")
        known = OF_HYDRA.fullmatch(key) or is_key(key, sys.argv[1:])
        first = [each.partition(",")[0] for each in sys.argv[1:]]  # of several options
        more = f"type {key}={value or '...'}" if known else unknown_key(key, first)
        raise UserError(f"'{word}' is no option; keys are written without dashes\n{more}")
    if flag in OTHER_CONFIGS:
        what = f"runs are composed from conf/train.yaml, whatever {flag} says"
        raise UserError(f"{what}\nput your values into conf/experiment/NAME.yaml, and type experiment=NAME")
    key = key_of(word)
    if word.startswith("~") and "." not in key and key != "experiment":
        raise UserError(f"'{word}' takes away what every run has\nleave it out")
    if key != word and re.match(r"hydra\b", key) and not _may_be_said(key, value):
        raise UserError(f"'{key}' is set by cnnzoo itself\nleave it out")
    if not grid and re.match(r"hydra[./]launcher\b", key):
        raise UserError(f"'{key}' is for grids, whose cells it starts\ntype python sweep.py")
    if key in FOLDERS and len(values_of(word)) > 1:
        raise UserError(f"{key} is one folder\ntype {as_typed(key, value)}")
    if key in FOLDERS and NO_TEXT.fullmatch(value) and value.lower() != "null" and values_of(word) != [value]:
        raise UserError(f"'{word}' is read as {values_of(word)[0]}\ntype {as_typed(key, value)}")
    for name in values_of(word) if key == "experiment" and value else []:
        _refuse_what_experiments_may_not_say(name)


def _refuse_what_experiments_may_not_say(name: str) -> None:
    try:
        values, _ = read_experiment(name)
    except Exception:  # of which Hydra tells when it reads the file
        return
    said = flatten(values["hydra"], "hydra.") if isinstance(values.get("hydra"), dict) else {}
    if others := [key for key, value in said.items() if not _may_be_said(key, str(value))]:
        raise UserError(f"conf/experiment/{name}.yaml: {others[0]} is set by cnnzoo itself\nleave it out")


def _may_be_said(key: str, value: str) -> bool:
    return bool(OF_HYDRA.fullmatch(key)) and "_target_" not in value


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
