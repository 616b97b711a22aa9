"""What is wrong with a command, in a few words, and what to type."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from cnnzoo.checks import keys, nearest
from cnnzoo.choices import groups, options
from cnnzoo.commands import as_typed
from cnnzoo.config import schema
from cnnzoo.errors import BUSY, FAILED, INTERRUPTED, USER_ERROR, BusyError, RunEnded, UserError
from cnnzoo.overrides import SWEEP_KEYS, SWEEP_SETTINGS
from cnnzoo.record import flatten
from cnnzoo.rules import DERIVED

DEBUG = "HYDRA_FULL_ERROR"  # set it to 1 to see the traceback behind a message
SHOW_TRACEBACKS = os.environ.get(DEBUG, "0") != "0"

typed: list[str] = []  # the command as it was typed, of a grid; `cnnzoo.cli.run` keeps some of it from Hydra


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print what the user can mend in plain words, and exit with the code of its kind; at Ctrl-C without a word."""
    try:
        yield
    except (UserError, HydraException, OmegaConfBaseException) as error:
        if SHOW_TRACEBACKS:
            raise
        print(f"error: {explain(error)}", file=sys.stderr)
        sys.exit(BUSY if isinstance(error, BusyError) else USER_ERROR)
    except RunEnded as ended:
        print(f"{ended.status}: {ended}", file=sys.stderr)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def explain(error: Exception, overrides: Sequence[str] | None = None) -> str:
    """Return in a few lines what is wrong and what to type, also where it was Hydra that noticed.

    Args:
        error: what was raised.
        overrides: what was composed; by default what was typed.
    """
    text = str(error)
    if isinstance(error, UserError):  # in our own words
        return text
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = error.missing_cfg_file.partition("/")
        if group == "hydra":
            group, _, option = error.missing_cfg_file.rpartition("/")
        known = options(group) if group in groups() else list(error.options or [])
        if known:
            return f"unknown {group} {option!r}{nearest(option, known)}\nall of them: {', '.join(known)}"
    if isinstance(error, OverrideParseException):
        if path := re.fullmatch(r"([\w.]+)=([^\[\]{},'\"]+)", error.override):
            home = os.path.expanduser(path[2])  # noqa: PTH111  # which leaves ~NOBODY as it is
            return f"cannot read '{error.override}'\ntype {as_typed(path[1], home)}"
        example = f"model={error.override}" if error.override in options("model") else "model=lenet or data.resize=96"
        spaced = " without spaces" if error.override in groups() or error.override.endswith(",") else ""
        return f"cannot read '{error.override}'\ntype key=value{spaced}, such as {example}"
    if entry := re.match(r"Error merging override (sweep\.(?:variants|exclude))=(\{.*)", text):
        return f"{entry[1]} is a list of such entries\ntype '{entry[1]}=[{entry[2]}]'"
    if absent := re.match(r"Error merging override (hydra\.\w+\.dir)=null", text):
        return f"{absent[1]} is a folder\ntype {absent[1]}=DIR, or leave it out"
    if merged := re.match(r"Error merging override (.*)", text):
        return f"'{merged[1]}' is of another kind than what it would replace\nlook at it in conf/, or in docs/sweeps.md"
    if file := re.match(r"In '(experiment/.*?)': Could not override '\w+@experiment\.", text):
        return f"conf/{file[1]}.yaml lacks its first line\nbegin it with # @package _global_"
    if file := re.match(r"In '(experiment/.*?)': Could not override 'experiment/(\w+)@", text):
        return f"conf/{file[1]}.yaml: {file[2]} is no group there\nwrite - override /{file[2]}: ..., with a slash"
    if text.startswith("Config group override"):
        return "a group is chosen by the name of one of its options, such as model=lenet\nall: python train.py --help"
    if added := re.match(r"(?:Multiple values for (\w+)\.|(\w+) appears more than once)", text):
        return f"{added[1] or added[2]} has an option already\ntype {added[1] or added[2]}=OPTION, without a +"
    if file := re.match(r"In '(experiment/.*?)': .*\nCannot merge \w+ with \w+", text):
        what = f"conf/{file[1]}.yaml: a list stands where a group of keys is to be, or the other way round"
        return f"{what}\nsweep.exclude and sweep.variants are lists, whose entries begin with a dash"
    if file := re.match(r"In '(experiment/.*?)': .*\nMerge error: .* subclass of .*\. value: (.*)", text):
        return (
            f"conf/{file[1]}.yaml: {file[2]} is the option of a group of Hydra\nwrite - override /hydra/launcher: ..."
        )
    if ambiguous := re.match(r"(?:Ambiguous value for argument|Sweep parameters) '(.*?)'", text):
        if typed:
            what = f"'{ambiguous[1]}' has several values, and in sweep.variants and sweep.per_model a key has one"
            return f"{what}\ntype {ambiguous[1]} for all cells, or a variant for each"
        return _several(ambiguous[1], sys.argv[1:] if overrides is None else overrides)
    if unknown := re.match(r"Could not override '(.*?)'", text):
        return unknown_key(unknown[1], sys.argv[1:] if overrides is None else overrides)
    if not isinstance(error, HydraException | OmegaConfBaseException | ValueError):
        text = f"{type(error).__name__}: {text}\n{DEBUG}=1 before the command shows where"
    return "\n".join(text.splitlines()[:5])


