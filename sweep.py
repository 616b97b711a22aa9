"""Train a grid of nets: python sweep.py model=lenet,vgg11 data.resize=28,96 optimizer=sgd,adamw seed=0,1,2."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cnnzoo import cli


@hydra.main(config_path="conf", config_name="sweep", version_base="1.3")
def main(composed: DictConfig) -> None:
    """Train one cell of the grid; a launcher such as submitit calls this where the cell is to run."""
    from cnnzoo.sweep.cell import run_planned

    run_planned(Path(HydraConfig.get().runtime.output_dir))


if __name__ == "__main__":
    cli.run(main, grid=True)
