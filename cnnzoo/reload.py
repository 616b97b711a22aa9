"""A run's folder, read back: what was asked for there. Nothing here imports torch."""

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.errors import HydraException

from cnnzoo.checks import check_config
from cnnzoo.choices import groups, options
from cnnzoo.config import RunConfig, compose_config, schema_of
from cnnzoo.errors import UserError
from cnnzoo.overrides import key_of
from cnnzoo.record import FILE_NAME, SCHEMA, flatten, read_record
from cnnzoo.rules import LATER_KEYS

ELSEWHERE = ("trainer.accelerator", "data.root")  # another machine has others


def read_run(name: str) -> tuple[RunConfig, dict[str, Any]]:
    """Return what the run in the folder `name` was asked for, checked as if it had just been typed, and its record.

    Raises:
        UserError: there is no run, or it cannot be trusted; the message says what to type.
    """
    if re.match(r"\w+://", name):
        raise UserError(f"{name} is a URL, and is not opened\ndownload the run, look at it, and type its folder")
    if not name:
        raise UserError("the folder of a run is missing\ntype resume=DIR with one under outputs/")
    folder = Path(name)
    if folder.suffix == ".ckpt":
        raise UserError(f"{name} is a checkpoint, and the folder of its run is asked for\ntype {folder.parent.parent}")
    try:
        record = read_record(folder)
        config = RunConfig(values=record["config"], choices=record["choices"])
    except (FileNotFoundError, NotADirectoryError):
        inside = sorted(path.parent for path in folder.glob(f"*/{FILE_NAME}"))
        within = f", but in the folders inside\ntype one of them, such as {inside[-1]}" if inside else ""
        nowhere = ": it has no run.json\ntype the folder of a run under outputs/"
        raise UserError(f"no run in {name}{within or nowhere}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / FILE_NAME} is damaged: {error}\ntype the folder of another run") from error
    # Choices say which yaml files the values are checked against; anything else could be an override of its own. An
    # experiment says nothing more, and a run may outlive its file.
    chosen = {group: option for group, option in config.choices.items() if group != "experiment"}
    if not all(group in groups() for group in chosen):
        raise UserError(f"{folder / FILE_NAME} is not what cnnzoo wrote: unknown choices\ntype another run")
    for group, option in chosen.items():
        if option not in options(group):
            raise UserError(
                f"{name} was made with {group}={option}, and there is no conf/{group}/{option}.yaml\n"
                "put that file back, or type another run"
            )
    if (schema := record.get("schema")) != SCHEMA:
        raise UserError(f"{folder / FILE_NAME} has schema {schema}, and this cnnzoo reads {SCHEMA}\ntype another run")
    try:
        usual = schema_of(config).values
        config.values["model"]["lr"] = usual["model"]["lr"]  # of which the run has one, as `optimizer.lr`
        if unknown := [key for key in flatten(config.values) if key not in flatten(usual)]:
            what = f"{name} has a value of {unknown[0]}, which no file in conf/ has any more"
            raise UserError(f"{what}\nput it back there, or type another run")
        if added := _add_missing(config.values, usual):
            print(f"note: {name} is from before there was {', '.join(added)}", file=sys.stderr)
        check_config(config)
    except (HydraException, AttributeError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{folder / FILE_NAME} is not what cnnzoo wrote: {reason}\ntype another run") from error
    return config, record


def _add_missing(values: dict[str, Any], usual: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Add what a run's values lack because it is from before there was such a key; return what decides a figure."""
    added = []
    for key, value in usual.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            added += _add_missing(values[key], value, f"{prefix}{key}.")
        elif key not in values and not key.startswith("_"):
            values[key] = value
            added += [] if key in LATER_KEYS else [f"{prefix}{key}, now {value}"]
    return added


def change_later_keys(config: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """Return the configuration of a run that goes on, with what may be changed then.

    Raises:
        UserError: an override is about something else.
    """
    for override in overrides:
        if _group(override) not in LATER_KEYS and key_of(override) not in ELSEWHERE:
            raise UserError(
                f"a resumed run keeps its settings, and '{override}' would change them\n"
                f"type resume=DIR alone, or with {', '.join(ELSEWHERE)} or keys of {', '.join(LATER_KEYS)}; "
                f"for another run with {override} leave resume out"
            )
        if override.startswith("~"):
            raise UserError(f"'{override}' takes away what every run has\nleave it out")
        group, _, key = key_of(override).partition(".")
        if key_of(override) in ELSEWHERE and key not in config.values[group]:
            raise UserError(f"unknown key '{group}.{key}': {config.choices[group]} has none\nleave it out")
    changed = compose_config([f"data={config.choices['data']}", *overrides]).values
    later = {key: changed[key] for override in overrides if (key := _group(override)) in LATER_KEYS}
    for group, key in (name.split(".") for override in overrides if (name := key_of(override)) in ELSEWHERE):
        later[group] = config.values[group] | {key: changed[group][key]}
    return replace(config, values=config.values | later)


def _group(override: str) -> str:
    return key_of(override).partition(".")[0]
