"""Which runs a grid is made of, each checked before the first one starts."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Any

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from cnnzoo.checks import MAX_FAULTS, check_config, nearest
from cnnzoo.choices import groups, is_grid, options
from cnnzoo.composer import compose
from cnnzoo.config import RunConfig, schema
from cnnzoo.errors import CodeError, UserError
from cnnzoo.explain import explain
from cnnzoo.importing import importing_torch
from cnnzoo.overrides import expand, is_of_runs, key_of, values_of
from cnnzoo.record import flatten

ENOUGH = 20  # wrong cells


@dataclass(frozen=True)
class Cell:
    """One run of a grid.

    Attributes:
        overrides: what `train.py` would be given.
        config: what it would run.
        facts: what is known before any data are read, as `cnnzoo.facts.Facts`; empty if the cell is impossible.
        problem: why it is impossible, or None.
    """

    overrides: tuple[str, ...]
    config: RunConfig
    facts: dict[str, Any]
    problem: str | None

    @property
    def name(self) -> str:
        """The name of the cell's folder, such as `lenet-28-adamw-s0-1a2b3c4d`."""
        return f"{self.config.name}-{self.config.hash8}"

    @property
    def group(self) -> str:
        """Eight hexadecimal digits that are the same for cells that differ in nothing but their seed."""
        return replace(self.config, values=self.config.values | {"seed": 0}).hash8


def make_cells(
    overrides: Sequence[str],
    *,
    usual: Sequence[str] = (),
    exclude: Sequence[Mapping[str, Any]] = (),
    per_model: Mapping[str, Any] | None = None,
    variants: Sequence[Mapping[str, Any]] = (),
    here: bool = True,
) -> tuple[list[Cell], list[str]]:
    """Return the cells of a grid, and notes on those that were dropped.

    Args:
        overrides: what is typed, as for `train.py`, but with several values where the grid has several; the last of two
            with the same key counts. Those about the grid itself and Hydra's own are left out.
        usual: the same, of an experiment and its budget.
        exclude: cells with all of these values are left out, such as {"model": "vgg11", "data.resize": 28}; of a list
            any value counts.
        per_model: further overrides for the cells of a model.
        variants: further overrides; each cell has those of one of them.
        here: whether the cells are to run on this machine.

    Where several say something about the same key, `overrides` count first, then `variants`, `per_model` and `usual`.

    Raises:
        UserError: an override is wrong; all that are wrong are named, up to a few.
    """
    typed = {key_of(override) for override in overrides if is_of_runs(override)}
    replaced = set.intersection(*map(set, variants)) - typed if variants else set()  # by every variant
    last = {key_of(override): override for override in (*usual, *overrides) if is_of_runs(override)}
    last = {key: override for key, override in last.items() if key not in replaced}
    named = [str(name) for values in (*variants, *exclude) for name in _as_list(values.get("model", []))]
    _check_models(_values(last, "model"), [*map(str, per_model or {}), *named])
    more = [*variants, *(per_model or {}).values()]
    _check_experiments(_values(last, "experiment"), [str(each["experiment"]) for each in more if "experiment" in each])
    cells: dict[str, Cell] = {}
    faults: dict[str, None] = {}  # in order, each once
    dropped: Counter[str] = Counter()
    unknown, unmatched = _unknown(exclude), [*exclude]
    failed = 0
    for combination, variant in product(expand(list(last.values())), variants or [{}]):
        try:
            config, cell_overrides = _compose(combination, typed, per_model or {}, variant)
            unknown -= {*flatten(config.values), *config.choices}
            if matching := [values for values in exclude if _matches(config, values)]:
                unmatched = [values for values in unmatched if values not in matching]
                dropped["excluded"] += 1
                continue
            check_config(config, size=False)
        except (UserError, HydraException, OmegaConfBaseException) as error:
            faults[explain(error, _over(combination, variant, typed))] = None
            failed += 1
            if failed == ENOUGH:  # the rest is as wrong
                break
            continue
        cell = Cell(tuple(cell_overrides), config, {}, None)
        dropped["identical to another"] += cell.name in cells
        cells.setdefault(cell.name, cell)
    if not faults:
        faults = {
            f"sweep.exclude: unknown key {key!r}\nall keys: python train.py --help": None for key in sorted(unknown)
        }
    if faults:
        raise UserError("\n".join(list(faults)[:MAX_FAULTS]))
    if not cells:
        raise UserError("sweep.exclude leaves no cell\nleave some of it out")
    notes = [f"sweep.exclude: no cell has {_said(values)}" for values in unmatched]
    notes += [f"{count} {'cell is' if count == 1 else 'cells are'} {why}" for why, count in dropped.items() if count]
    return _with_facts(cells.values(), here), notes


