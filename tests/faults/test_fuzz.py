"""Nonsense on the command line (RELIABILITY T18)."""

import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sweep
import train
from cnnzoo import run
from cnnzoo.checks import keys
from cnnzoo.choices import groups, options
from cnnzoo.config import compose_config
from cnnzoo.overrides import SWEEP_KEYS
from cnnzoo.sweep import driver
from tests.typed import type_in

KNOWN = sorted([*groups(), *keys(compose_config([]).values), "resume", "hydra.run.dir", "hydra.sweep.dir"])
KNOWN += [*SWEEP_KEYS, *(f"sweep.{key}" for key in ("name", "slots", "timeout", "invalid", "exclude", "per_model"))]
NAMES = [name for group in groups() for name in options(group)]
VALUES = ["", "0", "-1", "1e400", "nan", ".inf", "true", "null", "abc", "28", "28.0", "[1,2]", "[]", "{}", "{a: 1}"]
VALUES += ["1,2", "range(3)", "glob(*)", "choice(a)", "${seed}", "${oc.env:HOME}", "${nothing}", "'", '"x"', "???"]
VALUES += ["\\", "a=b", "ä", "../../etc/passwd", "/dev/null/x", "http://x", "9" * 400, *NAMES]
key = st.one_of(st.sampled_from(KNOWN), st.text(max_size=12), st.sampled_from(KNOWN).map(lambda name: name[1:] + "x"))
value = st.one_of(st.sampled_from(VALUES), st.text(max_size=12), st.integers().map(str), st.floats().map(str))
prefix = st.sampled_from(["", "", "", "+", "++", "~", "-", "--"])
override = st.one_of(st.builds(lambda p, k, v: f"{p}{k}={v}", prefix, key, value), st.text(max_size=20))
overrides = st.lists(override.filter(lambda text: text not in ("-h", "--help")), min_size=1, max_size=4)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("examples", [100, pytest.param(1000, marks=pytest.mark.fault)])
@pytest.mark.parametrize("program", [train, sweep], ids=["train", "sweep"])
def test_nonsense_is_answered_in_a_few_words(program, examples, in_tmp, capsys, monkeypatch, count):
    monkeypatch.setattr(run, "train", lambda *_, **__: None)
    for name in ("_fetch_data", "_run", "_hand_over", "_finish"):
        monkeypatch.setattr(driver, name, lambda *_: None)

    def clear():
        shutil.rmtree(in_tmp)
        in_tmp.mkdir()
        os.chdir(in_tmp)

    assert type_in(program, "model=lenet") == 0, capsys.readouterr().err  # what is no nonsense
    clear()

    @settings(
        max_examples=examples,
        deadline=20_000,  # milliseconds: what takes longer hangs
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(overrides)
    def check(arguments):
        code, said = type_in(program, *arguments), capsys.readouterr().err
        words = [line for line in said.splitlines() if not line.startswith("note: ")]
        assert code in (0, 2), said
        assert "Traceback" not in said
        assert len(words) <= 6, said
        if code:
            assert words[0].startswith("error: "), said
        if code:
            assert [path for path in in_tmp.rglob("*") if path.is_file()] == []
        clear()
        count("T18")

    check()
