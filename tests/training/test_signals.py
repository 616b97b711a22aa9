import os
import signal
import sys
from types import SimpleNamespace

import pytest

from cnnzoo.training.signals import Stopped, StopRequest


def send(number=signal.SIGTERM):
    os.kill(os.getpid(), number)


def test_a_signal_is_heeded_where_nothing_can_be_printed(monkeypatch):
    def full(text):
        raise OSError("no space left on device")

    monkeypatch.setattr(sys, "stderr", SimpleNamespace(write=full))
    with StopRequest() as stop:
        stop.deferred = True
        send()
        with pytest.raises(Stopped):
            stop.check()


def test_signals_are_heeded_again_once_the_outcome_is_on_record():
    with StopRequest() as stop:
        with stop.ignored():
            send()
        stop.check()
        with pytest.raises(Stopped):
            send()


@pytest.mark.parametrize(("number", "is_told"), [(signal.SIGINT, True), (signal.SIGTERM, False)])
def test_only_who_presses_ctrl_c_is_told_to_press_it_again(number, is_told, capsys):
    with StopRequest() as stop:
        stop.deferred = True
        send(number)
    assert ("Ctrl-C again: without saving" in capsys.readouterr().err) is is_told
