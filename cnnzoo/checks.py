"""What a configuration must be, checked before anything is started and without importing torch.

The chosen yaml files are the schema: a key that is not in them is unknown, and a value must be of the same kind as the
one that stands there. `cnnzoo.rules` adds what the kind does not tell.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cnnzoo.choices import CONF, is_grid, options, read_experiment
from cnnzoo.commands import as_typed
from cnnzoo.config import OF_ONE_OPTION, RunConfig, own_choices, schema_of
from cnnzoo.errors import UserError
from cnnzoo.record import PROGRAM, flatten
from cnnzoo.rules import DERIVED, LOOP_KEYS, NEEDED, OUR_TRAINER_KEYS, TARGETS, Rule, is_setting, rule_of

MAX_FAULTS = 3  # shown at once, two lines each
NEAR, CLOSE = 0.6, 0.2  # likeness of names that may be meant: at least, and at most so much below that of the best
MAX_NEAR = 4  # names that are suggested
SAID_ELSEWHERE = {"learning_rate": "lr", "image_size": "resize"}  # names that other programs have


def check_config(config: RunConfig, *, size: bool = True, images: bool = True) -> None:
    """Check everything that can be checked without building the net.

    Args:
        config: what is to be checked.
        size: whether the images must be large enough for the net.
        images: whether there are images, whose channels and classes are what they are.

    Raises:
        UserError: the message names the faults and what to type.
    """
    if "experiment" in config.values:
        file = f"conf/experiment/{config.choices.get('experiment')}.yaml"
        raise UserError(f"{file} lacks its first line\nbegin it with # @package _global_")
    if faults := [*_choice_faults(config.choices)]:
        raise UserError("\n".join(faults[:MAX_FAULTS]))
    schema = schema_of(config)
    faults = [*_yaml_faults(schema), *_experiment_faults(config, schema)]
    faults = faults or [*_faults(config.values, schema.values, "")]
    faults = faults or [*_derived_faults(config.values)]
    if images:
        faults = faults or [*_data_faults(config, schema)]
    if size and not faults:
        faults = list(_size_fault(config, schema))
    if faults:
        raise UserError("\n".join(faults[:MAX_FAULTS]))


def refuse_grid(choices: Mapping[str, str | None]) -> None:
    """Check that the chosen experiment, if any, is one run.

    Raises:
        UserError: it is a grid.
    """
    if (experiment := choices.get("experiment")) and is_grid(experiment):
        raise UserError(
            f"{experiment} is a grid of runs\n"
            f"type python sweep.py {as_typed('experiment', experiment)}; plan=true lists its runs, and trains none"
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean ...?`, or nothing if nothing known is near `word`.

    Of dotted keys and nested options the last parts are compared: `lr` is near `optimizer.lr`.
    """
    meant = SAID_ELSEWHERE.get(_last(word), _last(word))
    likeness = {name: difflib.SequenceMatcher(None, meant, _last(name)).ratio() for name in known if name != word}
    alike = max(NEAR, max(likeness.values(), default=0.0) - CLOSE)
    near = sorted((name for name in likeness if likeness[name] >= alike), key=lambda name: -likeness[name])
    return f"; did you mean {', '.join(near[:MAX_NEAR])}?" if near else ""


def _last(name: str) -> str:
    return re.split(r"[./]", name)[-1].lower()


def keys(values: dict[str, Any]) -> list[str]:
    """Return the dotted names of all values that can be set."""
    return [key for key in flatten(values) if not key.rpartition(".")[2].startswith("_")]


def changes(config: RunConfig) -> dict[str, Any]:
    """Return by their dotted names the values that are not what the chosen yaml files, and `trainer=default`, say.

    Left out are those that follow from others, change no figure, or stand in a run's name.
    """
    plain = replace(config, choices=config.choices | {"trainer": "default"})  # a trial's limits are to be seen
    own, usual = flatten(config.values), flatten(schema_of(plain).values)
    return {key: value for key, value in own.items() if _differ(value, usual.get(key)) and _is_told(key)}


def _differ(value: Any, usual: Any) -> bool:
    return type(value) is not type(usual) or value != usual  # a limit of 1 is one batch, and one of 1.0 all


def _is_told(key: str) -> bool:
    return is_setting(key) and key not in ("data.resize", "seed", "protocol", "trainer.accelerator")


