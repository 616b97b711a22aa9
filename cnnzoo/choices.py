"""What stands in `conf/`: the groups, their options, and what the file of an experiment sets and chooses."""

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

CONF = Path(__file__).parents[1] / "conf"
if not CONF.is_dir():
    raise ImportError(f"{CONF} is missing: cnnzoo is installed from its own folder, with pip install -e .")


def options(group: str) -> list[str]:
    """Return the names that can be chosen in a config group, such as `model`."""
    folder = CONF / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))


def groups() -> list[str]:
    """Return the names of the config groups."""
    return sorted(path.name for path in CONF.iterdir() if path.is_dir())


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


def is_grid(experiment: str) -> bool:
    """Say whether an experiment stands for many runs; of a damaged file Hydra tells what is wrong, when it is read."""
    try:
        values, _ = read_experiment(experiment)
        sweeper, sweep = (values.get("hydra") or {}).get("sweeper") or {}, values.get("sweep") or {}
        return bool(sweeper.get("params") or sweep.get("variants"))
    except Exception:  # of yaml, of OmegaConf, or because it holds something else than is looked for
        return False


def _merged(values: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    merged: Any = OmegaConf.to_container(OmegaConf.merge(values, others))
    return dict(merged)
