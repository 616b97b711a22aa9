"""Configurations: composed by Hydra from `conf/` and resolved to plain values. Nothing here imports torch."""

import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from cnnzoo.errors import UserError

CONF = Path(__file__).parents[1] / "conf"
if not CONF.is_dir():
    raise ImportError(f"{CONF} is missing: cnnzoo is installed from its own folder, with pip install -e .")
SWEEP_KEYS = ("sweep", "budget", "plan", "emit", "retry", "fresh")  # in conf/sweep.yaml: said about a grid, not a run
SWEEP_SETTINGS = ("name", "slots", "timeout", "invalid", "exclude", "variants", "laptop", "per_model")  # under `sweep`
LATER_KEYS = ("checkpoint", "watch", "pictures", "export")  # in conf/run.yaml: may be changed when a run goes on
NOT_NET_ARGUMENTS = ("init", "lr", "min_size")  # in conf/model/*.yaml: said about a net, not to its class
OF_ONE_OPTION = ("optimizer", "scheduler")  # groups whose values belong to the option for which they are given
FLOATS = ("gradient_clip_val",)  # which the yaml has as null
USUAL_RATE = 0.001  # said, and stands in the schema, where a net's yaml has none for an optimizer
EXACT = 2**53  # whole numbers below are the same as floats


@dataclass(frozen=True)
class RunConfig:
    """One run as it was asked for.

    Attributes:
        values: all keys with their resolved values, in plain dicts and lists.
        choices: the option chosen in each config group, such as {"model": "lenet"}.
    """

    values: dict[str, Any]
    choices: dict[str, str]

    @property
    def name(self) -> str:
        """What the run is called in folders and tables, such as `lenet-28-adamw-s0`."""
        model, optimizer = (self.choices[group].replace("/", "-") for group in ("model", "optimizer"))
        return f"{model}-{self.values['data']['resize']}-{optimizer}-s{self.values['seed']}"

    @property
    def hash8(self) -> str:
        """Eight hexadecimal digits, the same for runs that would give the same figures, wherever their data are."""
        values = {key: value for key, value in self.values.items() if key not in LATER_KEYS}
        values["data"] = {key: value for key, value in values["data"].items() if key != "root"}
        # Of a net's rates the chosen one counts, `optimizer.lr`; min_size only says what is refused.
        values["model"] = {key: value for key, value in values["model"].items() if key not in ("lr", "min_size")}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def net_arguments(self) -> dict[str, Any]:
        """What is passed to the net's class, and `_target_`, which names it."""
        return {key: value for key, value in self.values["model"].items() if key not in NOT_NET_ARGUMENTS}


def compose_config(overrides: Sequence[str]) -> RunConfig:
    """Return the configuration that `python train.py <overrides>` runs.

    Raises:
        HydraException: an override cannot be parsed or applied; `cnnzoo.explain.explain` says it in words.
        UserError: a value refers to a key that does not exist.
    """
    composed = compose_unresolved(overrides)
    return resolve(composed, composed.hydra.runtime.choices, overrides)


@functools.cache
def schema(choices: tuple[str, ...]) -> RunConfig:
    """Return what the yaml files say by themselves, with options chosen by overrides such as `model=lenet`.

    Where a net has no learning rate for an optimizer, so that one has to be typed, `USUAL_RATE` stands.
    """
    composed = compose_unresolved(choices)
    rate = OmegaConf.select(composed, "optimizer.lr", throw_on_resolution_failure=False)
    if rate is None and "lr" in composed.optimizer:
        composed.optimizer.lr = USUAL_RATE
    return _plain(composed, composed.hydra.runtime.choices)


def schema_of(config: RunConfig) -> RunConfig:
    """Return what the yaml files that `config` has chosen say by themselves."""
    return schema(tuple(f"{group}={option}" for group, option in config.choices.items() if group != "experiment"))