def _values(overrides: Mapping[str, str], key: str) -> list[str]:
    return values_of(overrides[key]) if key in overrides else []


def _check_models(typed: list[str], others: list[str]) -> None:
    for name in [*typed, *others]:
        if name not in options("model"):
            unknown = [each for each in typed if each not in options("model")] or [name]
            raise UserError(
                "\n".join(f"unknown model {each!r}{nearest(each, options('model'))}" for each in unknown[:MAX_FAULTS])
                + "\nall of them: python train.py --help"
            )


def _check_experiments(typed: list[str], others: list[str]) -> None:
    for name in [*(typed if len(typed) > 1 else []), *others]:
        if name in options("experiment") and is_grid(name):
            raise UserError(f"{name} is a grid of its own\ntype python sweep.py experiment={name}, then the next")


def _compose(
    combination: Sequence[str], typed: Set[str], per_model: Mapping[str, Any], variant: Mapping[str, Any]
) -> tuple[RunConfig, list[str]]:
    overrides = _over(combination, variant, typed)
    config = compose(overrides)
    own = per_model.get(config.choices["model"]) or {}
    changed = _over(overrides, own, typed | variant.keys())
    return (config if changed == overrides else compose(changed)), changed


def _over(overrides: Sequence[str], values: Mapping[str, Any], first: Set[str]) -> list[str]:
    """Return overrides with `values` in place of those with the same keys, but for the keys that count `first`."""
    counted = {key: value for key, value in values.items() if key not in first}
    return [*(each for each in overrides if key_of(each) not in counted), *as_overrides(counted)]


def as_overrides(values: Mapping[str, Any]) -> list[str]:
    """Return values as they are typed; several are a string, such as "0,1", or a list where that is no value itself."""

    def words(key: str, value: Any) -> Any:
        if isinstance(value, Sequence) and not isinstance(value, str) and _takes_no_list(key):
            return ",".join(str(words(key, each)) for each in value)
        return json.dumps(value) if isinstance(value, list | bool) or value is None else value

    return [f"{key}={words(key, value)}" for key, value in values.items()]


def _takes_no_list(key: str) -> bool:
    return key in groups() or not isinstance(flatten(schema(()).values).get(key, []), list)


def _unknown(exclude: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return the keys of cells to leave out that are not known of the net named there; some cell has to have them."""
    unknown: set[str] = set()
    for values in exclude:
        named = values.get("model") in options("model")
        unknown |= values.keys() - (flatten(schema((f"model={values['model']}",)).values).keys() if named else set())
    return unknown


def _said(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in values.items())


def _matches(config: RunConfig, values: Mapping[str, Any]) -> bool:
    own = flatten(config.values) | config.choices
    return all(
        key in own and any(own[key] == each and _is_same(key, own[key], each) for each in (value, *_as_list(value)))
        for key, value in values.items()
    )


def _is_same(key: str, value: Any, other: Any) -> bool:
    """Say whether equal values mean the same: a limit of 1 is one batch, and one of 1.0 all of them."""
    return type(value) is type(other) or not key.rpartition(".")[2].startswith("limit_")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _with_facts(cells: Iterable[Cell], here: bool) -> list[Cell]:
    """Return the cells with their facts and problems, which are the same for all seeds."""
    with importing_torch():  # once nothing is left that can be refused without it
        from cnnzoo.blocks import OptionError
        from cnnzoo.facts import check
    known: dict[str, dict[str, Any]] = {}
    found = []
    for cell in cells:
        key = json.dumps(cell.config.values | {"seed": 0}, sort_keys=True)
        if key not in known:
            try:
                known[key] = {"facts": asdict(check(cell.config, here=here))}
            except UserError as error:
                if isinstance(error, CodeError) or isinstance(error.__cause__, OptionError):
                    raise  # a mistake, and no cell that cannot be
                known[key] = {"problem": str(error).split("\n")[0]}
        found.append(replace(cell, **known[key]))
    return found
