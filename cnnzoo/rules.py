"""What the values of a configuration must be, beyond being of the kind that stands in the yaml files."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TARGETS = {  # what a group's _target_ begins with
    "model": "cnnzoo.models.",
    "data": "cnnzoo.data.",
    "scheduler": "cnnzoo.training.schedules.",
    "optimizer": "torch.optim.",
}
DERIVED = {  # interpolated once for all nets; not for the command line
    "model.in_channels": "data.channels",
    "model.num_classes": "data.num_classes",
    "model.image_size": "data.resize",
}
LATER_KEYS = ("checkpoint", "watch", "pictures", "export")  # in conf/run.yaml: may be changed when a run goes on
NEEDED = (
    *("model._target_", "model.init", "model.min_size", "model.lr"),
    *("optimizer._target_", "optimizer._partial_", "optimizer.lr", "scheduler._target_", "scheduler._partial_"),
)
OUR_TRAINER_KEYS = {  # arguments of lightning.Trainer that a run gives it itself
    "accumulate_grad_batches",
    "callbacks",
    "default_root_dir",
    "devices",
    "enable_model_summary",
    "enable_progress_bar",
    "log_every_n_steps",
    "logger",
    "num_sanity_val_steps",
    "plugins",
}
LOOP_KEYS = {  # others that do not fit a run: one process, whose epochs are a pass over the images and an evaluation
    "barebones",
    "check_val_every_n_epoch",
    "enable_checkpointing",
    "fast_dev_run",
    "max_steps",
    "max_time",
    "min_epochs",
    "min_steps",
    "num_nodes",
    "overfit_batches",
    "reload_dataloaders_every_n_epochs",
    "strategy",
    "val_check_interval",
}


def decides_figures(key: str) -> bool:
    """Say whether a run's figures can hang on a key: not on where the data are, nor on what may be changed later."""
    return key != "data.root" and key.partition(".")[0] not in LATER_KEYS


def is_setting(key: str) -> bool:
    """Say whether a key of a whole configuration decides figures by itself, and does not follow from others.

    Of a net's rates only the chosen one does, which is `optimizer.lr`; `model.min_size` says what is refused.
    """
    follows = key in DERIVED or key == "model.min_size" or key.startswith("model.lr.") or "._" in key
    return decides_figures(key) and not follows


@dataclass(frozen=True)
class Rule:
    """What a value must be: `words` is read after `must be`, and `example` is shown where the yaml has null."""

    words: str
    allows: Callable[[Any], bool]
    example: str = "null"


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _whole(value: object, low: int, high: float) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _whole_from(low: int, high: float = float("inf"), *, unit: str = "") -> Rule:
    words = f"at least {low}" if high == float("inf") else f"{low} to {high}"
    return Rule(f"a whole number{unit}, {words}", lambda value: _whole(value, low, high))


def _one_of(*allowed: object) -> Rule:
    words = ", ".join(str(option).lower() for option in allowed)
    return Rule(f"one of {words}", lambda value: any(type(value) is type(o) and value == o for o in allowed))


def _list_of(item: Rule) -> Rule:
    return Rule(
        f"a list of {item.words}", lambda value: isinstance(value, list) and all(item.allows(each) for each in value)
    )


def _or_null(rule: Rule, example: str) -> Rule:
    return Rule(f"{rule.words}, or null", lambda value: value is None or rule.allows(value), example)


ARGUMENTS = ("model.width", "model.dropout", "model.scale")  # may be something else of a net of one's own
MAY_BE_ZERO = ("model.padding", "model.num_hidden", "model.bottleneck")
KINDS = {
    bool: Rule("true or false", lambda value: isinstance(value, bool)),
    int: Rule("a whole number", lambda value: _whole(value, -(2**63), 2**63)),
    float: Rule("a number", _number),
    str: Rule("a word", lambda value: isinstance(value, str) and value != ""),
    dict: Rule("a group of keys", lambda value: isinstance(value, dict)),
    list: Rule("a list", lambda value: isinstance(value, list)),
}
POSITIVE = Rule("a number above 0", lambda value: _number(value) and value > 0)
FRACTION = Rule("a number from 0 to below 1", lambda value: _number(value) and 0 <= value < 1)
LIMIT = Rule(
    "a share from 0.0 to 1.0 or a whole number of batches",
    lambda value: _whole(value, 1, 2**63) or (isinstance(value, float) and 0 < value <= 1),
)
RULES = {
    "seed": _whole_from(0, 2**32 - 1),
    "protocol": _one_of("holdout", "course"),
    "label_smoothing": Rule("a number from 0 to 0.9", lambda value: _number(value) and 0 <= value <= 0.9),
    "data.resize": _whole_from(1, 1024, unit=" of pixels"),
    "data.batch_size": _whole_from(1),
    "data.augment": _one_of("none", "flip", "crop_flip", "strong"),
    "data.channels": _whole_from(1),
    "data.num_classes": _whole_from(2),
    "data.num_train": _whole_from(120, 10_000_000),
    "data.num_test": _whole_from(1, 10_000_000),
    "optimizer.lr": POSITIVE,
    "optimizer.momentum": FRACTION,
    "optimizer.weight_decay": Rule("a number, 0 or more", lambda value: _number(value) and value >= 0),
    "scheduler.warmup": FRACTION,
    "scheduler.gamma": POSITIVE,
    "scheduler.milestones": _list_of(Rule("shares between 0 and 1", lambda value: _number(value) and 0 < value < 1)),
    "model.min_size": _whole_from(1, unit=" of pixels"),
    "model.width": Rule("a number above 0, at most 100", lambda value: _number(value) and 0 < value <= 100),
    "model.dropout": FRACTION,
    "model.scale": POSITIVE,
    "trainer.max_epochs": _whole_from(1),
    "trainer.accelerator": _one_of("auto", "cpu", "gpu", "mps"),
    "trainer.precision": _one_of("auto", "32-true", "bf16-mixed", "16-mixed"),
    "trainer.deterministic": _one_of(True, False, "warn"),
    "trainer.gradient_clip_val": _or_null(POSITIVE, "1.0"),
    "export": _or_null(Rule("onnx", lambda value: value == "onnx"), "onnx"),
    "watch.patience": _or_null(_whole_from(1), "3"),
    "checkpoint.every_minutes": _or_null(POSITIVE, "10"),
    "trainer.limit_train_batches": LIMIT,
    "trainer.limit_val_batches": LIMIT,
    "trainer.limit_test_batches": LIMIT,
}


def rule_of(name: str, default: object, value: object) -> Rule | None:
    """Return the rule of a key: its own, or that of the kind that stands in the yaml; None for the very value there.

    Args:
        name: of the key, dotted.
        default: what stands in the yaml.
        value: that is to be checked.
    """
    counts = name == "model.width" and isinstance(default, int) and default > 1  # in channels
    if (rule := RULES.get(name)) and (name not in ARGUMENTS or (rule.allows(default) and not counts)):
        return rule
    if type(value) is type(default) and value == default:
        return None
    if isinstance(default, list):
        if all(_whole(each, 1, 2**63) for each in default):
            return _list_of(Rule("whole numbers, at least 1", lambda value: _whole(value, 1, 2**63)))
        return _list_of(Rule("numbers", _number)) if all(map(_number, default)) else KINDS[list]
    if name.startswith("model.") and type(default) is int and default >= 0:  # sizes and counts
        return _whole_from(0 if default == 0 or name in MAY_BE_ZERO else 1)
    return KINDS.get(type(default))