def compose_unresolved(overrides: Sequence[str]) -> DictConfig:
    """Return what Hydra composes, with its own node; it takes a tenth or two of a second.

    Raises:
        HydraException: an override cannot be parsed or applied.
        UserError: a yaml file cannot be read.
    """
    try:
        return _compose(overrides)
    except (YAMLError, UnicodeDecodeError) as error:  # of a file of one's own
        raise UserError(f"a file in conf/ cannot be read\n{error}") from error


def _compose(overrides: Sequence[str]) -> DictConfig:
    before = GlobalHydra.instance().hydra
    if before and any(_is_conf(each.path) for each in before.config_loader.get_search_path().get_path()):
        return compose("train", list(overrides), return_hydra_config=True)
    GlobalHydra.instance().clear()  # it is that of somebody's own program, which loads a trained net
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("train", list(overrides), return_hydra_config=True)
    finally:
        GlobalHydra.instance().hydra = before


def _is_conf(path: str) -> bool:
    return os.path.realpath(path.removeprefix("file://")) == os.path.realpath(CONF)


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return every combination of overrides such as `model=lenet,nin`, each with one value; the last varies fastest.

    Raises:
        HydraException: an override cannot be parsed.
        UserError: an override has values that cannot be counted.
    """
    choices = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_discrete_sweep():
            key, value = override.get_key_element(), override.value()
            values = value.filter(options(key)) if isinstance(value, Glob) else override.sweep_string_iterator()
            choices.append([f"{key}={each}" for each in values])
        elif override.is_sweep_override():
            raise UserError(f"'{override.input_line}' has no list of values\ntype them, such as seed=0,1,2")
        else:
            choices.append([str(override.input_line)])
    return [list(combination) for combination in product(*choices)]


def values_of(override: str) -> list[str]:
    """Return the values of an override such as `model=lenet,nin`, as read by Hydra.

    Raises:
        HydraException: it cannot be parsed.
        UserError: it has values that cannot be counted.
    """
    parser = OverridesParser.create()
    return [str(parser.parse_override(each).value()) for combination in expand([override]) for each in combination]


def resolve(composed: DictConfig, choices: Mapping[str, str | None], overrides: Sequence[str]) -> RunConfig:
    """Return the plain form of what Hydra composed from `choices` and `overrides`; 0 and 0.0 are the same there.

    What the file of an experiment says of its own optimizer or schedule does not hold for another one.

    Raises:
        UserError: a value refers to a key that does not exist.
    """
    config = _plain(_without_others(composed, choices, overrides), choices)
    return replace(config, values=_with_floats(config.values, schema_of(config).values))


def _without_others(composed: DictConfig, choices: Mapping[str, str | None], overrides: Sequence[str]) -> DictConfig:
    """Return what was composed, without what an experiment says of its own optimizer where another one is chosen."""
    typed = {*map(key_of, overrides)}
    groups = [group for group in OF_ONE_OPTION if group in typed]
    experiment = choices.get("experiment")
    if not groups or not experiment:
        return composed
    config = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    OmegaConf.set_struct(config, False)
    values, own = read_experiment(experiment)
    for group in groups:
        option = choices.get(group)
        if option is None or own.get(group, option) == option or not isinstance(values.get(group), dict):
            continue
        usual = _usual(group, option)
        for key in values[group]:
            if f"{group}.{key}" not in typed:
                config[group].pop(key, None)
                if key in usual:
                    config[group][key] = usual[key]
    return config


@functools.cache
def _usual(group: str, option: str) -> dict[str, Any]:
    """Return what the yaml file of an option says by itself, not resolved."""
    values: Any = OmegaConf.to_container(compose_unresolved([f"{group}={option}"])[group])
    return dict(values)


def _plain(composed: DictConfig, choices: Mapping[str, str | None]) -> RunConfig:
    for group in choices:
        if isinstance(name := composed.get(group), str):
            file = f"conf/experiment/{choices.get('experiment')}.yaml"
            raise UserError(
                f"{group} is a group of keys, and {name!r} is not\n"
                f"in {file}, write under defaults: - override /{group}: {name}"
            )
    values = OmegaConf.masked_copy(
        composed, [str(key) for key in composed if key not in ("hydra", "resume", *SWEEP_KEYS)]
    )
    try:
        plain = OmegaConf.to_container(values, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        rates = OmegaConf.select(values, "model.lr")
        if error.full_key == "optimizer.lr" and isinstance(rates, int | float):
            optimizer = choices["optimizer"]
            raise UserError(
                f"model.lr has a rate for each optimizer\n"
                f"type optimizer.lr={rates}, or in the net's yaml lr: {{{optimizer}: {rates}}}"
            ) from error
        if error.full_key == "optimizer.lr" and "model.lr" in str(error):
            net, optimizer = choices["model"], choices["optimizer"]
            raise UserError(
                f"{net} has no learning rate for {optimizer}\n"
                f"type optimizer.lr={USUAL_RATE}, or add one under lr in conf/model/{net}.yaml"
            ) from error
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    assert isinstance(plain, dict)
    return RunConfig(
        values={str(key): value for key, value in plain.items()},
        choices={
            group: option for group, option in sorted(choices.items()) if option and not group.startswith("hydra/")
        },
    )


def _with_floats(values: dict[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with whole numbers made floats where they are of that kind, so that 0 and 0.0 are one value.

    Lightning's limits are left alone: 1 is one batch, 1.0 all of them.
    """
    made = dict(values)
    for key, value in values.items():
        default = usual.get(key)
        if isinstance(value, dict) and isinstance(default, dict):
            made[key] = _with_floats(value, default)
        elif type(value) is int and abs(value) < EXACT and not key.startswith("limit_"):
            made[key] = float(value) if type(default) is float or key in FLOATS else value
    return made


