"""What the figures of a report draw: the numbers of the runs, where a reader looks for them."""

import csv
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.text import Text

from cnnzoo.errors import UserError
from cnnzoo.record import read_record, write_record
from cnnzoo.report.confusion import draw_confusion
from cnnzoo.report.document import Figure
from cnnzoo.report.figures import draw_along, draw_curves, draw_parameters, draw_trade_off, front, marker_of
from cnnzoo.report.make import make_report
from cnnzoo.report.pool import Spread
from cnnzoo.report.runs import read_runs
from cnnzoo.report.save import render, save
from tests.report.runs import CLASSES, HISTORY, write_run
from tests.report.shown import notes_of, tables


def write_history(folder, losses, accuracies):
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HISTORY)
        for n, (loss, accuracy) in enumerate(zip(losses, accuracies, strict=True)):
            writer.writerow((n + 1, n, loss, 0.5, 1.0, accuracy, 0.1, 1.0, 1.0))


@pytest.fixture
def row(tmp_path):
    """A row of two seeds, and of a third that failed after an epoch."""
    for seed, (losses, accuracies) in enumerate((([1.0, 0.5], [0.6, 0.8]), ([2.0, 1.5], [0.5, 0.9]), ([9.0], [0.1]))):
        folder = write_run(tmp_path / f"{seed}", seed=seed, status="completed" if seed < 2 else "failed")
        write_history(folder, losses, accuracies)
    return {"label": "lenet", "runs": read_runs([tmp_path])}


def test_curves_are_means_over_seeds_by_epoch_and_bands_reach_from_the_lowest_to_the_highest(row):
    left, right = draw_curves([row], "en").axes
    for axes, means, band in (
        (left, [1.5, 1.0], {(1.0, 1.0), (1.0, 2.0), (2.0, 0.5), (2.0, 1.5)}),
        (right, [0.55, 0.85], {(1.0, 0.5), (1.0, 0.6), (2.0, 0.8), (2.0, 0.9)}),
    ):
        (line,), (area,) = axes.get_lines(), axes.collections
        assert line.get_xdata().tolist() == [1, 2]
        assert line.get_ydata() == pytest.approx(means)
        assert {tuple(vertex) for vertex in area.get_paths()[0].vertices.tolist()} == band
    assert (left.get_ylabel(), right.get_ylabel()) == ("training loss", "validation accuracy")


def test_accuracy_along_a_key_is_where_its_values_are():
    """Points at the same value stand beside each other."""
    lines = {"a": {"96": Spread(0.9, 0.01), "28": Spread(0.8, None)}, "b": {"28": Spread(0.7, 0.02)}}
    (axes,) = draw_along(lines, {"28": "28", "96": "96", "None": "-"}, ("px", "像素"), "en", joined=True).axes
    first, second = axes.containers
    assert first.lines[0].get_xydata().tolist() == [[-0.1, 0.8], [1, 0.9]]
    assert second.lines[0].get_xydata().tolist() == [[0.1, 0.7]]
    bars = [[end for _, end in segment] for segment in first.lines[2][0].get_segments()]
    assert bars == [pytest.approx([0.8, 0.8]), pytest.approx([0.89, 0.91])]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["28", "96", "-"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("px", "test accuracy")
    (axes,) = draw_along(lines, {"28": "28", "96": "96"}, ("px", "像素"), "en", joined=False).axes
    assert {container.lines[0].get_linestyle() for container in axes.containers} == {"None"}
    (axes,) = draw_along({"a": lines["a"]}, {"28": "28", "96": "96"}, ("px", "像素"), "en", joined=True).axes
    assert axes.containers[0].lines[0].get_xydata().tolist() == [[0, 0.8], [1, 0.9]]


def test_where_no_font_has_chinese_letters_an_axis_is_in_english(monkeypatch, tmp_path):
    monkeypatch.setattr("cnnzoo.report.style.get_font_names", list)
    for px in (28, 96):
        write_run(tmp_path / f"{px}", px=px)
    report = make_report([tmp_path], pivot="data.resize", language="zh")
    figure = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "accuracy-along")
    (axes,) = figure.draw().axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("px", "test accuracy")


