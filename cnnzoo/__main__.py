"""python -m cnnzoo <verb> [key=value ...]: what can be done beside training."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from cnnzoo.checks import check_config
from cnnzoo.config import compose_config
from cnnzoo.console import print_any_sign
from cnnzoo.errors import USER_ERROR, UserError
from cnnzoo.explain import plain_errors
from cnnzoo.importing import importing_torch

SHEET_COLUMNS = 12
ENDINGS = (".md", ".csv", ".tex", ".html", ".pdf", ".png", ".svg")  # of files, where a folder is asked for


class Parser(argparse.ArgumentParser):
    """Answers mistakes as the other commands do."""

    def error(self, message: str) -> NoReturn:
        """Say in two lines what is wrong and where to look, and exit."""
        self.exit(USER_ERROR, f"error: {message}\nall of it: {self.prog} --help\n")


def _share(word: str) -> float:
    """Return the share that `0.85`, `85` or `85%` stands for."""
    with suppress(ValueError):
        number = float(word.removesuffix("%"))
        share = number / 100 if number > 1 or word.endswith("%") else number
        if 0 < share <= 1:
            return share
    raise argparse.ArgumentTypeError(f"must be an accuracy, such as 0.85 or 85% (got {word!r})")


def _folder(name: str) -> Path:
    """Return the folder of that name; an empty one, as of a variable that is not set, is refused."""
    if not name:
        raise argparse.ArgumentTypeError("the name of a folder is missing")
    if Path(name).suffix in ENDINGS:
        raise argparse.ArgumentTypeError(f"{name} is to be a folder; leave {Path(name).suffix} out")
    if Path(name).is_file():
        raise argparse.ArgumentTypeError(f"{name} is a file, and no folder")
    return Path(name)


def _word(word: str) -> str:
    """Return the word; an empty one, as of a variable that is not set, is refused."""
    if not word:
        raise argparse.ArgumentTypeError("it is empty")
    return word


def _listed(words: str) -> list[str]:
    """Return the words between commas."""
    return [word.strip() for word in words.split(",")]


def _parser() -> Parser:
    """Return what knows all verbs; what it parses has `run`, which takes it and does what the verb says."""
    parser = Parser(prog="python -m cnnzoo", description="Everything but training: info, data, maps, predict, report.")
    verbs = parser.add_subparsers(dest="verb", required=True)

    def add_verb(name: str, run: Callable[[argparse.Namespace], None], does: str, usage: str | None = None) -> Parser:
        verb = verbs.add_parser(name, help=does, usage=usage)
        verb.set_defaults(run=run, error=verb.error)
        return verb

    data = add_verb("data", show_data, "fetch and verify the images, say what is where, draw a contact sheet")
    data.add_argument("words", nargs="*", metavar="key=value", help="as for train.py, such as data.root=DIR")

    info = add_verb("info", show_info, "output, cost and receptive field of every layer, or one row a net")
    info.add_argument("words", nargs="*", metavar="key=value", help="as for train.py, also model=vgg11,nin")
    info.add_argument("--all", action="store_true", help="all nets, at 28, 96 and 224 px")
    formats = "md; a terminal gets the columns that it has room for"
    info.add_argument("--format", choices=("md", "csv", "latex"), help=formats)

    cell = add_verb("cell", run_cell, "run one cell of a sweep, from a line that sweep.py emit=FILE wrote")
    cell.add_argument("words", nargs=1, metavar="FOLDER", help="the cell's folder")

    usage = "python -m cnnzoo predict [--invert] RUN PICTURE [PICTURE ...]"
    prediction = add_verb("predict", show_predictions, "what a trained net says of your own pictures", usage)
    prediction.add_argument("words", nargs="+", metavar="RUN PICTURE", help="a run's folder, then image files")
    prediction.add_argument("--invert", action="store_true", help="for pictures with a bright background")

    maps = add_verb("maps", show_maps, "the same test images through trained nets, stage by stage, as PNG")
    maps.add_argument("words", nargs="+", metavar="RUN", help="folders of trained runs; data.root=DIR: the images")
    numbers = "numbers of test images, by default 0,1,2, and files of pictures"
    maps.add_argument("--images", metavar="N,...", type=_listed, default=["0", "1", "2"], help=numbers)
    maps.add_argument("--invert", action="store_true", help="for files of pictures with a bright background")
    stages = "stages by number, or by what they see"
    maps.add_argument("--align", choices=("depth", "field"), default="depth", help=stages)
    where = "folder for the pictures; by default outputs/maps"
    maps.add_argument("--lang", choices=("en", "zh"), default="en", help="English or Chinese")
    maps.add_argument("--save", metavar="DIR", type=_folder, default=Path("outputs") / "maps", help=where)

    report = add_verb("report", show_report, "tables, figures and the draft of an answer, from finished runs")
    folders = "of sweeps, or of any runs, such as outputs"
    report.add_argument("words", nargs="+", metavar="FOLDER", help=folders)
    keys = "config keys that make a row; by default those that differ"
    report.add_argument("--rows", metavar="KEY,...", type=_listed, default=(), help=keys)
    across = "a config key whose values make columns, such as data.resize"
    report.add_argument("--columns", metavar="KEY", type=_word, help=across)
    compared = "the row, or the model, that the others are compared with"
    report.add_argument("--baseline", metavar="NAME", type=_word, help=compared)
    report.add_argument("--at-least", metavar="ACC", type=_share, help="mark test accuracies of at least this (0.85)")
    report.add_argument("--course", action="store_true", help="the course's own accuracy beside that of its nets")
    forms = ("md", "csv", "latex", "html")
    report.add_argument("--format", choices=forms, help=formats)
    report.add_argument("--lang", choices=("en", "zh"), default="en", help="English or Chinese")
    figures = "write it there, with the figures as SVG, PDF and PNG"
    report.add_argument("--save", metavar="DIR", type=_folder, help=figures)
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and do what the verb says."""
    print_any_sign()
    options, rest = _parser().parse_known_args(arguments)
    if flags := [each for each in rest if each.startswith("-")]:
        options.error(f"{options.verb} has no {', '.join(flags)}")
    options.words += rest  # argparse leaves those behind an option
    logging.basicConfig(format="%(message)s")
    with plain_errors(), suppress(BrokenPipeError):  # whoever reads the output has seen enough
        options.run(options)


