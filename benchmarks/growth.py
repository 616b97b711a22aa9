"""How the cost of training grows with the size of the images, of the batch and of the net."""

import statistics
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogLocator

from benchmarks.cases import Case, Scope
from benchmarks.training import noise
from benchmarks.turns import Turns, in_turn
from cnnzoo.facts import check
from cnnzoo.report.tables import Column, to_markdown

NET, RESIZE, BATCH_SIZE, WIDTH = "vgg11", 96, 64, 0.125
GRIDS = {
    "data.resize": [Case(NET, resize, BATCH_SIZE, WIDTH) for resize in (28, 96, 224)],
    "data.batch_size": [Case(NET, RESIZE, size, WIDTH) for size in (8, 32, 128, 256)],
    "model.width": [Case(NET, RESIZE, BATCH_SIZE, width) for width in (0.0625, 0.125, 0.25, 0.5)],
}
COLUMNS = [
    Column("key", "key", left=True),
    Column("value", "value"),
    Column("macs", "MACs (M)", lambda macs: f"{macs / 1e6:,.1f}"),
    Column("speed", "images/s", "{:,.0f}".format),
    Column("noise", "noise", "{:.0%}".format),
    Column("gmacs", "GMAC/s", "{:,.1f}".format),
]


def measure(scope: Scope) -> str:
    """Return a table, and draw it; GMAC/s are of training, three times those of a forward."""
    rows = []
    for key, cases in GRIDS.items():
        rounds = list(in_turn({case: Turns("own", case, Path()) for case in cases}, scope.rounds, scope.seconds))
        for case in cases:
            speeds = [measured[case].images_per_second for measured in rounds]
            value = {"data.resize": case.resize, "data.batch_size": case.batch_size, "model.width": case.width}[key]
            macs, speed = check(case.config()).macs, statistics.median(speeds)
            row = {"key": key, "value": value, "macs": macs, "speed": speed, "noise": noise(speeds)}
            rows.append(row | {"gmacs": 3 * macs * speed / 1e9})
    figure = _draw(rows)
    for ending in ("png", "svg"):
        figure.savefig(scope.folder / f"growth.{ending}", dpi=200)
    return to_markdown(COLUMNS, rows)


def _draw(rows: list[dict[str, Any]]) -> Figure:
    """Draw one panel a key: what was measured, and what it would be if time went with the multiply-adds alone."""
    figure = Figure(figsize=(10, 3.4), layout=ConstrainedLayoutEngine(wspace=0.06))
    panels = figure.subplots(1, len(GRIDS), sharey=True)
    for panel, key in zip(panels, GRIDS, strict=True):
        of_key = [row for row in rows if row["key"] == key]
        values = [row["value"] for row in of_key]
        best = max(row["macs"] * row["speed"] for row in of_key)
        alike = [best / row["macs"] for row in of_key]
        panel.loglog(values, alike, "--", color="0.5", label="if time went\nwith the MACs")
        panel.loglog(values, [row["speed"] for row in of_key], "o-", color="black", label="measured")
        panel.set_xticks(values, [f"{value:g}" for value in values])
        panel.minorticks_off()
        panel.set_xlabel(key)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("images/s")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter("{x:,.0f}")
    panels[0].legend()
    figure.suptitle(f"{NET} in training, if not said otherwise at {RESIZE} px, batches of {BATCH_SIZE}, width {WIDTH}")
    return figure
