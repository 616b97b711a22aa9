import shlex
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cnnzoo.commands import as_typed


@pytest.mark.parametrize(
    "value",
    [
        "a/b-1.5_c",
        "a b",
        "it's",
        'a"b',
        "a$HOME",
        "lr=1,2",
        "`a`",
        "größe",
        "{a}",
        "7",
        "1e5",
        ".5",
        "null",
        "-inf",
        "a\\",
        "C:\\x y\\",
        "a\\'b",
        "a\\\\",
    ],
)
def test_what_is_typed_arrives_as_it_was_meant(value):
    words = as_typed("hydra.run.dir", value)
    (typed,) = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {words}"], capture_output=True, text=True
    ).stdout.splitlines()
    assert [typed] == shlex.split(words)
    override = OverridesParser.create().parse_override(typed)
    assert (override.get_key_element(), override.value()) == ("hydra.run.dir", value)
