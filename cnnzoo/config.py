"""Configurations: composed by Hydra from `conf/` and resolved to plain values. Nothing here imports torch."""

import copy
import functools
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from cnnzoo.choices import CONF, read_experiment
from cnnzoo.errors import UserError
from cnnzoo.overrides import SWEEP_KEYS, key_of
from cnnzoo.rules import LATER_KEYS

NOT_NET_ARGUMENTS = ("init", "lr", "min_size")  # in conf/model/*.yaml: said about a net, not to its class
OF_ONE_OPTION = ("optimizer", "scheduler")  # groups whose values belong to the option for which they are given
FLOATS = ("gradient_clip_val",)  # which the yaml has as null
USUAL_RATE = 0.001  # said, and stands in the schema, where a net's yaml has none for an optimizer
EXACT = 2**53  # whole numbers below are the same as floats
_composed: dict[tuple[str, ...], tuple[DictConfig, dict[str, str | None]]] = {}  # by `compose_choices`


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
    composed, chosen = compose_choices(choices)
    config = copy.deepcopy(composed)
    rate = OmegaConf.select(config, "optimizer.lr", throw_on_resolution_failure=False)
    if rate is None and "lr" in config.optimizer:
        config.optimizer.lr = USUAL_RATE
    return _plain(config, chosen)


def schema_of(config: RunConfig) -> RunConfig:
    """Return what the yaml files that `config` has chosen say by themselves."""
    return schema(_typed({group: option for group, option in config.choices.items() if group != "experiment"}))


def compose_choices(choices: tuple[str, ...]) -> tuple[DictConfig, dict[str, str | None]]:
    """Return what Hydra composes from options of groups, without its own node, and all options that are chosen then.

    It does so once, also if the same options are named otherwise. The first is to be copied before it is changed.

    Raises:
        HydraException: as `compose_unresolved`, as is the other.
        UserError: a yaml file cannot be read.
    """
    if choices not in _composed:
        composed = compose_unresolved(choices)
        config = _of_a_run(composed)
        OmegaConf.set_struct(config, True)  # what is unknown is refused
        chosen = dict(composed.hydra.runtime.choices)
        _composed[choices] = config, chosen
        whole = _typed(_of_run(chosen))
        if not chosen.get("experiment") and {*choices} <= {*whole}:  # and not such as ~scheduler
            _composed.setdefault(whole, _composed[choices])
    return _composed[choices]


def _of_a_run(composed: DictConfig) -> DictConfig:
    """Return what was composed without what is of Hydra, a command or a grid; itself where there is nothing of it."""
    keys = [str(key) for key in composed if key not in ("hydra", "resume", *SWEEP_KEYS)]
    return composed if len(keys) == len(composed) else OmegaConf.masked_copy(composed, keys)


def _typed(choices: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(f"{group}={option}" for group, option in choices.items())


def _of_run(choices: Mapping[str, str | None]) -> dict[str, str]:
    return {group: option for group, option in sorted(choices.items()) if option and not group.startswith("hydra/")}


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
    except (HydraException, OmegaConfBaseException):
        raise
    except ValueError as error:  # Hydra's, such as of a group that is given a number
        raise ConfigCompositionException(str(error)) from error


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


def resolve(composed: DictConfig, choices: Mapping[str, str | None], overrides: Sequence[str]) -> RunConfig:
    """Return the plain form of what Hydra composed from `choices` and `overrides`; 0 and 0.0 are the same there.

    What the file of an experiment says of its own optimizer or schedule does not hold for another one.

    Raises:
        UserError: a value refers to a key that does not exist.
    """
    config = _plain(without_others(composed, choices, overrides), choices)
    return replace(config, values=_with_floats(config.values, schema_of(config).values))


def without_others(composed: DictConfig, choices: Mapping[str, str | None], overrides: Sequence[str]) -> DictConfig:
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
    values: Any = OmegaConf.to_container(compose_choices((f"{group}={option}",))[0][group])
    return dict(values)


def _plain(composed: DictConfig, choices: Mapping[str, str | None]) -> RunConfig:
    for group in choices:
        if isinstance(name := composed.get(group), str):
            file = f"conf/experiment/{choices.get('experiment')}.yaml"
            under = (
                f"hydra.sweeper.params: {group}: {name}" if "," in name else f"defaults: - override /{group}: {name}"
            )
            raise UserError(f"{group} is a group of keys, and {name!r} is not\nin {file}, write under {under}")
    values = _of_a_run(composed)
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
            rate = (re.findall(r"model\.lr\.(\w+)", str(error)) or [optimizer])[0]  # as the optimizer's yaml calls it
            raise UserError(
                f"{net} has no learning rate for {optimizer}\n"
                f"type optimizer.lr={USUAL_RATE}, or add {rate} under lr in conf/model/{net}.yaml"
            ) from error
        raise UserError(f"{error.full_key}: {str(error).splitlines()[0]}") from error
    assert isinstance(plain, dict)
    return RunConfig(values={str(key): value for key, value in plain.items()}, choices=_of_run(choices))


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


def own_choices(experiment: str) -> dict[str, str]:
    """Return which options an experiment chooses by itself."""
    return schema((f"experiment={experiment}",)).choices
