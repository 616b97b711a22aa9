"""Tables with a column for each value of a key."""

import csv
import io

import pytest

from cnnzoo.record import read_record, write_record
from cnnzoo.report.document import Figure
from cnnzoo.report.make import make_report
from cnnzoo.report.save import render
from cnnzoo.report.tables import texts
from tests.report.runs import write_plan, write_run
from tests.report.shown import note_lines, notes_of, table_of, tables


def test_a_pivot_has_a_column_for_each_value(tmp_path):
    for model, px, acc in (("lenet", 28, 0.8), ("lenet", 96, 0.85), ("vgg11", 96, 0.9)):
        write_run(tmp_path / f"{model}{px}", model=model, px=px, acc=acc)
    write_plan(tmp_path, {"vgg11x28": ("vgg11", 28, 0, "too small")})
    document = make_report([tmp_path], rows=["model"], pivot="data.resize")
    accuracy, seconds, *_ = tables(document)
    assert [column.title for column in accuracy.columns] == ["model", "28", "96"]
    assert sorted(texts(accuracy.columns, accuracy.rows)) == [
        ["lenet", "80.00%", "85.00%"],
        ["vgg11", "n/a", "90.00%"],
    ]
    assert ["lenet", "10.0", "10.0"] in texts(seconds.columns, seconds.rows)


def test_a_pivot_has_a_figure_with_a_line_for_each_row_of_its_tables(tmp_path):
    for model, px, acc in (("lenet", 28, 0.8), ("lenet", 96, 0.85), ("vgg11", 96, 0.9)):
        write_run(tmp_path / f"{model}{px}", model=model, px=px, acc=acc)
    first, *_ = [block for block in make_report([tmp_path], pivot="data.resize").blocks if isinstance(block, Figure)]
    assert (first.name, first.caption.partition(".")[0]) == ("accuracy-along", "Test accuracy by px")
    (axes,) = first.draw().axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["28", "96"]
    points = {each.get_label(): each.lines[0].get_xydata().tolist() for each in axes.containers}
    assert points == {"lenet": [[0, 0.8], [0.9, 0.85]], "vgg11": [[1.1, 0.9]]}


def test_a_pivot_of_a_single_value_has_no_figure_of_its_own_and_one_of_many_rows_has_the_best(tmp_path):
    def along():
        blocks = make_report([tmp_path], pivot="data.resize").blocks
        return [block for block in blocks if isinstance(block, Figure) and block.name == "accuracy-along"]

    for number in range(10):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, **{"model.width": number})
    assert along() == []
    write_run(tmp_path / "large", px=96, acc=0.9, **{"model.width": 0})
    (figure,) = along()
    assert figure.caption == "Test accuracy by px. Of 10 rows, the best 8 are drawn."
    drawn = [each.get_label() for each in figure.draw().axes[0].containers]
    assert drawn == [f"lenet width={number}" for number in (0, *range(3, 10))]


def test_a_pivot_has_a_column_for_rows_without_its_key(tmp_path):
    write_run(tmp_path / "a", model="vgg11", **{"model.width": 0.25})
    other = read_record(write_run(tmp_path / "b", acc=0.8))
    del other["config"]["model"]["width"]
    write_record(tmp_path / "b", other)
    accuracies = tables(make_report([tmp_path], rows=["model"], pivot="model.width"))[0]
    assert [column.title for column in accuracies.columns] == ["model", "0.25", "-"]
    assert sorted(texts(accuracies.columns, accuracies.rows)) == [["lenet", "", "80.00%"], ["vgg11", "90.00%", ""]]


def test_a_pivot_says_once_why_a_cell_cannot_be(tmp_path):
    cells = {
        f"{px}-{model}": (model, px, 0, "too small" if px == 28 else None)
        for px in (28, 96)
        for model in ("vgg11", "nin")
    }
    write_plan(tmp_path, cells)
    for row in table_of(tmp_path, pivot="data.resize"):
        assert (row["28"], row["96"]) == ("n/a", "to do")
    assert notes_of(tmp_path, pivot="data.resize").count("n/a: too small") == 1


def test_a_pivot_as_csv_has_the_deviations_too(tmp_path):
    for px, seed in ((28, 0), (28, 1), (96, 0)):
        write_run(tmp_path / f"{px}-{seed}", px=px, seed=seed, acc=0.8 + seed / 10)
    text = render(make_report([tmp_path], rows=["model"], pivot="data.resize"), "csv")
    first = next(csv.DictReader(io.StringIO(text)))
    assert (first["figure"], float(first["28"])) == ("test_acc", pytest.approx(0.85))
    assert float(first["28_std"]) == pytest.approx(0.1 / 2**0.5)
    assert first["96_std"] == ""


def test_a_pivot_by_a_changed_key_has_one_line_and_says_what_is_not_complete(tmp_path):
    for width, seed, status in ((0.25, 0, "completed"), (0.5, 0, "completed"), (0.5, 1, "diverged")):
        write_run(tmp_path / f"{width}-{seed}", seed=seed, status=status, **{"model.width": width})
    document = make_report([tmp_path], pivot="model.width")
    accuracies = tables(document)[0]
    assert texts(accuracies.columns, accuracies.rows) == [["lenet", "28", "90.00%", "90.00%"]]
    assert "Not all seeds are completed of lenet width=0.5." in note_lines(document)


def test_a_pivot_says_in_the_language_asked_for_what_is_still_to_do(tmp_path):
    write_run(tmp_path / "a", px=96)
    write_plan(tmp_path, {"x": ("lenet", 28, 0, None)})
    accuracies = tables(make_report([tmp_path], pivot="data.resize", language="zh"))[0]
    assert texts(accuracies.columns, accuracies.rows) == [["lenet", "待运行", "90.00%"]]


def test_a_row_without_a_result_is_not_partly_complete(tmp_path):
    write_run(tmp_path / "a", px=28)
    write_run(tmp_path / "b", px=96, status="failed")
    assert "Not all seeds" not in notes_of(tmp_path, pivot="data.resize")
