"""A sweep from the command line to the table."""

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.plugins.launcher import Launcher as HydraLauncher
from omegaconf import DictConfig
from rich.console import Console

from cnnzoo.choices import CONF
from cnnzoo.commands import quoted
from cnnzoo.console import RunConsole
from cnnzoo.disk import is_unwritable
from cnnzoo.errors import FAILED, INTERRUPTED, TERMINATED, UserError
from cnnzoo.explain import typed
from cnnzoo.overrides import key_of, warn_of_repeats
from cnnzoo.report.tables import to_markdown
from cnnzoo.sweep.emit import check_file, emit
from cnnzoo.sweep.folder import SweepFolder, is_locked
from cnnzoo.sweep.grid import Cell, as_overrides, make_cells
from cnnzoo.sweep.launcher import Launcher
from cnnzoo.sweep.notes import at_work, changed_nets, edited_values, full_disk, other_cells, other_sweeps, strays
from cnnzoo.sweep.plan import cells_to_do, done_elsewhere, print_plan
from cnnzoo.sweep.screen import Screen, for_screen
from cnnzoo.sweep.settings import Settings, choose_folder, read_settings, refuse_lists
from cnnzoo.sweep.summary import columns, counts, how_many, pool

# Keys of `data` that say nothing of which images there are.
HOW_USED = {"resize", "batch_size", "augment", "num_classes"}

if TYPE_CHECKING:
    import torch  # which takes seconds; a mistake is answered without it


def sweep(
    config: DictConfig,
    params: Mapping[str, Any],
    arguments: Sequence[str],
    make_launcher: Callable[[], HydraLauncher] | None,
) -> None:
    """Run the cells of a grid that are not completed yet.

    Args:
        config: what Hydra composed from `conf/sweep.yaml`.
        params: values to sweep over, from `hydra.sweeper.params`; `arguments` with the same key count instead.
        arguments: of the command line.
        make_launcher: makes one of Hydra's, once the sweep's folder is known; None for processes on this machine.

    Raises:
        UserError: the grid is wrong, or another sweep is at work in its folder.
        SystemExit: some cells are not completed, or Ctrl-C was pressed.
    """
    HydraConfig.instance().set_config(config)  # the folder's name may refer to it
    refuse_lists(arguments)
    settings = read_settings(config)
    here = not (make_launcher or settings.emit)
    if not here and (settings.slots or settings.timeout):
        raise UserError("sweep.slots and sweep.timeout are for cells that this command runs itself\nleave them out")
    warn_of_repeats(arguments)
    is_usual = config.sweep.name is None and "hydra.sweep.dir" not in map(key_of, config.hydra.overrides.hydra)
    path = choose_folder(config, arguments)
    cells, notes = make_cells(
        arguments,
        usual=[*as_overrides(params), *as_overrides(settings.reduced)],
        exclude=settings.exclude,
        per_model=settings.per_model,
        variants=settings.variants,
        here=here,
    )
    if any(key_of(each).startswith("sweep.per_model") for each in arguments):  # and not an experiment's alone
        absent = settings.per_model.keys() - {cell.config.choices["model"] for cell in cells}
        notes += [f"sweep.per_model: no cell has model: {model}" for model in sorted(absent)]
    if config.budget != "laptop" and any(key_of(each).startswith("sweep.laptop") for each in arguments):
        notes.append("sweep.laptop is for budget=laptop, and changes nothing without it")
    _refuse_the_impossible(cells, settings)
    device = _device(cells) if here else None
    gpus, slots = _choose_slots(device, settings)
    console = RunConsole(markup=False, highlight=False)

    def tell(*notes: str) -> None:
        for note in notes:
            console.print(f"note: {note}", soft_wrap=True)

    tell(*notes)
    with _what_cannot_be_written(path):
        folder = SweepFolder(path)
        if not folder.cells and not config.fresh and (elsewhere := done_elsewhere(cells, path)):
            tell(elsewhere)
        others = other_cells(cells, folder) if is_usual else ()
        tell(*changed_nets(cells, folder), *edited_values(cells, folder), *others, *strays(cells, folder))
        if settings.plan:
            print_plan(cells, folder, device, console, retry=settings.retry)
            return
        if settings.emit:
            check_file(settings.emit)
        else:
            to_do = cells_to_do(cells, folder, retry=settings.retry)
            _fetch_data([cell for cell in to_do if folder.status(cell.name) != "completed"])
        with folder.locked():
            folder.add(cells)
            to_do = cells_to_do(cells, folder, retry=settings.retry)
            if settings.emit:
                emit(to_do, folder, settings.emit, console)
                return
            console.print(f"{how_many(cells)} in {folder.path}: {len(to_do)} to do")
            timed = to_do if here else []
            tell(*at_work(to_do, folder), *other_sweeps(timed, folder), *full_disk(to_do, folder))
            if make_launcher and to_do:
                _hand_over(to_do, folder, make_launcher())
            stopped_by = None if make_launcher else _run(to_do, folder, gpus, slots, settings.timeout, console)
        _finish(cells, folder, stopped_by, console)


@contextmanager
def _what_cannot_be_written(path: Path) -> Iterator[None]:
    """Say in words that the sweep's folder, or a file that is to be written, cannot be."""
    try:
        yield
    except OSError as error:
        missing = error.filename if isinstance(error, FileNotFoundError) else None
        has_no_place = missing is not None and path.is_relative_to(missing)  # below /proc, say
        if not (is_unwritable(error) or has_no_place):
            raise
        raise UserError(
            f"cannot write to {error.filename or path}: {error.strerror}\n"
            "make room, or type hydra.sweep.dir=DIR with another folder"
        ) from error


