"""Which of the values that cells were asked for tell them apart, in words."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from cnnzoo.overrides import key_of
from cnnzoo.record import flatten
from cnnzoo.report.pool import short_value
from cnnzoo.rules import decides_figures, is_setting

IN_COLUMNS = ("model", "data.resize", "optimizer", "seed")


def settings_of(cells: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Return of each cell's overrides those that tell it from others and have no column of their own.

    Not those that all cells have, nor those with a value that the others have without it being typed.
    """
    own = {name: _without_column(cell["overrides"]) for name, cell in cells.items()}
    common, same = _common(own.values()), _same_for_all(cells.values())
    return {
        name: " ".join(each for each in words if each not in common and key_of(each) not in same)
        for name, words in own.items()
    }


def _same_for_all(cells: Collection[Mapping[str, Any]]) -> list[str]:
    """Return the keys that have the same value in all cells."""
    first, *others = [flatten(cell.get("config") or {}) | (cell.get("choices") or {}) for cell in cells] or [{}]
    return [key for key, value in first.items() if all(key in each and each[key] == value for each in others)]


def in_all(cells: Iterable[Sequence[str]]) -> str:
    """Return in words the overrides that all cells have and none of the columns tells, or nothing."""
    common = _common([_without_column(cell) for cell in cells])
    return f"in all cells: {' '.join(common)}" if common else ""


def edited(cells: Mapping[str, Mapping[str, Any]], settings: Mapping[str, str]) -> dict[str, str]:
    """Return, of cells that differ in no choice, size or setting, the values in which they do: conf/ was edited."""
    alike: dict[str, dict[str, dict[str, Any]]] = {}
    for name, cell in cells.items():
        values = {
            key: value
            for key, value in flatten(cell.get("config") or {}).items()
            if is_setting(key) and key not in IN_COLUMNS
        }
        alike.setdefault(str([cell.get("choices"), cell["px"], settings[name]]), {})[name] = values
    return {
        name: " ".join(
            f"{key}={short_value(value)}"
            for key, value in values.items()
            if any(other.get(key) != value for other in group.values())
        )
        for group in alike.values()
        for name, values in group.items()
    }


def _without_column(overrides: Iterable[str]) -> list[str]:
    """Return the overrides that figures can hang on and that have no column of their own."""
    return [each for each in overrides if key_of(each) not in IN_COLUMNS and decides_figures(key_of(each))]


def _common(cells: Collection[Sequence[str]]) -> list[str]:
    """Return the overrides that all cells have, in the order of the first."""
    first, *others = cells or [[]]
    return [each for each in first if all(each in other for other in others)]
