"""Commands as they are typed, for messages that say what to type."""

import os
import re
import shlex
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

SHELL = set('"$`\\!')  # what is special to a shell between double quotes
NO_TEXT = re.compile(r"null|true|false|-?(inf|nan|\.?\d[\d_.]*(e-?\d+)?)", re.IGNORECASE)  # to Hydra


def resume_command(folder: Path) -> str:
    """Return what is typed to go on with the run in `folder`."""
    return f"python train.py {as_typed('resume', os.path.relpath(folder))}"


def as_typed(key: str, value: str) -> str:
    """Return an override as it is typed in a shell."""
    override = f"{key}={quoted(value)}"
    if "'" not in override:
        return override
    return shlex.quote(override) if SHELL & set(override) else f'"{override}"'


def quoted(value: str) -> str:
    """Return a value as Hydra reads it."""
    if re.fullmatch(r"[\w./-]+", value, re.ASCII) and not NO_TEXT.fullmatch(value):
        return value
    return QuotedString(value.replace("${", r"\${"), Quote.single).with_quotes()
