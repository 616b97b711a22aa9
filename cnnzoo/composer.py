"""The configurations of a grid's cells, with as little of Hydra's time as they need."""

import copy
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cnnzoo.choices import groups
from cnnzoo.config import RunConfig, compose_choices, compose_config, resolve
from cnnzoo.overrides import key_of

VALUE = re.compile(r"[A-Za-z_][\w.]*=")  # such as data.resize=96, and not +key=..., ~key or group@package=...


def compose(overrides: Sequence[str]) -> RunConfig:
    """Return what `cnnzoo.config.compose_config` returns, or raise what it raises.

    Hydra chooses among the yaml files once for all that choose alike, which takes nearly all of its time. Values are
    then set as Hydra sets them, in the order in which they were given.
    """
    of_groups = groups()
    choices = tuple(each for each in overrides if key_of(each) in of_groups)
    values = [each for each in overrides if key_of(each) not in of_groups]
    if not all(map(VALUE.match, values)):
        return compose_config(overrides)
    try:
        composed, chosen = compose_choices(choices)
        config = copy.deepcopy(composed)
        for override in OverridesParser.create().parse_overrides(values):
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
    except (HydraException, OmegaConfBaseException):
        return compose_config(overrides)  # which says it as usual
    return resolve(config, chosen, overrides)
