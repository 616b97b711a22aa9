"""What a sweep would do, and how long that would take."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cnnzoo.commands import as_typed
from cnnzoo.disk import BYTES_PER_PARAMETER, checkpoint_bytes, free_space
from cnnzoo.errors import UserError
from cnnzoo.record import FILE_NAME, parts_of, read_history
from cnnzoo.report.columns import columns
from cnnzoo.report.runs import PLAN
from cnnzoo.report.tables import Column, to_markdown, to_screen
from cnnzoo.sweep.folder import TO_DO, SweepFolder, record_in
from cnnzoo.sweep.grid import Cell
from cnnzoo.sweep.summary import counts, how_many
from cnnzoo.sweep.told import in_all, settings_of

if TYPE_CHECKING:
    import torch

_COLUMNS = (
    *columns(("model", "px", "optimizer", "settings"), "en"),
    Column("seed", "seed"),
    *columns(("stem", "params", "macs"), "en"),
    Column("minutes", "minutes", "{:,.1f}".format),
    *columns(("status",), "en"),
)
SPARED = ("stem", "macs")  # columns that are left out where the screen is narrow
ENDED_BADLY = ("failed", "stuck", "diverged")  # run again only when asked to
ALIKE = 8.0  # times as many multiply-adds or images in a batch, or as few
MIN_STEPS = 50  # of a run whose speed says something: its first steps are slow
SHORT, LONG = 10.0, 120.0  # minutes: up to the first with tenths, from the second on in hours


def cells_to_do(cells: Sequence[Cell], folder: SweepFolder, *, retry: bool) -> list[Cell]:
    """Return the cells that are still to run or to be exported; those that ended badly only with `retry`."""

    def is_done(cell: Cell) -> bool:
        status = folder.status(cell.name)
        if status == "completed":
            return not folder.lacks_export(cell)
        return status in ENDED_BADLY and not retry

    return [cell for cell in cells if not cell.problem and not is_done(cell)]


def done_elsewhere(cells: Sequence[Cell], folder: Path) -> str:
    """Return in words which other sweep's folder beside `folder` has completed most of the cells, if any has.

    Not for another experiment: a cell that two questions share belongs to the table of each.
    """

    def is_done(cell: Cell, other: Path) -> bool:
        record = record_in(other / cell.name) or {"status": TO_DO, "choices": {}}
        experiment = cell.config.choices.get("experiment")
        return bool(record["status"] == "completed" and record["choices"].get("experiment") == experiment)

    others = [plan.parent for plan in folder.parent.glob(f"*/{PLAN}") if plan.parent != folder]
    count, other = max(((sum(is_done(cell, other) for cell in cells), other) for other in others), default=(0, folder))
    there = as_typed("hydra.sweep.dir", str(other))
    told = f"{count} of these cells {'is' if count == 1 else 'are'} completed in {other}; type {there} to go on there"
    return told if count else ""


def checkpoint_space(to_do: Sequence[Cell], folder: SweepFolder) -> tuple[int, int]:
    """Return how many bytes the checkpoints of cells may yet take, of which each keeps two, and how many are free."""
    there = sum(checkpoint_bytes(folder.path / cell.name) for cell in to_do)
    return sum(2 * BYTES_PER_PARAMETER * cell.facts["params"] for cell in to_do) - there, free_space(folder.path)


def print_plan(
    cells: Sequence[Cell], folder: SweepFolder, device: "torch.device | None", console: Console, *, retry: bool
) -> None:
    """Print all cells, what each costs and what is known of it; how long it takes only for a known device."""
    from cnnzoo.training.device import describe_device

    folder.know(cells)  # what was impossible before may not be so now
    rows = _plan_rows(cells, folder, describe_device(device) if device else None)
    shown = [column for column in _COLUMNS if any(row[column.key] not in ("", None) for row in rows)]
    if console.is_terminal:
        console.print(to_screen(shown, rows, console.width, SPARED), "")
    else:
        print(to_markdown(shown, rows))
    if common := in_all(cell.overrides for cell in cells):
        print(common)
    to_do = {cell.name for cell in cells_to_do(cells, folder, retry=retry)}
    trained = [row["status"] != "to export" and cell.name in to_do for cell, row in zip(cells, rows, strict=True)]
    minutes = [row["minutes"] for row, is_trained in zip(rows, trained, strict=True) if is_trained]
    known = [each for each in minutes if each is not None]
    print(f"{how_many(cells)} in {folder.path}: {counts(row['status'].partition(':')[0] for row in rows)}")
    if known:
        total = sum(known)
        time = f"{total:,.{0 if total > SHORT else 1}f} minutes" if total < LONG else f"{total / 60:,.1f} hours"
        print(f"about {time} for {len(known)} of {len(minutes)} to do, one at a time, by runs of similar size here")
        if left := len(minutes) - len(known):
            print(f"no estimate for the other {left}: no run of similar size has been completed on this device")
    elif minutes and device:
        print("no estimate: no run of similar size has been completed on this device")
    needed, free = checkpoint_space(
        [cell for cell, is_trained in zip(cells, trained, strict=True) if is_trained], folder
    )
    if needed > 0:
        print(f"up to {max(0.1, needed / 2**30):,.1f} GiB of checkpoints; {free / 2**30:,.1f} GiB are free")


def _plan_rows(cells: Sequence[Cell], folder: SweepFolder, device: str | None) -> list[dict[str, Any]]:
    """Return one row a cell; `minutes` is None where no finished run on this device is like it."""
    finished = list(_finished(folder.path.parent, device))
    settings = settings_of({cell.name: folder.cells[cell.name] for cell in cells})
    rows = []
    for cell in cells:
        known = folder.cells[cell.name]
        rows.append(
            {
                **{key: known.get(key) for key in ("model", "px", "optimizer", "seed", "stem", "params", "macs")},
                "settings": settings[cell.name],
                "minutes": None if cell.problem else _minutes(cell, finished, _epochs_done(cell, folder)),
                "status": _status(cell, folder),
            }
        )
    return rows


def _status(cell: Cell, folder: SweepFolder) -> str:
    if cell.problem:
        return f"n/a: {cell.problem}"
    status = folder.status(cell.name)
    return "to export" if status == "completed" and folder.lacks_export(cell) else status


def _epochs_done(cell: Cell, folder: SweepFolder) -> int:
    """Return how many epochs a cell has from which it goes on; the record of one that was killed does not know."""
    if folder.status(cell.name) == "completed":
        return 0
    with suppress(UserError):  # its history is damaged, as the cell itself will say
        return len(read_history(folder.path / cell.name))
    return 0


def _minutes(cell: Cell, finished: Sequence[dict[str, Any]], epochs: int = 0) -> float | None:
    """Return the minutes that a cell takes by its multiply-adds and the speed of the runs most like it.

    A small net gets fewer multiply-adds done in a second than a large one, and so do small batches and the few steps of
    a trial: `ALIKE` and `MIN_STEPS` say what is compared.
    """
    from cnnzoo.build import build_data

    macs, values = cell.facts["macs"], cell.config.values
    batch_size = values["data"]["batch_size"]
    trained, evaluated = _images(values, build_data(cell.config).num_images)
    made = (cell.facts["precision"], _is_trial(trained, batch_size))
    like = [run for run in finished if (run["precision"], run["is_trial"]) == made]
    like = [run for run in like if 1 / ALIKE < run["macs"] / macs < ALIKE]
    like = [run for run in like if 1 / ALIKE < run["config"]["data"]["batch_size"] / batch_size < ALIKE]
    like = [run for run in like if run["choices"]["model"] == cell.config.choices["model"]] or like
    if not like:
        return None
    distances = [abs(math.log(run["macs"] / macs)) for run in like]
    nearest = [run for run, distance in zip(like, distances, strict=True) if distance == min(distances)]
    macs_per_second = statistics.median(run["images_per_second"] * run["macs"] for run in nearest)
    trained *= 1 - epochs / values["trainer"]["max_epochs"]
    return float((trained + evaluated / 3) * macs / macs_per_second / 60)  # an image that is only evaluated is a third


def _is_trial(trained: float, batch_size: int) -> bool:
    return trained < MIN_STEPS * batch_size


def _images(values: Mapping[str, Any], sizes: Mapping[str, int]) -> tuple[float, float]:
    """Return how many images a run trains on, and how many it evaluates, over all epochs.

    Args:
        values: its configuration.
        sizes: images in each set; under `protocol=course` val is the test set.
    """
    data, trainer = values["data"], values["trainer"]

    def used(stage: str) -> float:
        limit = trainer[f"limit_{stage}_batches"]
        return sizes[stage] * limit if isinstance(limit, float) else min(sizes[stage], limit * data["batch_size"])

    return trainer["max_epochs"] * used("train"), trainer["max_epochs"] * used("val") + used("test")


def _finished(outputs: Path, device: str | None) -> Iterator[dict[str, Any]]:
    for path in outputs.glob(f"*/*/{FILE_NAME}"):
        record = record_in(path.parent)
        if record is None:
            continue
        made = [(part.get("device"), part.get("slots")) for part in parts_of(record)]
        alone = all(each == (device, 1) for each in made)
        known = all(record.get(key) for key in ("macs", "images_per_second", "precision", "choices", "config", "data"))
        if record.get("status") == "completed" and alone and known:
            sizes = record["data"] | {"val": record["data"]["val"] or record["data"]["test"]}
            trained, _ = _images(record["config"], sizes)
            yield record | {"is_trial": _is_trial(trained, record["config"]["data"]["batch_size"])}