def _choice_faults(choices: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with options that Hydra takes and we do not, such as model=lenet.yaml or model=./lenet."""
    for group, option in choices.items():
        if option not in (known := options(group)):
            named = option.removesuffix(".yaml")
            meant = max((each for each in known if f"/{named}".endswith(f"/{each}")), key=len, default="NAME")
            if (group, meant) == ("experiment", "NAME"):  # that of a run which has outlived the file
                continue
            yield f"{group}={option} is no option of that group\ntype {group}={meant}"


def _yaml_faults(schema: RunConfig) -> Iterator[str]:
    """Yield what a yaml file of one's own lacks."""
    for name in (*DERIVED, *NEEDED):
        group, key = name.split(".")
        if key not in schema.values[group]:
            line = f"{key}: ${{{DERIVED[name]}}}" if name in DERIVED else f"a line {key}: ..."
            yield f"conf/{group}/{schema.choices[group]}.yaml has no {key}\nadd {line}, as in the files beside it"
    for key in sorted(schema.values["trainer"].keys() & (OUR_TRAINER_KEYS | LOOP_KEYS)):
        yield f"trainer.{key} is chosen by cnnzoo\nleave it out of conf/trainer/{schema.choices['trainer']}.yaml"


def _experiment_faults(config: RunConfig, schema: RunConfig) -> Iterator[str]:
    """Yield what an experiment's file sets and another choice than its own does not have."""
    experiment = config.choices.get("experiment", "")
    unknown = flatten(config.values).keys() - flatten(schema.values).keys()
    if not (own := unknown & flatten(read_experiment(experiment)[0]).keys()):
        return
    usual = own_choices(experiment)
    for key in sorted(own):
        group = key.partition(".")[0]
        if group in OF_ONE_OPTION and group in read_experiment(experiment)[1]:  # the file's is left out: it was typed
            continue
        choice = f"{group}={config.choices.get(group)}"
        if group in config.choices and config.choices[group] != usual.get(group):
            what = f"experiment={experiment} sets {key}, which {choice} does not have"
            yield f"{what}\ntype ~{key}, or leave {choice} out"


def _faults(values: dict[str, Any], schema: dict[str, Any], prefix: str) -> Iterator[str]:
    for key in sorted(values.keys() - schema.keys()):
        near = nearest(prefix + key, [prefix + known for known in schema])
        yield f"unknown key '{prefix}{key}'{near}\nall keys: python train.py --help"
    for key, default in schema.items():
        name, value = f"{prefix}{key}", values.get(key, "")
        if isinstance(default, dict) and isinstance(value, dict):
            yield from _faults(value, default, f"{name}.")
        elif key == "_target_":
            yield from _target_faults(name, default, value, TARGETS.get(prefix.removesuffix(".")))
        elif name not in DERIVED and (rule := rule_of(name, default, value)) and not rule.allows(value):
            yield _fault(name, default, value, rule)


def _target_faults(name: str, default: Any, value: Any, begins: str | None) -> Iterator[str]:
    if begins is None:
        yield f"{name}={value} is refused: there is none\nleave it as it is"
    elif value != default:
        where = f"it stands in the group's yaml, and begins with {begins}"
        yield f"{name}={value} is refused: {where}\nleave it as it is"
    elif not str(value).startswith(begins):  # in a file of one's own
        yield f"{name}={value} does not begin with {begins}\nmend it in its yaml"


def _fault(name: str, default: Any, value: Any, rule: Rule) -> str:
    """Return what is wrong with a value, and what to type."""
    if isinstance(default, dict) and options(name):
        return f"{name} must be one of its options\ntype for example {name}={options(name)[0]}"
    whole = type(default) is float and not name.rpartition(".")[2].startswith("limit_")  # 2 was typed, and became 2.0
    got = "nothing" if value == "" else repr(value).removesuffix(".0" if whole else "")
    if isinstance(value, list) and value and not isinstance(default, list):
        several = f"python sweep.py {name}={','.join(map(str, value))}"
        return f"{name} has one value in a run (got {got})\ntype {several} for several runs"
    if isinstance(value, str) and (span := re.fullmatch(r"(\d+)-(\d+)", value)):
        several = f"python sweep.py '{name}=range({span[1]},{int(span[2]) + 1})'"
        return f"{name} has one value in a run (got {got})\ntype {several} for several runs"
    what = f"{name} must be {rule.words} (got {got})"
    if not rule.allows(default) and default is not None:  # in a file of one's own
        return f"{what}\nmend it in the file where it stands, in conf/{name.rpartition('.')[0]}"
    example = rule.example if default is None else default
    if isinstance(default, bool):
        example = str(not default).lower()
    return f"{what}\ntype for example {name}={example}"


def _derived_faults(values: dict[str, Any]) -> Iterator[str]:
    for name, source in DERIVED.items():
        (group, key), (source_group, source_key) = name.split("."), source.split(".")
        value = values.get(group, {}).get(key)
        if value != values.get(source_group, {}).get(source_key):
            yield f"{name} follows {source}\ntype {source}={'...' if value is None else value}"


def _data_faults(config: RunConfig, schema: RunConfig) -> Iterator[str]:
    for key in ("channels", "num_classes"):
        value = schema.values["data"][key]
        if config.values["data"][key] != value:
            yield f"data.{key} is a fact of the images, {value}\nleave it out; python -m cnnzoo info takes any"


def _size_fault(config: RunConfig, schema: RunConfig) -> Iterator[str]:
    # min_size holds for the net as its yaml has it; with other arguments, building the net finds out.
    size, smallest = config.values["data"]["resize"], config.values["model"]["min_size"]
    if size < smallest and config.net_arguments | {"image_size": 0} == schema.net_arguments | {"image_size": 0}:
        net = config.choices["model"]
        yield f"images of {size} px are too small: {net} needs data.resize >= {smallest}\ntype data.resize={smallest}"


def refuse_program(key: str, folder: Path) -> None:
    """Check that a folder is not where the program is; `key` is what it was typed for.

    Raises:
        UserError: it is.
    """
    place = folder.resolve()
    if place == CONF.parent or any(place.is_relative_to(CONF.parent / each) for each in PROGRAM):
        raise UserError(f"{folder} is where the program is\ntype {key}=DIR with another folder")