@pytest.mark.parametrize(("long", "short"), [(3, 0), (6, 18), (24, 0)])
def test_a_legend_is_whole_however_long_its_labels_are(long, short):
    settings = " ".join(f"limit_{stage}_batches=40" for stage in "abcdef")
    labels = [f"lenet 28 {settings}"] * long + ["lenet 28"] * short
    rows = [{"label": label, "test_acc": Spread(0.9, 0.01), "params": 100 + n} for n, label in enumerate(labels)]
    figure = draw_trade_off(rows, "params", "en", 0.85)
    FigureCanvasAgg(figure).draw()
    (legend,) = figure.legends
    inside, whole = legend.get_window_extent(), figure.bbox
    assert whole.x0 <= inside.x0 < inside.x1 <= whole.x1
    assert whole.y0 <= inside.y0 < inside.y1 <= whole.y1


def test_a_matrix_has_the_shares_of_each_true_class_over_all_seeds(row, tmp_path):
    counts = {0: [[8, 2, 0], [0, 10, 0], [0, 0, 10]], 1: [[0, 10, 0], [0, 10, 0], [0, 5, 5]]}
    for seed, lines in counts.items():
        with (tmp_path / f"{seed}" / "confusion.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["true", *CLASSES], *([name, *line] for name, line in zip(CLASSES, lines, strict=True))]
            )
    (axes,) = draw_confusion([row], "en").axes
    shares = np.array([[0.4, 0.6, 0.0], [0.0, 1.0, 0.0], [0.0, 0.25, 0.75]])
    np.testing.assert_allclose(axes.images[0].get_array(), shares)
    shown = {text.get_position(): text.get_text() for text in axes.texts}  # (across, down)
    assert shown == {(0, 0): "40", (1, 0): "60", (1, 1): "100", (1, 2): "25", (2, 2): "75"}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_bars_are_stacked_and_end_at_all_parameters():
    rows = [{"label": "a", "params": 90_000, "conv_params": 20_000, "dense_params": 60_000}]
    figure = draw_parameters(rows, "en")
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches]
    assert bars == [(0, 20_000), (20_000, 80_000), (80_000, 90_000)]
    assert figure.axes[0].texts[0].get_text() == "90.0 k"
    format_tick = figure.axes[0].xaxis.get_major_formatter()
    assert [format_tick(value) for value in (500, 20_000, 4e6)] == ["500", "20k", "4M"]


def test_error_bars_are_of_the_accuracy_and_the_line_is_at_the_threshold():
    rows = [{"label": f"{n}", "params": n, "test_acc": Spread(0.9, 0.02)} for n in (10, 20)]
    (axes,) = draw_trade_off(rows, "params", "en", at_least=0.8).axes
    bars = [segment.tolist() for each in axes.containers for bar in each.lines[2] for segment in bar.get_segments()]
    np.testing.assert_allclose(bars, [[[n, 0.88], [n, 0.92]] for n in (10, 20)])
    (threshold,) = (line for line in axes.get_lines() if line.get_label() == "80%")
    assert set(threshold.get_ydata()) == {0.8}
    points = [each.lines[0] for each in axes.containers]
    assert [point.get_xydata().tolist() for point in points] == [[[10, 0.9]], [[20, 0.9]]]
    assert to_rgba(points[0].get_color()) != to_rgba(points[1].get_color())


def test_rows_look_different():
    looks = {tuple(str(value) for value in marker_of({"look": number}, 0).values()) for number in range(192)}
    assert len(looks) == 192
    assert (
        len({(look["marker"], look["fillstyle"]) for look in (marker_of({"look": each}, 0) for each in range(24))})
        == 24
    )
    assert len({marker_of({"look": each}, 0)["color"] for each in range(8)}) == 8


