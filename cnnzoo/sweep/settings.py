"""What is asked of a sweep as a whole: the keys of `conf/sweep.yaml`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, read_write

from cnnzoo.checks import refuse_program
from cnnzoo.disk import refuse_group, unused
from cnnzoo.errors import UserError
from cnnzoo.overrides import SWEEP_KEYS, SWEEP_SETTINGS, is_of_runs, key_of, values_of
from cnnzoo.record import flatten
from cnnzoo.rules import decides_figures

LAPTOP = {"trainer.max_epochs": 3, "trainer.limit_train_batches": 0.2}  # for grids that say nothing of it


@dataclass(frozen=True)
class Settings:
    """The keys of `conf/sweep.yaml`.

    Attributes:
        plan: whether to print what would be run, and run nothing.
        emit: file for one shell line a cell, or None.
        retry: whether failed cells are run again.
        slots: how many cells at a time, or None for as many as suit the device.
        timeout: seconds for one cell, or None.
        strict: whether one impossible cell refuses the grid.
        exclude: values of the cells to leave out.
        per_model: further overrides for the cells of a model, those of the budget among them.
        variants: lists of overrides of which each cell has one; empty: the grid is a product.
        reduced: overrides for all cells by the chosen budget, which all of these and the command line count before.
    """

    plan: bool
    emit: Path | None
    retry: bool
    slots: int | None
    timeout: float | None
    strict: bool
    exclude: list[dict[str, Any]]
    per_model: dict[str, dict[str, Any]]
    variants: list[dict[str, Any]]
    reduced: dict[str, Any]


def refuse_lists(overrides: Sequence[str]) -> None:
    """Check that none of the keys of `conf/sweep.yaml` has several values: Hydra leaves such overrides out.

    Raises:
        UserError: one has.
    """
    said_of_grids = [each for each in overrides if not is_of_runs(each)]
    for override in OverridesParser.create().parse_overrides(said_of_grids):
        if override.is_sweep_override():
            raise UserError(f"'{override.input_line}' has several values, and this key takes one\ntype one of them")


def read_settings(config: DictConfig) -> Settings:
    """Return the checked settings.

    Raises:
        UserError: one of them is not what it must be; the message says what to type.
    """
    if "sweep" in config and not isinstance(config.sweep, DictConfig):
        raise UserError(
            f"sweep is a group of keys\ntype sweep.name={config.sweep or 'NAME'} for the name of its folder"
        )
    lacking = [key for key in SWEEP_KEYS if key not in config]
    lacking += [f"sweep.{key}" for key in SWEEP_SETTINGS if "sweep" in config and key not in config.sweep]
    if lacking:
        raise UserError(f"{lacking[0]} cannot be removed\nleave ~{lacking[0]} out")
    if any(key_of(each) == "hydra.run.dir" for each in config.hydra.overrides.hydra):
        raise UserError("hydra.run.dir is the folder of one run\ntype hydra.sweep.dir=DIR for that of a grid")
    keys: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, list(SWEEP_KEYS)), resolve=True)
    keys = keys | keys.pop("sweep")

    def must(key: str, words: str, allowed: bool, example: str, *got: Any) -> None:
        if not allowed:
            (found,) = got or [keys[key.removeprefix("sweep.")]]
            raise UserError(f"{key} must be {words} (got {found!r})\ntype for example {key}={example}")

    slots, timeout, emit = keys["slots"], keys["timeout"], keys["emit"]
    must("plan", "true or false", isinstance(keys["plan"], bool), "true")
    must("fresh", "true or false", isinstance(keys["fresh"], bool), "true")
    must("retry", "none or failed", keys["retry"] in ("none", "failed"), "failed")
    must("emit", "the name of a file", emit is None or (isinstance(emit, str) and emit != ""), "jobs.txt")
    named = f"grid-{keys['name']}" if type(keys["name"]) is int else "weekend"
    must("sweep.name", "a word", keys["name"] is None or _is_name(keys["name"]), named)
    must(
        "sweep.slots", "auto or a whole number, at least 1", slots == "auto" or (type(slots) is int and slots >= 1), "2"
    )
    is_time = isinstance(timeout, int | float) and not isinstance(timeout, bool) and timeout > 0
    must("sweep.timeout", "a number of minutes above 0", timeout is None or is_time, "60")
    must("sweep.invalid", "skip or error", keys["invalid"] in ("skip", "error"), "skip")
    must("budget", "full or laptop", keys["budget"] in ("full", "laptop"), "laptop")
    if keys["budget"] == "laptop" and config.hydra.runtime.choices.get("trainer") == "smoke":
        raise UserError("budget=laptop and trainer=smoke both say how much is trained\nleave one of them out")
    must("sweep.laptop", "overrides", isinstance(keys["laptop"] or {}, dict), "'{trainer.max_epochs: 1}'")
    reduced = dict(keys["laptop"] or {}) if keys["budget"] == "laptop" else {}
    excluded = [keys["exclude"], reduced.pop("exclude", [])]
    lists = {"exclude": excluded[0], "variants": keys["variants"], "laptop.exclude": excluded[1]}
    for key, each in lists.items():
        listed = isinstance(each, list) and all(isinstance(one, dict) and one for one in each)
        words, example = "a list, each entry with keys and values of cells", "'[{model: vgg11, data.resize: 28}]'"
        must(f"sweep.{key}", words, listed, example, each)
    by_model: list[Any] = [keys["per_model"] or {}, reduced.pop("per_model", {})]
    if keys["budget"] == "laptop" and not reduced:
        reduced = dict(LAPTOP)
    for key, each in {"per_model": by_model[0], "laptop.per_model": by_model[1]}.items():
        mapped = isinstance(each, dict) and all(isinstance(one, dict) for one in each.values())
        must(f"sweep.{key}", "overrides by model", mapped, "'{vgg11: {data.batch_size: 64}}'", each)
    if keys["plan"] and emit:
        raise UserError("plan=true and emit=FILE both run nothing\nleave one of them out")
    if unknown := config.sweep.keys() - {*SWEEP_SETTINGS}:
        raise UserError(f"unknown key 'sweep.{min(map(str, unknown))}'\nall keys: python sweep.py --help")
    reduced = flatten(reduced)
    _refuse_keys_of_grids("sweep.laptop", [reduced])
    _refuse_keys_of_grids("sweep.variants", keys["variants"])
    _refuse_keys_of_grids("sweep.per_model", [one for each in by_model for one in each.values()], "model")
    own = {
        model: {key: value for key, value in flatten(values).items() if key not in reduced}
        for model, values in by_model[0].items()
    }
    return Settings(
        plan=keys["plan"],
        emit=None if emit is None else Path(emit),
        retry=keys["retry"] == "failed",
        slots=None if slots == "auto" else slots,
        timeout=None if timeout is None else 60 * timeout,
        strict=keys["invalid"] == "error",
        exclude=[flatten(each) for each in (*excluded[0], *excluded[1])],
        per_model={model: own.get(model, {}) | flatten(by_model[1].get(model, {})) for model in {**own, **by_model[1]}},
        variants=[flatten(each) for each in keys["variants"]],
        reduced=reduced,
    )


def _refuse_keys_of_grids(key: str, said: Sequence[dict[str, Any]], *others: str) -> None:
    for name in (name for each in said for name in flatten(each)):
        if not is_of_runs(name) or name in ("resume", *others):
            raise UserError(f"{key}: '{name}' is nothing that cells can differ in there\nleave it out")


def choose_folder(config: DictConfig, overrides: Sequence[str]) -> Path:
    """Return the sweep's folder: that of all commands that ask for the same grid, or with `fresh` a new one.

    Raises:
        UserError: it has no name.
    """
    if config.sweep.name is None:
        last = {key_of(each): each.lstrip("+") for each in overrides}
        overrides = [each for each in last.values() if is_of_runs(each) and decides_figures(key_of(each))]
        chosen = [each for each in overrides if key_of(each) == "experiment" and not each.startswith("~")]
        experiments = [name for each in chosen for name in values_of(each)]
        experiment = experiments[0] if len(experiments) == 1 else "sweep"
        others = sorted(each for each in overrides if key_of(each) != "experiment" or experiment == "sweep")
        if experiment == "sweep":  # the grid is what is typed, also as a list of variants
            others += [word for key, word in last.items() if key == "sweep.variants"]
        digest = hashlib.sha256("\n".join(others).encode()).hexdigest()[:8]
        name = experiment.replace("/", "-") + (f"-{digest}" if others or experiment == "sweep" else "")
        name += "-laptop" if config.budget == "laptop" else ""
        OmegaConf.update(config, "sweep.name", name)
    if not config.hydra.sweep.dir:
        raise UserError("hydra.sweep.dir is empty\ntype hydra.sweep.dir=DIR with a folder")
    folder = Path(str(config.hydra.sweep.dir))
    refuse_group("hydra.sweep.dir", str(folder), "type hydra.sweep.dir=DIR; its cells are called by their models")
    refuse_program("hydra.sweep.dir", folder)
    if config.fresh is True:
        fresh = unused(folder)
        with read_write(config.hydra):  # where a launcher puts its logs
            config.hydra.sweep.dir = str(fresh)
        return fresh
    return folder


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value != "" and "/" not in value and not value.startswith(".")
