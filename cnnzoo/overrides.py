"""Overrides: the words of a command line, such as `model=lenet,nin`."""

import math
import re
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import islice, product

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob

from cnnzoo.choices import options
from cnnzoo.errors import UserError

SWEEP_KEYS = ("sweep", "budget", "plan", "emit", "retry", "fresh")  # in conf/sweep.yaml: said about a grid, not a run
MOST = 10_000  # combinations
SWEEP_SETTINGS = ("name", "slots", "timeout", "invalid", "exclude", "variants", "laptop", "per_model")  # under `sweep`


def expand(overrides: Sequence[str]) -> list[list[str]]:
    """Return every combination of overrides such as `model=lenet,nin`, each with one value; the last varies fastest.

    Raises:
        HydraException: an override cannot be parsed.
        UserError: an override has values that cannot be counted, none, or too many.
    """
    choices = []
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        if override.is_discrete_sweep():
            key, value = override.get_key_element(), override.value()
            try:
                values = value.filter(options(key)) if isinstance(value, Glob) else override.sweep_string_iterator()
                choices.append([f"{key}={each}" for each in islice(values, MOST + 1)])
            except ValueError as error:  # of a range with a step of 0
                raise UserError(f"'{override.input_line}': {error}\ntype them, such as seed=0,1,2") from error
            if not choices[-1]:
                known = f"all of them: {', '.join(options(key))}" if options(key) else "type them, such as seed=0,1,2"
                raise UserError(f"'{override.input_line}' has no values\n{known}")
        elif override.is_sweep_override():
            raise UserError(f"'{override.input_line}' has no list of values\ntype them, such as seed=0,1,2")
        else:
            choices.append([str(override.input_line)])
    if math.prod(map(len, choices)) > MOST:
        raise UserError(
            f"that is more than {MOST:,} combinations\ntype fewer values, and the others in another command"
        )
    return [list(combination) for combination in product(*choices)]


def values_of(override: str) -> list[str]:
    """Return the values of an override such as `model=lenet,nin`, as read by Hydra.

    Raises:
        HydraException: it cannot be parsed.
        UserError: it has values that cannot be counted.
    """
    parser = OverridesParser.create()
    return [str(parser.parse_override(each).value()) for combination in expand([override]) for each in combination]


def is_of_runs(override: str) -> bool:
    """Say whether an override is about the runs of a grid, and not about the grid or Hydra."""
    return re.split(r"[./@]", key_of(override))[0] not in (*SWEEP_KEYS, "hydra")


def key_of(override: str) -> str:
    """Return the key of an override such as `++model.width=0.5`."""
    return override.partition("=")[0].lstrip("+~")


def warn_of_repeats(overrides: Sequence[str]) -> None:
    """Say which keys are given more than once, because the last one silently wins."""
    last = {key_of(override): override for override in overrides}
    for key, count in Counter(map(key_of, overrides)).items():
        if count > 1:
            print(f"note: {key} is given {count} times, using {last[key]}", file=sys.stderr)


def warn_of_other_rates(overrides: Sequence[str], optimizer: str) -> None:
    """Say which rates are given for optimizers that a run does not have, and so change nothing."""
    for key in map(key_of, overrides):
        if key.startswith("model.lr.") and key != f"model.lr.{optimizer}":
            print(f"note: {key} is not for this run, whose optimizer is {optimizer}", file=sys.stderr)
