"""What the figures of a report draw: the numbers of the runs, where a reader looks for them."""

import csv

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from cnnzoo.report.confusion import draw_confusion
from cnnzoo.report.figures import draw_along, draw_curves, draw_parameters, draw_trade_off, marker_of
from cnnzoo.report.pool import Spread
from cnnzoo.report.runs import read_runs
from tests.report.runs import CLASSES, HISTORY, write_run


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
    lines = {"a": {"96": Spread(0.9, 0.01), "28": Spread(0.8, None)}, "b": {"28": Spread(0.7, 0.02)}}
    (axes,) = draw_along(lines, {"28": "28", "96": "96", "None": "-"}, "px", "en", joined=True).axes
    first, second = axes.containers
    assert first.lines[0].get_xydata().tolist() == [[0, 0.8], [1, 0.9]]
    assert second.lines[0].get_xydata().tolist() == [[0, 0.7]]
    bars = [[end for _, end in segment] for segment in first.lines[2][0].get_segments()]
    assert bars == [pytest.approx([0.8, 0.8]), pytest.approx([0.89, 0.91])]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["28", "96", "-"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("px", "test accuracy")
    (axes,) = draw_along(lines, {"28": "28", "96": "96"}, "px", "en", joined=False).axes
    assert {container.lines[0].get_linestyle() for container in axes.containers} == {"None"}


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