def _refuse_the_impossible(cells: Sequence[Cell], settings: Settings) -> None:
    problems = [f"{cell.config.name}: {cell.problem}" for cell in cells if cell.problem]
    if problems and (settings.strict or len(problems) == len(cells)):
        more = f"\nand {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError("\n".join(dict.fromkeys(problems[:3])) + more)
    for problem in problems:
        print(f"n/a: {problem}")


def _fetch_data(cells: Sequence[Cell]) -> None:
    """Have the images in place and verified, once, before many processes look for them."""
    from cnnzoo.build import build_data

    def of_images(cell: Cell) -> str:
        values = cell.config.values["data"]
        return str([cell.config.choices["data"], *(values[key] for key in sorted(values.keys() - HOW_USED))])

    for cell in {of_images(cell): cell for cell in cells}.values():
        build_data(cell.config).load_checked()


def _device(cells: Sequence[Cell]) -> "torch.device":
    """Return what the cells run on.

    Raises:
        UserError: they are for several.
    """
    from cnnzoo.training.device import choose_device, useless_gpu

    asked = {cell.config.values["trainer"]["accelerator"] for cell in cells if not cell.problem}
    devices = {choose_device(accelerator) for accelerator in asked}
    if len(devices) > 1:
        raise UserError("a sweep is for one kind of device\ntype trainer.accelerator=cpu or trainer.accelerator=gpu")
    if "auto" in asked and (why := useless_gpu()):
        print(f"note: on the CPU and not the GPU; {why}")
    return devices.pop()


def _choose_slots(device: "torch.device | None", settings: Settings) -> tuple[list[str], int]:
    """Return the GPUs to use, none on a CPU, and how many cells run at a time."""
    import torch

    from cnnzoo.training.device import has_code_for

    count = torch.cuda.device_count() if device and device.type == "cuda" else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # names of those that may be used, where somebody chose some
    names = (visible.split(",") if visible else [str(number) for number in range(count)])[:count]
    gpus = [name for number, name in enumerate(names) if has_code_for(number)]  # such as one for the screen
    return gpus, settings.slots or max(1, len(gpus))


def _hand_over(to_do: Sequence[Cell], folder: SweepFolder, launcher: HydraLauncher) -> None:
    """Have one of Hydra's launchers run the cells; what becomes of them is on record in their folders."""
    # Its jobs start anywhere, and have to find the plugin that they were made in.
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{CONF.parent}{os.pathsep}{before}" if before else str(CONF.parent)
    where = f"hydra.sweep.dir={quoted(str(folder.path.absolute()))}"
    try:
        launcher.launch([[*cell.overrides, where, f"hydra.sweep.subdir={cell.name}"] for cell in to_do], 0)
    except Exception as error:
        print(f"{type(launcher).__name__}: {error}", file=sys.stderr)
        while any(is_locked(folder.path / cell.name) for cell in to_do):  # it waits for no other job then
            time.sleep(1)


def _run(
    to_do: Sequence[Cell], folder: SweepFolder, gpus: list[str], slots: int, timeout: float | None, console: Console
) -> int | None:
    """Run what is to do; return the signal that stopped it, if one did."""
    with Screen(folder, console, len(to_do)) as screen:
        runner = Launcher(
            folder, slots=slots, gpus=gpus, timeout=timeout, on_end=screen.show_end, on_wait=screen.show_work
        )
        runner.run(to_do)
    return runner.stopped_by


def _finish(cells: Sequence[Cell], folder: SweepFolder, stopped_by: int | None, console: Console) -> None:
    rows = folder.write_summary()
    console.print()
    if console.is_terminal:
        console.print(for_screen(rows, console))
    else:
        print(to_markdown(columns(rows), pool(rows)))
    for note in folder.notes(pool(rows)):
        console.print(note, soft_wrap=True)
    statuses = [folder.status(cell.name) for cell in cells]
    print(f"{counts(statuses)}; {folder.path / 'summary.csv'}, summary.md")
    if stopped_by is not None:
        print(f"to go on:  {_again(folder)}")
        sys.exit(INTERRUPTED if stopped_by == signal.SIGINT else TERMINATED)
    if set(statuses) - {"completed", "n/a"} or any(folder.lacks_export(cell) for cell in cells if not cell.problem):
        if {"to do", "running", "preempted"} & {*statuses}:
            print(f"to go on:  {_again(folder)}")
        if "failed" in statuses:  # others end the same way again
            again = _again(folder)
            print(f"to run the failed ones again:  {again}{'' if 'retry=failed' in again else ' retry=failed'}")
        sys.exit(FAILED)


def _again(folder: SweepFolder) -> str:
    """Return the command that goes on with a sweep, also where its folder was a fresh one, or is named by the time."""
    command, of_folder = typed or sys.argv, ("fresh", "sweep.name", "hydra.sweep.dir")
    if any(key_of(each) == "fresh" or (key_of(each) in of_folder and "${" in each) for each in command):
        others = [each for each in command if key_of(each) not in of_folder]
        command = [*others, f"hydra.sweep.dir={quoted(str(folder.path))}"]
    return shlex.join(["python", *command])
