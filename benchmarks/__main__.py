"""What cnnzoo takes beside what others do: tables on the screen, and in a folder of their own under outputs/benchmarks.

python -m benchmarks                                  everything but cells side by side and compilation
python -m benchmarks --quick                          two nets and two rounds: a few minutes
python -m benchmarks startup compile                  some parts
python -m benchmarks --nets lenet@28 alexnet@224      training of some nets
"""

import argparse
import os
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

import torch

from benchmarks import accuracy, compiled, evaluation, gpu, growth, reporting, slots, startup, sweep_cells, training
from benchmarks.cases import CASES, QUICK, ROOT, Scope
from benchmarks.loops import dtype_of
from cnnzoo.config import compose_config
from cnnzoo.data.files import load_files
from cnnzoo.errors import UserError
from cnnzoo.record import git_state, package_versions
from cnnzoo.training.device import choose_device, describe_device

PARTS = {
    "training": training.measure,
    "evaluation": evaluation.measure,
    "startup": startup.measure,
    "sweep": sweep_cells.measure,
    "slots": slots.measure,
    "report": reporting.measure,
    "growth": growth.measure,
    "compile": compiled.measure,
    "accuracy": accuracy.measure,
    "gpu": gpu.measure,
}
LONG = ("growth", "accuracy")  # left out by --quick
NAMED = ("slots", "compile")  # only when asked for
SECONDS = 1.0  # of a turn


def main() -> None:
    """Measure what the command line asks for; a part that fails is named, and the others are measured."""
    assert __doc__
    about, _, examples = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser("python -m benchmarks", description=about, epilog=examples)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [case.name for case in CASES]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--nets", nargs="+", choices=names, metavar="NET", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="fewer parts, nets and rounds")
    parser.add_argument("--rounds", type=int, help="5, with --quick 2")
    args = parser.parse_args()
    left_out = NAMED + (LONG if args.quick else ())
    parts = args.parts or (["training"] if args.nets else [part for part in PARTS if part not in left_out])
    if args.rounds is not None and args.rounds < 1:
        parser.error("--rounds must be at least 1")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    nets = args.nets or (QUICK if args.quick else names)
    os.chdir(ROOT)
    try:
        load_files(ROOT / "data")  # or fetch them, in no part's time
    except UserError as error:
        parser.exit(2, f"{error}\n")
    now = datetime.now(UTC)
    folder = Path("outputs") / "benchmarks" / now.strftime("%Y-%m-%d_%H-%M-%S")
    folder.mkdir(parents=True)
    rounds = args.rounds or (2 if args.quick else 5)
    scope = Scope([case for case in CASES if case.name in nets], rounds, SECONDS, folder)
    device = describe_device(choose_device("auto"))
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    git = git_state(ROOT)
    commit = f"commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}" if git else "no commit"
    with (folder / "benchmarks.md").open("w", encoding="utf-8") as file:

        def show(text: str) -> None:
            print(text, flush=True)
            print(text, file=file, flush=True)

        precision = str(dtype_of(compose_config([]))).removeprefix("torch.")
        computed = f"{torch.get_num_threads()} threads with {torch.backends.cpu.get_cpu_capability()}, {precision}"
        show(f"# Benchmarks\n\n{device}, {computed}, {versions}, {commit}, {rounds} rounds, {now:%Y-%m-%d}.\n")
        failed = []
        for part in parts:
            begin = time.monotonic()
            try:
                measured = PARTS[part](scope)
            except Exception:
                traceback.print_exc()
                failed.append(part)
                measured = "Not measured: it failed.\n"
            minutes, seconds = divmod(round(time.monotonic() - begin), 60)
            show(f"## {part}\n\n{measured}\nMeasured in {minutes} min {seconds} s.\n")
    print(f"in {folder}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