def test_a_row_looks_the_same_in_all_figures(tmp_path):
    for number, acc in enumerate((0.5, 0.9, 0.8)):
        write_run(tmp_path / f"{number}", px=28 + number, acc=acc)
    drawn = [block.draw() for block in make_report([tmp_path]).blocks if isinstance(block, Figure)]
    looks: dict[str, set[str]] = {}
    for figure in drawn:
        for axes in figure.axes:
            handles, labels = axes.get_legend_handles_labels()
            for handle, label in zip(handles, labels, strict=True):
                line = handle[0] if isinstance(handle, tuple) else handle
                if label.startswith("lenet"):
                    looks.setdefault(label, set()).add((line.get_color(), line.get_marker()))
    assert {label: len(each) for label, each in looks.items()} == dict.fromkeys(looks, 1)
    assert len(looks) == len(set.union(*looks.values())) == 3


def test_curves_of_short_and_long_runs_are_drawn_by_the_share_of_their_epochs(tmp_path):
    write_run(tmp_path / "a", model="alexnet")
    history = (write_run(tmp_path / "b", model="nin") / "metrics.csv").read_text().splitlines()
    more = [history[-1].replace("2,", f"{epoch},", 1) for epoch in range(3, 9)]
    (tmp_path / "b" / "metrics.csv").write_text("\n".join([*history, *more]))
    axes, _ = draw_curves(tables(make_report([tmp_path]))[0].rows, "en").axes
    assert axes.get_xlabel() == "share of the epochs"
    assert [line.get_xdata()[-1] for line in axes.lines] == [1, 1]


def test_a_figure_says_which_row_had_other_epochs_than_most(tmp_path):
    for name, epochs in (("alexnet", 4), ("nin", 4), ("lenet", 30)):
        write_run(tmp_path / name, model=name, seconds=epochs, **{"trainer.max_epochs": epochs})
    figures = {block.name: block for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}
    for name in ("accuracy-time", "curves"):
        labels = {label for axes in figures[name].draw().axes for label in axes.get_legend_handles_labels()[1]}
        assert labels - {"Pareto front"} == {"alexnet", "nin", "lenet max_epochs=30"}


def test_the_baseline_is_among_the_curves(tmp_path):
    for number in range(10):
        write_run(tmp_path / f"{number}", model="alexnet" if number == 9 else f"net{number}", acc=0.9 - 0.05 * number)
    report = make_report([tmp_path], baseline="alexnet")
    curves = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "curves")
    assert curves.caption.endswith("Of 10 rows, 8 are drawn: the best and the baseline.")
    assert "alexnet" in {line.get_label() for line in curves.draw().axes[0].lines}


def test_the_baseline_is_among_the_confusion_matrices(tmp_path):
    for number in range(6):
        write_run(tmp_path / f"{number}", model="alexnet" if number == 5 else f"net{number}", acc=0.9 - 0.1 * number)
    report = make_report([tmp_path], baseline="alexnet")
    figure = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "confusion")
    assert "Of 6 rows, 4 are drawn: the best and the baseline." in figure.caption
    assert "alexnet (%)" in {axes.get_title() for axes in figure.draw().axes}
    (tmp_path / "5" / "confusion.csv").unlink()
    report = make_report([tmp_path], baseline="alexnet")
    other = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "confusion")
    assert "Of 5 rows, the best 4 are drawn." in other.caption


def test_nothing_beats_the_points_of_the_front():
    points = [(1, 0.5), (2, 0.7), (3, 0.6), (2, 0.65), (4, 0.7), (5, 0.9)]
    assert front(points) == [(1, 0.5), (2, 0.7), (5, 0.9)]


def test_the_front_reaches_to_what_costs_most():
    """Also where one row beats all others, and is the whole front."""
    rows = [
        {"label": f"{cost}", "params": cost, "test_acc": Spread(accuracy, None)}
        for cost, accuracy in [(1, 0.9), (5, 0.8)]
    ]
    lines = draw_trade_off(rows, "params", "en").axes[0].get_lines()
    line = next(each for each in lines if each.get_label() == "Pareto front")
    assert line.get_xydata().tolist() == [[1, 0.9], [5, 0.9]]


