"""Hydra looks for plugins in this namespace; the sweeper is in `cnnzoo.sweep`, and is imported when it is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

ISOLATED = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"  # Hydra's default, for which ours stands in


@dataclass
class GridSweeperConf:
    """`hydra/sweeper=cnnzoo`."""

    _target_: str = "hydra_plugins.cnnzoo_sweeper.GridSweeper"
    params: dict[str, Any] = field(default_factory=dict)  # values to sweep over, as on the command line


ConfigStore.instance().store(group="hydra/sweeper", name="cnnzoo", node=GridSweeperConf, provider="cnnzoo")


class GridSweeper(Sweeper):
    """Hands the grid to `cnnzoo.sweep`, and the launcher, where another than Hydra's default is chosen."""

    def __init__(self, params: dict[str, Any]) -> None:
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Keep what Hydra composed."""
        self.config = config
        self.make_launcher = None
        if config.hydra.launcher._target_ != ISOLATED:
            self.make_launcher = partial(
                Plugins.instance().instantiate_launcher,
                hydra_context=hydra_context,
                task_function=task_function,
                config=config,
            )

    def sweep(self, arguments: Sequence[str]) -> None:
        """Run the grid of `params`, `arguments` and what was kept from Hydra."""
        from cnnzoo.cli import in_order
        from cnnzoo.sweep.driver import sweep

        sweep(self.config, self.params, in_order(arguments), self.make_launcher)