def is_of_runs(override: str) -> bool:
    """Say whether an override is about the runs of a grid, and not about the grid or Hydra."""
    return re.split(r"[./@]", key_of(override))[0] not in (*SWEEP_KEYS, "hydra")


def key_of(override: str) -> str:
    """Return the key of an override such as `++model.width=0.5`."""
    return override.partition("=")[0].lstrip("+~")


def decides_figures(key: str) -> bool:
    """Say whether a run's figures can hang on a key: not on where the data are, nor on what may be changed later."""
    return key != "data.root" and key.partition(".")[0] not in LATER_KEYS


def is_grid(experiment: str) -> bool:
    """Say whether an experiment stands for many runs."""
    composed = compose_unresolved([f"experiment={experiment}"])
    return bool(composed.hydra.sweeper.get("params") or (composed.get("sweep") or {}).get("variants"))


def own_choices(experiment: str) -> dict[str, str]:
    """Return which options an experiment chooses by itself."""
    return schema((f"experiment={experiment}",)).choices


def read_experiment(experiment: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the file of an experiment, and those under its `defaults`, set and choose, not resolved.

    Both are empty if there is no such file in `conf/`, such as of a run that has outlived it.
    """
    path = CONF / "experiment" / f"{experiment}.yaml"
    content: Any = OmegaConf.to_container(OmegaConf.load(path)) if path.exists() else {}
    values: dict[str, Any] = {}
    own: dict[str, str] = {}
    for each in content.pop("defaults", []) if isinstance(content, dict) else []:
        if isinstance(each, dict):
            own |= {key.removeprefix("override ").removeprefix("/"): option for key, option in each.items()}
        elif each != "_self_":
            inherited, chosen = read_experiment(each.removeprefix("/experiment/"))
            values, own = _merged(values, inherited), own | chosen
    return _merged(values, content if isinstance(content, dict) else {}), own


def _merged(values: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    merged: Any = OmegaConf.to_container(OmegaConf.merge(values, others))
    return dict(merged)


def options(group: str) -> list[str]:
    """Return the names that can be chosen in a config group, such as `model`."""
    folder = CONF / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def groups() -> list[str]:
    """Return the names of the config groups."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir())