@pytest.mark.parametrize(("low", "high"), [(11_510, 99_000), (11_510, 900_000), (11_510, 28_142_858), (41, 4e9)])
def test_the_figures_along_an_axis_do_not_touch(low, high):
    label = "lenet_bn activation=relu pooling=max"
    rows = [{"label": label, "params": cost, "test_acc": Spread(0.9, None)} for cost in (low, high)]
    figure = draw_trade_off(rows, "params", "en")
    figure.draw_without_rendering()
    low_end, high_end = figure.axes[0].get_xlim()
    ticks = figure.axes[0].xaxis.get_major_ticks()
    boxes = [tick.label1.get_window_extent() for tick in ticks if low_end <= tick.get_loc() <= high_end]
    assert len(boxes) > 1
    assert all(left.x1 + 2 < right.x0 for left, right in pairwise(boxes))


def test_long_labels_leave_room_for_the_figure(tmp_path):
    for number, width in enumerate((0.125, 0.25, 0.5, 0.75)):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, params=10_000 + number, **{"model.width": width})
    rows = [
        {"label": f"vgg11 28 adamw constant width={number} hidden=64 dropout=0.3 lr=0.002", "runs": [run]}
        | {"params": 9, "conv_params": 4, "dense_params": 5, "test_acc": Spread(0.9, None)}
        for number, run in enumerate(read_runs([tmp_path]))
    ]
    for figure in (draw_trade_off(rows, "params", "en"), draw_curves(rows, "en"), draw_parameters(rows, "en")):
        figure.draw_without_rendering()
        whole = figure.get_window_extent()
        (legend,) = figure.legends
        assert legend.get_window_extent().x0 >= 0
        assert legend.get_window_extent().x1 <= whole.x1
        assert figure.axes[0].get_window_extent().width > 0.3 * whole.width
        assert figure.axes[0].get_window_extent().height > 0.4 * whole.height


@pytest.mark.parametrize("text", ["", "true,a,b\n", "true,a,b\na,1,2\n", "true;a;b\na;1;2\nb;1;2\n"])
def test_a_matrix_that_is_no_square_is_named(text, tmp_path):
    (write_run(tmp_path / "a") / "confusion.csv").write_text(text)
    with pytest.raises(UserError, match=r"confusion\.csv is damaged: it is no square of counts"):
        save(make_report([tmp_path]), "md", tmp_path / "report")


def test_a_damaged_matrix_is_named(tmp_path):
    (write_run(tmp_path / "a") / "confusion.csv").write_text("")
    write_run(tmp_path / "b", model="nin")
    render(make_report([tmp_path]), "md")
    with pytest.raises(UserError, match=r"confusion\.csv is damaged"):
        render(make_report([tmp_path]), "html")


def test_what_is_missing_is_no_figure_and_no_traceback(tmp_path):
    for model, file in (("lenet", "metrics.csv"), ("nin", "confusion.csv"), ("mlp", None)):
        folder = write_run(tmp_path / model, model=model)
        if file:
            (folder / file).unlink()
        else:
            record = read_record(folder)
            write_record(folder, record | {"seconds": {}, "conv_params": None, "num_convs": None, "macs": None})
    for style in ("html", "latex", "csv"):
        render(make_report([tmp_path], baseline="lenet", at_least=0.5), style)


def test_a_figure_of_many_rows_has_the_best_the_cheapest_and_the_baseline(tmp_path):
    for number in range(40):
        more = {"params": 10_000 + 100 * number, "model.hidden": number}
        write_run(tmp_path / f"{number}", acc=0.8 + number / 1000, **more)
    captions = [each.caption for each in make_report([tmp_path]).blocks if isinstance(each, Figure)]
    assert sum(caption.endswith("Of 40 rows, the best 24 are drawn.") for caption in captions) == 3
    assert sum(caption.endswith("Of 40 rows, the best 4 are drawn.") for caption in captions) == 1
    document = make_report([tmp_path], baseline="lenet hidden=3")
    figures = {block.name: block for block in document.blocks if isinstance(block, Figure)}
    for name in ("accuracy-parameters", "parameters"):
        assert "Of 40 rows, 24 are drawn: the best and the baseline." in figures[name].caption
        shown = [text.get_text() for text in (*figures[name].draw().findobj(Text),)]
        assert {f"lenet hidden={number}" for number in (3, 39)} <= set(shown)
        assert "lenet hidden=4" not in shown