def _style(options: argparse.Namespace) -> str:
    """Return the format that was typed, or the one that suits what is printed to."""
    return options.format or ("screen" if sys.stdout.isatty() else "md")


def show_info(options: argparse.Namespace) -> None:
    """Print a table of layers, or of nets."""
    with importing_torch():
        from cnnzoo.info import describe
    print(describe(options.words, every=options.all, style=_style(options)), end="", flush=True)


def run_cell(options: argparse.Namespace) -> None:
    """Run the cell of a sweep that is in that folder."""
    if len(options.words) > 1:
        options.error(f"one cell at a time, and not also {options.words[1]}")
    from cnnzoo.sweep.cell import run_planned

    run_planned(Path(options.words[0]))


def show_predictions(options: argparse.Namespace) -> None:
    """Print which net it is, and a table with the likeliest classes of each picture."""
    run, *pictures = options.words
    if not pictures:
        raise UserError("which pictures?\ntype python -m cnnzoo predict RUN shirt.png bag.jpg")
    from cnnzoo.report.tables import Column, to_markdown

    with importing_torch():
        from cnnzoo.trained import describe, predict
    rows = predict(run, pictures, invert=options.invert)
    places = ("prediction", "second", "third")[: len(rows[0]["likeliest"])]
    for row in rows:
        named = zip(places, row["likeliest"], strict=True)
        row |= {place: f"{name} {probability:.1%}" for place, (name, probability) in named}
    print(f"{describe(run)}\n")
    print(to_markdown([Column(key, key, left=True) for key in ("picture", *places)], rows), end="")
    if bright := [row["picture"] for row in rows if row["bright"]]:
        print(f"\nnote: the background of {', '.join(bright)} is bright; if it was dark in training, try --invert")


