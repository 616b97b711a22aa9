import csv
import io

import pytest

from cnnzoo.report.columns import millions
from cnnzoo.report.tables import Column, to_csv, to_latex, to_markdown

COLUMNS = (
    Column("net", "net", left=True),
    Column("params", "parameters", "{:,}".format),
    Column("note", "100% & more"),
)
ROWS = [{"net": "le_net|5", "params": 61706, "note": None}, {"net": "mlp, deep", "params": 0, "note": "a^b~c\\d{e}#$"}]


def test_csv_reads_back_as_plain_values():
    header, *rows = csv.reader(io.StringIO(to_csv(COLUMNS, ROWS)))
    assert header == ["net", "params", "note"]
    assert rows == [["le_net|5", "61706", ""], ["mlp, deep", "0", "a^b~c\\d{e}#$"]]


def test_markdown_is_aligned_for_the_eye_too():
    assert to_markdown(COLUMNS, ROWS).splitlines() == [
        "| net       | parameters |  100% & more |",
        "| --------- | ---------: | -----------: |",
        "| le_net\\|5 |     61,706 |              |",
        "| mlp, deep |          0 | a^b~c\\d{e}#$ |",
    ]


def test_latex_is_escaped_and_has_booktabs_rules():
    lines = to_latex(COLUMNS, ROWS).splitlines()
    assert lines[:4] == [r"\begin{tabular}{lrr}", r"\toprule", r"net & parameters & 100\% \& more \\", r"\midrule"]
    assert lines[4] == r"le\_net\textbar{}5 & 61,706 &  \\"
    assert lines[5] == r"mlp, deep & 0 & a\^{}b\textasciitilde{}c\textbackslash{}d\{e\}\#\$ \\"
    assert lines[6:] == [r"\bottomrule", r"\end{tabular}"]


def test_a_table_without_rows_has_a_header():
    assert to_csv(COLUMNS, []) == "net,params,note\n"
    assert len(to_markdown(COLUMNS, []).splitlines()) == 2


def test_chinese_letters_take_two_columns():
    columns = [Column("a", "模型", left=True), Column("b", "种子数")]
    lines = to_markdown(columns, [{"a": "lenet", "b": 3}, {"a": "网络", "b": 10}]).splitlines()
    assert lines[2:] == ["| lenet |      3 |", "| 网络  |     10 |"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.00"),
        (48_752, "0.0488"),
        (416_520, "0.417"),
        (9_994_000, "9.99"),
        (9_996_000, "10.0"),
        (7_547e6, "7,547.0"),
    ],
)
def test_small_counts_have_as_many_digits_as_large_ones(count, text):
    assert millions(count) == text
