"""A report as Markdown, CSV, LaTeX and HTML, on the screen and in a folder."""

import csv
import io
import re
import shutil
import subprocess
from pathlib import Path

import matplotlib.figure
import pytest

from cnnzoo.report.document import Document, Figure, Notes, Paragraph, Table
from cnnzoo.report.make import make_report
from cnnzoo.report.page import page
from cnnzoo.report.save import render, save
from cnnzoo.report.style import INK
from cnnzoo.report.tables import Column
from tests.report.runs import write_run
from tests.report.shown import cells


def test_a_page_shows_what_it_is_given_and_runs_none_of_it():
    """Runs may be of somebody else, and labels are typed."""
    table = Table([Column("a", "<a>", left=True), Column("b", "b", "{:.1f}".format)], [{"a": '"<c>', "b": 0.25}], "<d>")
    drawing = matplotlib.figure.Figure()
    drawing.text(0.5, 0.5, "x", color=INK)
    figure = Figure("f", '"<e>', lambda: drawing)
    text = page(Document("en", "<f>", [Paragraph("<g>"), table, Notes(["<h>"]), figure]))
    assert not re.search("<[acdefgh]>", text)
    assert all(f"&lt;{letter}&gt;" in text for letter in "acdefgh")
    assert 'data-value="&quot;&lt;c&gt;"' in text
    assert 'data-value="0.25">0.2<' in text  # by which it is sorted
    assert 'aria-label="&quot;&lt;e&gt;"' in text
    assert "currentColor" in text.partition("<svg")[2]  # the page's own ink, also where it is dark
    assert INK not in text.partition("<svg")[2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_format_holds_the_whole_table(question, language):
    document = make_report([question], language=language)
    for style in ("md", "html"):
        text = render(document, style)
        assert all(cell in text for cell in cells(document))
    latex = render(document, "latex")
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert r"\toprule" in latex
    assert "%" not in re.sub(r"\\%|%\n", "", latex)  # else the rest of a line would be a comment
    lines = list(csv.DictReader(io.StringIO(render(document, "csv"))))
    assert len(lines) == 3
    assert 0 < float(lines[0]["test_acc"]) < 1
    assert float(lines[0]["test_acc_std"]) == pytest.approx(0.01 / 2**0.5)


def test_a_spreadsheet_reads_the_csv_as_it_is_meant(tmp_path):
    """Not 1/2 as a day, nor bytes with a decimal; and what is completed says so beside what is not."""
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=1, status="failed")
    write_run(tmp_path / "c", px=96)
    lines = list(csv.DictReader(io.StringIO(render(make_report([tmp_path]), "csv"))))
    told = {line["data.resize"]: (line["seeds"], line["status"], line["peak_bytes"]) for line in lines}
    assert told == {"28": ("1 of 2", "1 failed", f"{2**30}"), "96": ("1 of 1", "completed", f"{2**30}")}


@pytest.mark.parametrize(("language", "compiler"), [("en", "pdflatex"), ("zh", "xelatex")])
def test_latex_compiles(question, language, compiler, tmp_path_factory):
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    folder = tmp_path_factory.mktemp("latex")
    save(make_report([question], language=language), "latex", folder)
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (folder / "report.log").read_text(errors="replace")


def test_a_long_table_is_several_in_latex(tmp_path):
    for number in range(90):
        write_run(tmp_path / f"{number}", model=f"net{number}")
    latex = render(make_report([tmp_path]), "latex")
    assert latex.count(r"\begin{tabular}") == 6
    assert "(1 -- 40)" in latex
    assert len(re.findall(r"^net\d+ &", latex, re.MULTILINE)) == 2 * 90


def test_the_page_needs_nothing_else_and_its_ids_are_its_own(question):
    text = render(make_report([question]), "html")
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert "@import" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    names = [figure.name for figure in make_report([question]).figures]
    assert all(any(each.startswith(f"{name}-") for name in names) for each in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert text.count("<svg") == len(make_report([question]).figures) == 5


def drawn():
    """Return a report of a sentence and a figure."""
    drawing = matplotlib.figure.Figure()
    drawing.add_subplot().plot([1, 2])
    return Document("en", "title", [Paragraph("words"), Figure("line", "a line", lambda: drawing)])


def test_figures_are_saved_in_three_formats_and_what_was_there_is_kept(tmp_path):
    folder = tmp_path / "report"
    written = save(drawn(), "md", folder)
    assert [path.relative_to(folder).as_posix() for path in written] == [
        "report.md",
        *(f"figures/line.{style}" for style in ("svg", "pdf", "png")),
    ]
    assert all(path.stat().st_size > 1000 for path in written[1:])
    assert "(figures/line.png)" in (folder / "report.md").read_text()
    save(drawn(), "md", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "report.md"]
    (folder / "report.md").write_bytes("我的".encode("gbk"))
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    again = save(drawn(), "md", folder)
    assert again[0] == folder.with_name(f"{folder.name}-2") / "report.md"
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_report_may_go_where_one_is(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for number, name in ((1, "here"), (2, "here-2")):
        write_run(tmp_path / f"{number}" / "a", px=28 * number, status="failed")
        (written,) = save(make_report([tmp_path / f"{number}"]), "csv", Path())
        assert written.resolve() == tmp_path / name / "report.csv"


@pytest.mark.parametrize("question", ["vgg_resolution"], indirect=True)
def test_the_same_runs_make_the_same_page(question):
    assert render(make_report([question]), "html") == render(make_report([question]), "html")


def test_a_figure_that_somebody_has_edited_is_kept(tmp_path):
    written = save(drawn(), "md", tmp_path / "report")
    (tmp_path / "report" / "figures" / ".DS_Store").touch()  # of whoever looked at them
    assert save(drawn(), "md", tmp_path / "report") == written
    edited = next(path for path in written if path.suffix == ".svg")
    edited.write_text("mine")
    again = save(drawn(), "md", tmp_path / "report")
    assert {path.relative_to(tmp_path).parts[0] for path in again} == {"report-2"}
    assert edited.read_text() == "mine"


def test_a_change_in_the_csv_is_a_fraction(tmp_path):
    write_run(tmp_path / "a", model="alexnet", acc=0.9)
    write_run(tmp_path / "b", model="nin", acc=0.91)
    _, line = csv.DictReader(io.StringIO(render(make_report([tmp_path], baseline="alexnet"), "csv")))
    assert float(line["acc_change"]) == pytest.approx(0.01)


def test_a_table_of_one_page_has_no_range(tmp_path):
    for number in range(40):
        write_run(tmp_path / f"{number}", model=f"net{number}")
    assert "(1 -- 40)" not in render(make_report([tmp_path]), "latex")
