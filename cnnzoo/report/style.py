"""How figures look: readable in black and white, by the colour-blind, and on dark pages.

Colours are those of Okabe and Ito, Color Universal Design, 2008; no figure tells things apart by colour alone.
"""

import functools
import logging
import sys
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from matplotlib import get_cachedir, rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names

from cnnzoo.report.texts import Language

MARKERS, FILLS = "osD^vP*X", ("full", "none", "left")  # 24 looks without colour
LINES, HATCHES = ("-", "--", ":", "-."), ("", "////", "....")
INK = "#1a1a1b"  # of text and axes; a web page replaces it by its own
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#808080", INK)
STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
    "legend.frameon": False,
    "axes.grid": True,
    "grid.color": "#808080",
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "cnnzoo",
    "pdf.fonttype": 42,
}
CHINESE = (  # fonts of which one is at hand on most machines
    *("Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei"),
    *("WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Arial Unicode MS"),
)


def style_of(language: Language) -> tuple[Any, Language]:
    """Return matplotlib's settings, and the language: English where no font has Chinese letters."""
    if language == "zh":
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # some have no normal weight
        found = [name for name in CHINESE if name in get_font_names()]
        if not found:
            _miss_font()
        return STYLE | {"font.family": ["DejaVu Sans", *found[:1]]}, "zh" if found else "en"
    return STYLE, "en"


@functools.cache  # once
def _miss_font() -> None:
    told = f"install one, such as fonts-noto-cjk, and remove {get_cachedir()}, which lists those of before"
    print(f"note: matplotlib knows no font with Chinese letters, so figures are in English; {told}", file=sys.stderr)


def write(figure: Figure, file: Path | BinaryIO | TextIO, style: str, *, transparent: bool = False) -> None:
    """Write a figure as svg, pdf or png; the same figure makes the same file."""
    metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(style)
    with rc_context(STYLE):
        figure.savefig(file, format=style, metadata=metadata, dpi=200, transparent=transparent)