def show_maps(options: argparse.Namespace) -> None:
    """Write the galleries of trained nets, and print where."""
    root = [each for each in options.words if each.startswith("data.root=")]
    runs = [each for each in options.words if each not in root]
    if not runs:
        raise UserError("which runs?\ntype python -m cnnzoo maps RUN")
    if wrong := [each for each in options.images if not each.isdecimal() and not Path(each).is_file()]:
        raise UserError(
            f"--images are numbers of test images and files of pictures (got '{wrong[0]}')\n"
            "type for example --images 0,7,shirt.png"
        )
    with importing_torch():
        from cnnzoo.gallery import draw_maps
    written = draw_maps(
        runs, options.images, options.align, options.save, root, invert=options.invert, language=options.lang
    )
    for path in written:
        print(path)


def show_report(options: argparse.Namespace) -> None:
    """Print a report, or write it with its figures."""
    from cnnzoo.report.make import make_report
    from cnnzoo.report.save import render, save

    if "" in options.words:
        options.error("argument FOLDER: the name of a folder is missing")
    every = [Path(word) for word in options.words]
    folders = [each for each in every if not each.is_file()] or every  # a shell makes files, too, of outputs/*
    saved = options.save or (folders[0] / "report" if options.format == "html" else None)
    document = make_report(
        folders,
        rows=options.rows,
        pivot=options.columns,
        baseline=options.baseline,
        at_least=options.at_least,
        beside_course=options.course,
        language=options.lang,
        drawn=saved is not None,
    )
    if saved:
        for path in save(document, options.format or "md", saved):
            print(path)
    else:
        print(render(document, _style(options)), end="", flush=True)
        print("note: --save DIR writes it with its figures, --format html as one page", file=sys.stderr)


def show_data(options: argparse.Namespace) -> None:
    """Fetch and verify the configured images, print what is where, and write a contact sheet."""
    config = compose_config(options.words)
    check_config(config)
    with importing_torch():
        import torch

        from cnnzoo.build import build_data, in_words
        from cnnzoo.report.contact_sheet import save_contact_sheet
    with in_words():
        data = build_data(config)
    images = data.load_checked()
    for name, path in images.paths.items():
        checked = f"  sha256 {images.sha256[name][:16]}...  verified" if name in images.sha256 else ""
        print(f"{path}{checked}")
    train, test = images.labels[: images.num_train], images.labels[images.num_train :]
    print(f"{len(train):,} training and {len(test):,} test images, {'x'.join(map(str, images.pixels.shape[1:]))}")
    for label, class_name in enumerate(data.class_names):
        print(f"  {label}  {class_name:<12} {(train == label).sum():>6,} training {(test == label).sum():>6,} test")
    counts = torch.bincount(train)
    shown = counts.nonzero().squeeze(1).tolist()  # a class may have no training image
    columns = min(SHEET_COLUMNS, int(counts[shown].min()))
    first = [torch.nonzero(train == label).squeeze(1)[:columns] for label in shown]
    names = [data.class_names[label] for label in shown]
    sheet = Path("outputs") / f"{config.choices['data']}.png"
    title = f"{config.choices['data']}: the first {columns} training images of each class"
    try:
        save_contact_sheet(images.pixels[torch.stack(first), 0].numpy(), names, title, sheet)
    except OSError as error:
        raise UserError(f"cannot write {sheet}: {error.strerror}\nrun it in a folder that you can write to") from error
    print(f"contact sheet: {sheet}")


if __name__ == "__main__":
    main()
