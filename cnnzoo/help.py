"""What `--help` prints."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

import yaml  # type: ignore[import-untyped]
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from cnnzoo.choices import CONF, groups, is_grid, options
from cnnzoo.config import without_others

KEY = re.compile(r"( *)(\w+):")
COMMENT = re.compile(r": *(.*?)  # (.*)$")


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
    explained = _comments("run") | _comments(name)
    for group, option in composed.hydra.runtime.choices.items():
        if group in chosen and option:
            explained |= _comments(f"{group}/{option}")
    trained = without_others(composed, composed.hydra.runtime.choices, overrides)
    values = OmegaConf.to_container(OmegaConf.masked_copy(trained, [str(key) for key in trained if key != "hydra"]))
    text = yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    lines = [
        f"{line}{explained[key].behind(line)}" if key in explained else line
        for line, key in _lines(text)
        if not key.endswith("._partial_")  # which is Hydra's
    ]
    return Template(composed.hydra.help.template).substitute(APP_CONFIG_GROUPS=listed, CONFIG="\n".join(lines))


@dataclass(frozen=True)
class _Comment:
    """What stands behind a key in a file of `conf/`, beside the value that it has there."""

    value: str
    words: str

    def behind(self, line: str) -> str:
        """Return what to write behind a line with this key; of several choices the others, whichever is chosen."""
        shown = line.partition(": ")[2]
        choices = [self.value if each == shown else each for each in self.words.split(", ")]
        return f"  # {', '.join(choices)}"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes lists as they are typed, such as [6, 16]."""

    def represent_list(self, values: list[Any]) -> yaml.Node:
        return self.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(list, _Dumper.represent_list)


def _comments(file: str) -> dict[str, _Comment]:
    """Return what a file in `conf/`, and before it those under its `defaults`, say behind the values of keys."""
    path = CONF / f"{file}.yaml"
    if not path.exists():  # of another package, or named with .yaml, which Hydra allows
        return {}
    text = path.read_text(encoding="utf-8")
    group, _, _ = file.rpartition("/")
    found: dict[str, _Comment] = {}
    for each in (yaml.safe_load(text) or {}).get("defaults", []) if group else []:
        found |= _comments(f"{group}/{str(each).partition('@')[0]}")
    prefix = f"{group}." if group and "@package _global_" not in text else ""
    for line, key in _lines(text):
        if key and (comment := COMMENT.search(line)):
            found[f"{prefix}{key}"] = _Comment(*comment.groups())
    return found


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line of yaml, with the full name of its key, such as watch.patience, or nothing."""
    above: list[tuple[int, str]] = []
    for line in text.splitlines():
        if not (found := KEY.match(line)):
            yield line, ""
            continue
        indent = len(found[1])
        above = [each for each in above if each[0] < indent] + [(indent, found[2])]
        yield line, ".".join(key for _, key in above)
