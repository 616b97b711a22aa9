"""The course's own figures beside those of its nets."""

import re

import pytest

from cnnzoo.checks import changes
from cnnzoo.choices import CONF, options
from cnnzoo.errors import UserError
from cnnzoo.report.course import add_figures, other_nets
from cnnzoo.report.make import make_report
from cnnzoo.report.texts import say
from tests.composed import compose_config
from tests.report.runs import write_run
from tests.report.shown import notes_of, table_of


def test_the_courses_figures_stand_beside_its_nets(tmp_path):
    for model, px in (("lenet", 28), ("resnet18", 28), ("mlp", 28)):
        write_run(tmp_path / model, model=model, px=px)
    titles = ("course px", "course zh", "course en")
    for rows in (), ("model",):
        shown = table_of(tmp_path, rows=rows, beside_course=True)
        assert {row["model"]: tuple(row[title] for title in titles) for row in shown} == {
            "lenet": ("28", "77.9%", "72.8%"),
            "resnet18": ("96", "89.3%", "90.3%"),
            "mlp": ("", "", ""),
        }
    notes = notes_of(tmp_path, beside_course=True)
    assert "course: the test accuracy" in notes
    assert (
        "the course's nets differ from ours: resnet18 has biases, and no batch norm on its shortcuts; " in f"{notes}; "
    )
    assert not set(titles) & set(table_of(tmp_path)[0])
    assert "course: the" not in notes_of(tmp_path)


def test_the_courses_figures_are_of_its_nets_and_data(tmp_path):
    write_run(tmp_path / "a", model="mlp")
    with pytest.raises(UserError, match=r"(?s)--course: none of these runs .*add runs of lenet, "):
        make_report([tmp_path], beside_course=True)
    write_run(tmp_path / "b", data="synthetic")
    write_run(tmp_path / "c", **{"model.width": 0.25})
    with pytest.raises(UserError, match="--course"):
        make_report([tmp_path], beside_course=True)


def test_the_courses_figures_need_the_model_among_the_rows(tmp_path):
    write_run(tmp_path / "a")
    with pytest.raises(UserError, match="--course is about nets\ntype model among"):
        make_report([tmp_path], rows=["optimizer"], beside_course=True)


@pytest.mark.parametrize("name", options("experiment/course"))
def test_the_courses_recipes_have_the_courses_nets(name):
    config = compose_config([f"experiment=course/{name}"])
    run = {"model": config.choices["model"], "data": "fashion_mnist", "changed": changes(config)}
    row = {"model": name, "runs": [run]}
    add_figures([row])
    told = (CONF / "experiment" / "course" / f"{name}.yaml").read_text().replace("\n# ", " ")
    assert f"{row['course_zh']:.3f}" in told.partition("(Chinese edition)")[0]
    assert re.search(rf"{row['course_en']:.3f} \(English edition\)", told)
    assert other_nets([row]) == []
    plain = {"model": name, "runs": [{**run, "changed": {}}]}
    add_figures([plain])
    for net in other_nets([plain]):
        assert changes(config).keys() & {f"model.{key}" for key in ("padding", "width", "course")}
        assert say("en", f"course_{net}") != say("zh", f"course_{net}")
    other = {**run, "changed": {"model.width": 0.5}}
    with pytest.raises(UserError):
        add_figures([{"model": name, "runs": [run, other]}])
