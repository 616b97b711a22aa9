"""Imports go down only, and islands on one floor never import each other."""

import ast
from pathlib import Path

import pytest

from tests.conftest import ROOT

# What each part may import of the package itself and of other packages; the standard library is free.
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "console": (set(), {"rich"}),
    "commands": (set(), {"hydra"}),
    "importing": (set(), set()),
    "disk": ({"errors"}, set()),
    "record": ({"disk", "errors"}, set()),
    "scratch": (set(), {"torch"}),
    "blocks": ({"scratch"}, {"torch"}),
    "shapes": (set(), {"torch"}),
    "choices": (set(), {"omegaconf"}),
    "overrides": ({"choices", "errors"}, {"hydra"}),
    "config": ({"choices", "errors", "overrides", "rules"}, {"hydra", "omegaconf", "yaml"}),
    "help": ({"choices", "config"}, {"hydra", "omegaconf", "yaml"}),
    "composer": ({"choices", "config", "overrides"}, {"hydra", "omegaconf"}),
    "rules": (set(), set()),
    "checks": ({"choices", "commands", "config", "errors", "overrides", "record", "rules"}, set()),
    "models": ({"blocks", "shapes"}, {"torch"}),
    "data": ({"disk", "errors"}, {"torch", "torchvision", "lightning", "filelock", "numpy", "PIL"}),
    "training": ({"disk", "errors", "record"}, {"torch", "lightning", "torchmetrics", "rich", "numpy"}),
    "analysis": ({"shapes"}, {"torch"}),
    "report": ({"disk", "errors", "record", "rules"}, {"matplotlib", "numpy", "PIL", "rich"}),
    "build": ({"blocks", "choices", "config", "data", "errors"}, {"torch", "hydra"}),
    "trained": (
        {"build", "commands", "config", "data", "disk", "errors", "record", "reload", "training"},
        {"torch", "PIL", "onnxscript"},
    ),
    "pictures": ({"analysis", "report", "training"}, {"torch", "lightning", "numpy"}),
    "fit": (
        {
            *("build", "commands", "config", "console", "data", "disk", "errors", "pictures", "record", "report"),
            *("rules", "training"),
        },
        {"torch", "lightning", "omegaconf"},
    ),
    "resume": ({"build", "config", "disk", "record", "training"}, set()),
    "memory": ({"blocks", "build", "commands", "disk", "errors", "fit", "record", "training"}, {"torch"}),
    "facts": ({"analysis", "blocks", "build", "config", "trained", "training"}, {"torch"}),
    "run": (
        {
            "build",
            "checks",
            "choices",
            "commands",
            "config",
            "console",
            "disk",
            "errors",
            "facts",
            "fit",
            "memory",
            "record",
            "resume",
            "trained",
            "training",
        },
        {"torch", "omegaconf", "filelock"},
    ),
    "sweep": (
        {
            "blocks",
            "build",
            "checks",
            "choices",
            "commands",
            "composer",
            "config",
            "console",
            "disk",
            "errors",
            "explain",
            "facts",
            "importing",
            "overrides",
            "record",
            "report",
            "rules",
            "run",
            "training",
        },
        {"torch", "hydra", "omegaconf", "filelock", "rich"},
    ),
    "reload": ({"checks", "choices", "config", "errors", "overrides", "record", "rules"}, {"hydra"}),
    "explain": (
        {"checks", "choices", "commands", "config", "errors", "overrides", "record", "rules"},
        {"hydra", "omegaconf"},
    ),
    "preflight": (
        {
            "checks",
            "choices",
            "commands",
            "config",
            "disk",
            "errors",
            "explain",
            "facts",
            "importing",
            "overrides",
            "record",
            "reload",
            "run",
        },
        {"hydra", "omegaconf"},
    ),
    "cli": (
        {
            "checks",
            "choices",
            "commands",
            "config",
            "console",
            "errors",
            "explain",
            "help",
            "overrides",
            "preflight",
            "record",
        },
        {"hydra"},
    ),
    "info": (
        {
            "analysis",
            "blocks",
            "build",
            "checks",
            "choices",
            "composer",
            "config",
            "errors",
            "explain",
            "overrides",
            "report",
        },
        {"torch", "hydra", "omegaconf", "rich"},
    ),
    "gallery": (
        {"analysis", "build", "checks", "config", "data", "disk", "errors", "reload", "report", "trained"},
        {"torch", "matplotlib", "PIL"},
    ),
    "__main__": (
        {
            "build",
            "checks",
            "config",
            "console",
            "errors",
            "explain",
            "gallery",
            "importing",
            "info",
            "report",
            "sweep",
            "trained",
        },
        {"torch"},
    ),
    "__init__": ({"trained"}, set()),
}
STANDARD_LIBRARY = __import__("sys").stdlib_module_names
FILES = sorted((ROOT / "cnnzoo").rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT / "cnnzoo").parts[0].removesuffix(".py")


def violations(part: str, source: str) -> list[str]:
    own, foreign = TABLE[part]
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names = [node.module or ""]
            if node.module == "cnnzoo":
                names = [f"cnnzoo.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            top, *rest = name.split(".")
            allowed = rest[0] in own | {part} if top == "cnnzoo" else top in foreign or top in STANDARD_LIBRARY
            if not allowed:
                found.append(name)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    assert violations(part_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("report", "import torch"),
        ("data", "def f():\n    from cnnzoo.training import history"),
        ("models", "from cnnzoo import run"),
        ("record", "import numpy as np"),
    ],
)
def test_a_violation_is_found(part, source):
    assert violations(part, source)


def test_no_module_is_a_drawer():
    assert not {path.stem for path in FILES} & {"utils", "helpers", "common", "misc", "base"}