def _several(word: str, overrides: Sequence[str]) -> str:
    """Return in two lines that an override has several values, and what one of its kind looks like."""
    key, _, value = word.partition("=")
    usual = flatten(schema(tuple(chosen(overrides))).values).get(key)
    remedy = "type python sweep.py for several"
    if isinstance(usual, list):
        remedy = f"type '{key}=[{value}]' for a list, or python sweep.py for several"
    elif isinstance(usual, float) and re.fullmatch(r"-?\d+,\d+", value):
        remedy = f"type {key}={value.replace(',', '.')}, with a point, or python sweep.py for several"
    return f"'{word}' has several values, and this is one run\n{remedy}"


def is_key(key: str, overrides: Sequence[str]) -> bool:
    """Say whether what `overrides` choose has a key; in a grid some of the cells may have what the others lack."""
    if typed and key.startswith(("sweep.per_model.", "sweep.laptop.")):
        return True
    words = [word.partition("=") for word in overrides]
    options = chosen([f"{group}={option}" for group, _, several in words for option in several.split(",")])
    known = {*groups(), *(_of_grids() if typed else ["resume"])}
    for choices in (chosen(overrides), *([option] for option in options)):
        known |= {*keys(schema(tuple(choices)).values)}
    return key in known - {*DERIVED}


def _of_grids() -> list[str]:
    return [*SWEEP_KEYS, *(f"sweep.{each}" for each in SWEEP_SETTINGS)]


def unknown_key(key: str, overrides: Sequence[str]) -> str:
    """Return in two lines that what `overrides` choose has no such key, and what it has."""
    group = key.partition(".")[0]
    if group in SWEEP_KEYS and not typed:
        return f"'{key}' is a key of grids\ntype python sweep.py for one"
    if key.startswith("hydra.launcher.") and typed:
        return f"'{key}' is a key of a launcher that is not chosen\ntype hydra/launcher=submitit_slurm beside it"
    if key == "resume" and typed:
        return "resume is for one run; a grid goes on when it is typed again\ntype python train.py resume=DIR"
    choices = chosen(overrides)
    config = schema(tuple(choices))
    known = [each for each in keys(config.values) if each not in DERIVED and not each.startswith("model.lr.")]
    own = [each for each in known if each.startswith(f"{group}.") or each.endswith(f".{key.rpartition('.')[2]}")]
    near = nearest(
        key, own if "." in key and group in config.choices else [*groups(), *known, *(_of_grids() if typed else [])]
    )
    without = f": {config.choices[group]} has none" if group in config.choices and "." in key and not near else ""
    program = "sweep.py" if typed else "train.py"
    script = " ".join(["python", program, *(each for each in choices if each.startswith(f"{group}=")), "--help"])
    return f"unknown key '{key}'{without}{near}\nall keys: {script}"


def chosen(overrides: Sequence[str]) -> list[str]:
    """Return those of the overrides that choose one option of a group, such as `model=vgg11`."""
    choices = {f"{group}={option}" for group in groups() for option in options(group)}
    return [override for override in overrides if override in choices]
