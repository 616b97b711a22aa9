import io
import re
from functools import partial
from types import SimpleNamespace

import lightning
import pytest
from rich.console import Console

from cnnzoo import run
from cnnzoo.console import RunConsole
from cnnzoo.record import read_history
from cnnzoo.run import train
from cnnzoo.training import display, history
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.display import Display, print_summary
from tests.composed import compose_config
from tests.test_memory import limit_memory
from tests.test_resume import SMOKE


@pytest.mark.parametrize(
    ("epoch_seconds", "words"),
    [
        (10, ""),
        (600, "note: about 5.0 h on this device, 10 minutes an epoch; a smaller data.resize"),
        (36_000, "note: about 300 h on this device, 600 minutes an epoch; a smaller data.resize"),
    ],
)
def test_a_long_run_is_announced(epoch_seconds, words):
    console = Console(record=True, width=200)
    trainer = lightning.Trainer(max_epochs=30, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    Display(history=None, console=console)._say_how_long(epoch_seconds, trainer)
    said = console.export_text()
    assert said.startswith(words)
    assert bool(said) == bool(words)


@pytest.mark.parametrize(("protocol", "evaluated"), [("holdout", "val"), ("course", "test")])
def test_the_line_of_an_epoch_has_its_figures(protocol, evaluated, tmp_path, capsys):
    train(compose_config([*SMOKE, "model=mlp", f"protocol={protocol}"]), tmp_path)
    *_, row = read_history(tmp_path)
    said = [f"{stage} loss {row[f'{stage}/loss']:.3f} acc {row[f'{stage}/acc']:.1%}" for stage in ("train", evaluated)]
    speed = f"{row['images_per_second']:,.0f} images/s   {row['seconds']:.1f} s"
    out = capsys.readouterr().out
    assert f"epoch 2/2   {said[0]}   {said[1]}   {speed}\n" in out
    assert "Test metric" not in out  # of Lightning's own table


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("width", [80, 120])
def test_the_line_of_an_epoch_fits_into_a_terminal(width, terminal):
    figures = {"train/loss": 0.2291, "train/acc": 0.9144, "val/loss": 0.2714, "val/acc": 0.9, "seconds": 3.66}
    rows = [{"epoch": 8, **figures, "images_per_second": 15_329.2}]
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal)
    Display(SimpleNamespace(rows=rows), console).on_train_epoch_end(SimpleNamespace(max_epochs=10), None)
    speed = "   15,329 images/s" if width == 120 or not terminal else ""
    line = f"epoch  8/10   train loss 0.229 acc 91.4%   val loss 0.271 acc 90.0%{speed}   3.7 s\n"
    assert console.file.getvalue() == line


def test_the_estimate_is_made_from_the_first_steps(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(display, "LONG_SECONDS", 0)
    train(compose_config([*SMOKE, "trainer.limit_train_batches=22", "model=mlp"]), tmp_path)
    out = capsys.readouterr().out
    assert len(re.findall(r"note: about 0\.0 h on this device, \d+ s an epoch", out)) == 1
    assert out.index("note: about") < out.index("epoch 1/2")


def test_the_estimate_is_of_all_steps_of_an_epoch(tmp_path, monkeypatch):
    said, now, step = [], [0.0], ImageClassifier.training_step

    def takes_two_seconds(*arguments):
        now[0] += 2
        return step(*arguments)

    monkeypatch.setattr(display, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(ImageClassifier, "training_step", takes_two_seconds)
    monkeypatch.setattr(Display, "_say_how_long", lambda display, seconds, trainer: said.append(seconds))
    train(compose_config([*SMOKE, "trainer.limit_train_batches=22", "model=mlp"]), tmp_path)
    assert said == [44]


def test_a_terminal_shows_how_far_an_epoch_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "RunConsole", partial(RunConsole, force_terminal=True, width=120))
    monkeypatch.setattr(display, "REFRESH_SECONDS", 0)
    train(compose_config([*SMOKE, "model=mlp"]), tmp_path)
    out = capsys.readouterr().out
    assert "epoch 2/2" in out
    assert re.search(r"[1-8]/8.*loss \d\.\d{3}  acc \d+\.\d%  [\d,]+ images/s", out)


def test_the_bar_has_the_figures_of_the_epoch_so_far_a_few_times_a_second(tmp_path, monkeypatch):
    """A step takes a tenth of a second here, and the bar moves after a quarter."""
    shown, now, step = [], [0.0], ImageClassifier.training_step

    def takes_time(*arguments):
        now[0] += 0.1
        return step(*arguments)

    for module in (display, history):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: now[0]))
    monkeypatch.setattr(ImageClassifier, "training_step", takes_time)
    monkeypatch.setattr(run, "RunConsole", partial(RunConsole, force_terminal=True, width=120))
    monkeypatch.setattr(display.Progress, "update", lambda self, task, **fields: shown.append(fields))
    train(compose_config([*SMOKE, "model=mlp", "trainer.limit_train_batches=6"]), tmp_path)
    assert [(fields["completed"], fields["epoch"]) for fields in shown] == [
        (3, "1/2"),
        (6, "1/2"),
        (9, "2/2"),
        (12, "2/2"),
    ]
    for fields, row in zip(shown[1::2], read_history(tmp_path), strict=True):
        assert fields["description"].endswith(f"  acc {row['train/acc']:.1%}  160 images/s")


def test_the_bar_shows_the_loss_of_batches_also_where_they_are_computed_in_pieces(tmp_path, monkeypatch, capsys):
    limit_memory(monkeypatch)
    monkeypatch.setattr(run, "RunConsole", partial(RunConsole, force_terminal=True, width=120))
    monkeypatch.setattr(display, "REFRESH_SECONDS", 0)
    record = train(compose_config([*SMOKE, "model=lenet", "optimizer.lr=1e-6"]), tmp_path)
    shown = [float(loss) for loss in re.findall(r"loss (\d\.\d{3})  acc", capsys.readouterr().out)]
    assert record["micro_batch_size"] == 4
    assert shown
    assert min(shown) > 1.5  # guessing is 2.3, and a quarter of that 0.6


def test_a_summary_names_its_whole_folder_however_narrow_the_screen(capsys):
    folder = "outputs/" + 20 * "a-long-name-" + "[s0]"
    record = {"protocol": "holdout", "metrics": {"test/acc": 0.9}, "seconds": {"per_epoch": 1.0, "total": 2.0}}
    record |= {"images_per_second": 3.0, "device": "cpu", "precision": "32-true", "params": 4, "name": "lenet-28"}
    print_summary(record | {"changed": {}}, folder, Console(width=40))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["lenet-28", "test accuracy  90.00%  (best epoch on validation)"]
    assert f"folder         {folder}" in lines
    print_summary(record | {"changed": {"trainer.limit_test_batches": 2}}, "my runs/a", Console(width=40))
    said = capsys.readouterr().out
    assert "validation; not of all test images: trainer.limit_test_batches=2)" in said
    assert said.endswith("tensorboard --logdir 'my runs/a'\n")


def test_the_bar_is_gone_before_an_error_is_told():
    shown = Display(None, Console(file=io.StringIO(), force_terminal=True))
    shown.on_train_start(SimpleNamespace(estimated_stepping_batches=4), None)
    assert shown.progress.live.is_started
    shown.on_exception(None, None, KeyboardInterrupt())
    assert not shown.progress.live.is_started