def test_a_figure_of_all_rows_with_a_result_does_not_say_that_it_has_some(tmp_path):
    for number in range(3):
        more = {"params": 10_000 + 1_000 * number, "model.hidden": number}
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, **more)
    write_run(tmp_path / "failed", model="alexnet", status="failed")
    document = make_report([tmp_path], baseline="alexnet")
    captions = {block.name: block.caption for block in document.blocks if isinstance(block, Figure)}
    assert "accuracy-parameters" in captions
    assert not any("are drawn" in caption for caption in captions.values())


def test_figures_are_drawn_only_where_there_is_something_to_see(tmp_path):
    write_run(tmp_path / "a", status="failed")
    assert not [block for block in make_report([tmp_path]).blocks if isinstance(block, Figure)]


def test_accuracies_on_several_data_sets_have_no_front_in_common(tmp_path):
    def names():
        return {block.name for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}

    write_run(tmp_path / "a")
    write_run(tmp_path / "b", model="nin", params=90_000)
    assert {"accuracy-time", "accuracy-parameters", "parameters", "curves"} <= names()
    assert "different data sets" not in notes_of(tmp_path)
    write_run(tmp_path / "c", data="synthetic")
    assert "rows are of different data sets, so accuracies cannot be compared" in notes_of(tmp_path)
    assert not {"accuracy-time", "accuracy-parameters"} & names()
    assert {"parameters", "curves"} <= names()


def test_a_net_that_was_trained_in_several_ways_has_one_bar(tmp_path):
    for optimizer in ("adamw", "sgd"):
        write_run(tmp_path / f"lenet-{optimizer}", optimizer=optimizer)
        write_run(tmp_path / f"wide-{optimizer}", optimizer=optimizer, params=90_000, **{"model.width": 2.0})
    (figure,) = (
        block for block in make_report([tmp_path]).blocks if isinstance(block, Figure) and block.name == "parameters"
    )
    (axes,) = figure.draw().axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["lenet", "lenet width=2.0"]


def figure_of(report, name):
    return next(block for block in report.blocks if isinstance(block, Figure) and block.name == name)


def test_the_best_rows_are_drawn(tmp_path):
    for number in range(10):
        write_run(tmp_path / f"{number}", model=f"net{number}", acc=0.5 + 0.04 * number)
    report = make_report([tmp_path])
    curves = figure_of(report, "curves").draw().axes[0].lines
    assert {line.get_label() for line in curves} == {f"net{number}" for number in range(2, 10)}
    titles = {axes.get_title() for axes in figure_of(report, "confusion").draw().axes}
    assert {f"net{number} (%)" for number in range(6, 10)} <= titles


def test_captions_speak_of_bars_and_bands_where_there_are_some(tmp_path):
    def captions():
        report = make_report([tmp_path])
        return [figure_of(report, name).caption for name in ("accuracy-time", "curves")]

    for model in ("alexnet", "nin"):
        write_run(tmp_path / model, model=model)
    assert captions() == ["Test accuracy against seconds per epoch. Line: the Pareto front.", "Learning curves."]
    write_run(tmp_path / "another", model="nin", seed=1, acc=0.8)
    bars, bands = captions()
    assert bars.endswith("Bars: standard deviation over seeds; where there is none, there is a single seed.")
    write_run(tmp_path / "yet another", model="alexnet", seed=1, acc=0.8)
    assert captions()[0].endswith("Bars: standard deviation over seeds.")
    assert bands.endswith("Bands span the seeds.")


def test_the_cheapest_row_of_the_front_is_drawn(tmp_path):
    write_run(tmp_path / "cheap", acc=0.5, params=100)
    for number in range(30):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 1000, params=50_000 - number, **{"model.hidden": number})
    figure = figure_of(make_report([tmp_path]), "accuracy-parameters")
    assert figure.caption.endswith("Of 31 rows, the best 24 are drawn.")
    assert "lenet" in {text.get_text() for text in figure.draw().findobj(Text)}


