"""Train one net: python train.py model=lenet data.resize=96 optimizer=sgd trainer.max_epochs=3 seed=1."""

from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from cnnzoo import cli
from cnnzoo.explain import plain_errors
from cnnzoo.preflight import Preflight


@hydra.main(config_path="conf", config_name="train", version_base="1.3")
def main(composed: DictConfig) -> None:
    """Train what the configuration asks for, into Hydra's run folder."""
    from cnnzoo.run import train
    from cnnzoo.sweep.cell import renew_summary

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    with plain_errors():
        try:
            train(Preflight.run_config, run_dir, resume=composed.resume is not None)
        finally:
            renew_summary(run_dir)


if __name__ == "__main__":
    cli.run(main)
