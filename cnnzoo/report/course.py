"""The course's own figures, and which of our runs they stand beside."""

from collections.abc import Sequence

from cnnzoo.errors import UserError
from cnnzoo.report.runs import Row

# Zhang et al., Dive into Deep Learning, PyTorch: pixels, test accuracy in the Chinese and in the English edition.
FIGURES = {
    "lenet": (28, 0.779, 0.728),  # section 7.6
    "lenet_bn": (28, 0.708, 0.868),  # 8.5, with the library's layer
    "alexnet": (224, 0.883, 0.830),  # 8.1
    "vgg11": (224, 0.920, 0.896),  # 8.2, a quarter of the channels
    "nin": (224, 0.790, 0.865),  # 8.3
    "googlenet": (96, 0.886, 0.802),  # 8.4
    "resnet18": (96, 0.893, 0.903),  # 8.6
    "densenet": (96, 0.885, 0.893),  # 8.7
}

OWN = {  # not what our yaml files have; `texts.py` says so of each
    "lenet_bn": {"model.padding": 0},
    "alexnet": {"model.padding": 1},
    "vgg11": {"model.width": 0.25},
    "nin": {"model.course": True},
    "resnet18": {"model.course": True},
}
RECIPE = ("model.init", "model.dropout", "model.stem")  # how a net is trained, and not which one it is


def add_figures(rows: Sequence[Row]) -> None:
    """Add to the rows of the course's nets `course_px`, `course_zh` and `course_en`, as in `FIGURES`.

    Raises:
        UserError: there are none, on Fashion-MNIST.
    """
    known = [row for row in rows if row.get("model") in FIGURES and all(map(_is_the_courses, row["runs"]))]
    if not known:
        raise UserError(
            "--course: none of these runs is of Fashion-MNIST and a net as the course has it (no changed model keys)\n"
            f"leave it out, or add runs of {', '.join(FIGURES)}"
        )
    for row in known:
        row |= dict(zip(("course_px", "course_zh", "course_en"), FIGURES[row["model"]], strict=True))


def other_nets(rows: Sequence[Row]) -> list[str]:
    """Return which nets beside the course's figures are not quite those of the course: in their own yaml's wiring."""
    known = (run for row in rows if "course_px" in row for run in row["runs"])
    return list(dict.fromkeys(run["model"] for run in known if run["model"] in OWN and not _changed(run)))


def _is_the_courses(run: Row) -> bool:
    """Say whether a run is of a net as our yaml or the course has it, on its data, whatever the recipe and the size."""
    return _changed(run) in ({}, OWN.get(run["model"])) and run.get("data") == "fashion_mnist"


def _changed(run: Row) -> dict[str, object]:
    """Return what of the net itself is not as in its yaml."""
    return {key: value for key, value in run["changed"].items() if key.startswith("model.") and key not in RECIPE}