def test_the_bar_of_the_baselines_net_is_the_baseline(tmp_path):
    for optimizer in ("adamw", "sgd"):
        write_run(tmp_path / f"lenet-{optimizer}", optimizer=optimizer)
        write_run(tmp_path / f"wide-{optimizer}", optimizer=optimizer, params=90_000, **{"model.width": 2.0})
    for number in range(30):
        write_run(tmp_path / f"{number}", params=100_000 + number, acc=0.95, **{"model.hidden": number})
    figure = figure_of(make_report([tmp_path], baseline="lenet sgd"), "parameters")
    assert figure.caption.endswith("Of 32 rows, 24 are drawn: the best and the baseline.")


def test_curves_of_three_seeds_are_their_means(tmp_path):
    for seed, acc in enumerate((0.1, 0.2, 0.9)):
        write_run(tmp_path / f"{seed}", seed=seed, acc=acc)
    (line,) = draw_curves([{"label": "lenet", "runs": read_runs([tmp_path])}], "en").axes[1].get_lines()
    assert line.get_ydata() == pytest.approx([0.3, 0.41])


def test_epochs_are_told_once(tmp_path):
    for number, epochs in enumerate((2, 2, 30, 30)):
        write_run(tmp_path / f"{number}", model=f"net{number % 2}", **{"trainer.max_epochs": epochs})
    write_run(tmp_path / "nin", model="nin")
    labels = {line.get_label() for line in figure_of(make_report([tmp_path]), "curves").draw().axes[0].lines}
    of_two = {f"net{number} max_epochs={epochs}" for number in (0, 1) for epochs in (2, 30)}
    assert labels == of_two | {"nin"}


def test_the_front_ends_at_its_best_where_something_dearer_is_worse():
    points = [(1, 0.8), (5, 0.9), (9, 0.7)]
    rows = [{"label": f"{cost}", "params": cost, "test_acc": Spread(accuracy, None)} for cost, accuracy in points]
    lines = draw_trade_off(rows, "params", "en").axes[0].get_lines()
    line = next(each for each in lines if each.get_label() == "Pareto front")
    assert line.get_xydata().tolist() == [[1, 0.8], [5, 0.9], [9, 0.9]]


def test_a_part_that_one_net_lacks_is_drawn_of_the_others():
    conv = {"label": "a", "params": 40_000, "conv_params": 40_000, "dense_params": 0}
    dense = {"label": "b", "params": 90_000, "conv_params": 30_000, "dense_params": 60_000}
    figure = draw_parameters([conv, dense], "en")
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches]
    assert bars == [(0, 40_000), (0, 30_000), (40_000, 40_000), (30_000, 90_000)]


def test_accuracy_is_not_drawn_against_time_where_a_row_was_timed_otherwise(tmp_path):
    for name in ("a", "b"):
        write_run(tmp_path / name, model=name)
    for seed, device in enumerate(("cpu", "cuda")):
        folder = write_run(tmp_path / f"c{seed}", model="c", seed=seed)
        write_record(folder, read_record(folder) | {"device": device})
    report = make_report([tmp_path], rows=["model"])
    assert "accuracy is not plotted against time" in notes_of(tmp_path, rows=["model"])
    assert "accuracy-time" not in [block.name for block in report.blocks if isinstance(block, Figure)]


def test_curves_stand_in_the_order_of_the_table(tmp_path):
    for model, acc in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        write_run(tmp_path / model, model=model, acc=acc)
    curves = figure_of(make_report([tmp_path]), "curves").draw()
    assert [line.get_label() for line in curves.axes[0].lines] == ["a", "b", "c"]


def test_percentages_in_a_matrix_are_rounded(tmp_path):
    folder = write_run(tmp_path / "a")
    (folder / "confusion.csv").write_text("true,shirt,coat\nshirt,2,1\ncoat,0,3\n")
    (axes,) = draw_confusion([{"label": "lenet", "runs": read_runs([tmp_path])}], "en").axes
    assert [text.get_text() for text in axes.texts] == ["67", "33", "100"]


@pytest.mark.parametrize(("params", "names"), [(62_000, set()), (63_000, {"accuracy-parameters"})])
def test_accuracy_is_drawn_against_parameters_where_they_are_apart(params, names, tmp_path):
    write_run(tmp_path / "a", model="a")
    write_run(tmp_path / "b", model="b", params=params)
    figures = {block.name for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}
    assert figures & {"accuracy-parameters"} == names
