"""What `--help` prints."""

from collections.abc import Sequence
from string import Template

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnzoo.choices import CONF, groups, is_grid, options


def help_text(name: str, overrides: Sequence[str]) -> str:
    """Return what `--help` prints, with the keys of what `overrides` choose, and no grid among the options of a run.

    Hydra copies all configurations for each group that it lists, and lists them twice: that takes longer than the rest.

    Args:
        name: train or sweep, as in `conf/`.
        overrides: as they were typed.

    Raises:
        HydraException: an override cannot be parsed or applied.
    """
    with initialize_config_dir(str(CONF), version_base="1.3"):
        composed = compose(name, list(overrides), return_hydra_config=True)
    chosen = {group: options(group) for group in groups()}
    if name == "train":
        chosen["experiment"] = [each for each in chosen["experiment"] if not is_grid(each)]
    listed = "".join(f"{group}: {', '.join(names)}\n" for group, names in chosen.items())
    keys = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    template = Template(composed.hydra.help.template)
    return template.substitute(APP_CONFIG_GROUPS=listed, CONFIG=OmegaConf.to_yaml(keys))
