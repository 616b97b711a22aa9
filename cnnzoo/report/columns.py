"""The columns of a report's tables, in English and Chinese."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cnnzoo.report.compare import Change
from cnnzoo.report.pool import Spread
from cnnzoo.report.runs import Row
from cnnzoo.report.tables import Column
from cnnzoo.report.texts import Language, listed, named, say

KEYS = {
    "model": ("model", "模型"),
    "data.resize": ("px", "像素"),
    "optimizer": ("optimizer", "优化器"),
    "optimizer.lr": ("rate", "学习率"),
    "scheduler": ("schedule", "学习率调度"),
    "data": ("data", "数据集"),
    "protocol": ("protocol", "协议"),
    "trainer.max_epochs": ("epochs", "轮数"),
    "data.batch_size": ("batch", "批量"),
    "device": ("device", "设备"),
    "precision": ("precision", "数值精度"),
    "threads": ("threads", "线程"),
    "slots": ("runs at a time", "同时运行"),
    "pieces": ("pieces of a batch", "批的分块"),
    "settings": ("settings", "设置"),
}


def accuracy(value: Spread) -> str:
    """Return such as `91.20%`, with the deviation in points where it is known."""
    return f"{value.mean:.2%}" if value.deviation is None else f"{value.mean:.2%} ± {100 * value.deviation:.2f}"


def change(value: Change) -> str:
    """Return a change in points, such as `-0.31`: in brackets within the spread, with * if that is not known."""
    text = f"{100 * value.value:+.2f}".replace("-", "−")
    text = text if text.strip("+−0.") else "0.00"
    return {True: f"({text})", False: text, None: f"{text}*"}[value.within_spread]


def percent(value: float) -> str:
    """Return such as `65.1%`, with more digits near 0 and 1, so that only all is 100% and only nothing 0%."""
    digits = next((each for each in (1, 2, 3) if 0 < round(100 * abs(value), each) < 100), 1)
    return f"{value:.{digits}%}".replace("-", "−")


def saved(value: float) -> str:
    """Return the share that is saved, or in place of less than -100% how many times as much there is: `x7.5`."""
    return percent(value) if value > -1 else f"x{1 - value:.1f}"


def millions(count: float) -> str:
    """Return such as `46.8` for 46,764,746, and of less than ten millions three digits, such as `0.417`."""
    return f"{count / 1e6:,.1f}" if count >= 9.995e6 else f"{count / 1e6:#.3g}"


def mebibytes(count: float) -> str:
    """Return such as `1,024` for 2**30."""
    return f"{count / 2**20:,.0f}"


def _layers(row: Row) -> tuple[int, int] | None:
    if row.get("num_convs") is None or row.get("num_dense") is None:
        return None
    return row["num_convs"], row["num_dense"]


def _share(part: str) -> Callable[[Row], float | None]:
    return lambda row: row[part] / row["params"] if row.get(part) is not None and row.get("params") else None


# key: titles, text of a value, value of a row where it is not simply under the key
_COLUMNS: dict[str, tuple[str, str, Callable[[Any], str], Callable[[Row], Any] | None]] = {
    "structure": ("structure", "结构", lambda layers: "{} conv + {} dense".format(*layers), _layers),
    "stem": ("stem", "stem", str, None),
    "params": ("parameters", "参数量", "{:,}".format, None),
    "conv_share": ("conv", "卷积占比", percent, _share("conv_params")),
    "dense_share": ("dense", "全连接占比", percent, _share("dense_params")),
    "macs": ("MACs (M)", "乘加 (M)", millions, None),
    "test_acc": ("test acc", "测试准确率", accuracy, None),
    "course_px": ("course px", "课程像素", str, None),
    "course_zh": ("course zh", "课程 中文版", "{:.1%}".format, None),
    "course_en": ("course en", "课程 英文版", "{:.1%}".format, None),
    "acc_change": ("change (points)", "变化 (百分点)", change, None),
    "enough": ("≥ threshold", "达标", lambda enough: "✓" if enough else "✗", None),
    "val_acc": ("val acc", "验证准确率", accuracy, None),
    "seeds": ("seeds", "完成/种子数", str, None),
    "seconds_per_epoch": ("s/epoch", "秒/轮", "{:,.1f}".format, None),
    "training_seconds": ("training s", "训练秒数", "{:,.0f}".format, None),  # of all epochs
    "time_saved": ("time saved", "节省时间", saved, None),
    "seconds_total": ("total s", "总秒数", "{:,.0f}".format, None),
    "images_per_second": ("images/s", "图像/秒", "{:,.0f}".format, None),
    "peak_bytes": ("peak MiB", "峰值 MiB", mebibytes, None),
    "params_saved": ("parameters saved", "节省参数", saved, None),
    "macs_saved": ("MACs saved", "节省乘加", saved, None),
    "status": ("status", "状态", str, None),
}
SIZE = ("structure", "stem", "params", "conv_share", "dense_share", "macs", "params_saved", "macs_saved")
TRAINING = ("optimizer.lr", *(key for key in _COLUMNS if key not in SIZE))
NUMBERS = ("px", "data.resize", "optimizer.lr", "trainer.max_epochs", "data.batch_size", "threads", "slots", "pieces")
WORDS = ("structure", "stem", "status")
MEANINGS = {  # of titles that do not say it
    "data.resize": ("height and width of the images", "图像的高与宽"),
    "stem": ("first stages, as in the paper or for small images", "前几层，paper 同论文，small 用于小图像"),
    "conv_share": ("share of the parameters in convolutions", "卷积层占参数量的比例"),
    "dense_share": ("share in dense layers", "全连接层占参数量的比例"),
    "macs": ("multiply-adds for one image, in millions", "每张图像的乘加次数，以百万计"),
    "seeds": ("completed, of those asked for", "已完成数/要求数"),
    "seconds_per_epoch": ("the median, with evaluation", "各轮的中位数，含评估"),
    "images_per_second": ("in training", "训练时"),
    "training_seconds": ("s/epoch times epochs", "秒/轮 × 轮数"),
    "seconds_total": ("with start-up and test", "含启动与测试"),
    "peak_bytes": (
        "of tensors on a CUDA GPU, elsewhere of the process",
        "CUDA GPU 上为张量占用的显存，其他设备上为整个进程的内存",
    ),
    "slots": ("on the machine", "同一台机器上"),
    "pieces": ("in which it is computed, to take less memory", "拆开计算以节省内存"),
}
SAVED = ("time_saved", "params_saved", "macs_saved")


def legend(keys: Sequence[str], rows: Sequence[Row], language: Language) -> str:
    """Return what the columns with these keys mean whose titles do not say it."""
    chosen = {column.key: column for column in columns(keys, language)}
    told = [
        say(language, "means", title=column.title, meaning=MEANINGS[key][language == "zh"])
        for key, column in chosen.items()
        if key in MEANINGS
    ]
    if any(row["test_acc"] and row["test_acc"].deviation is not None for row in rows):
        told.append(say(language, "deviation"))
    if titles := [chosen[key].title for key in SAVED if key in chosen]:
        of_time = say(language, "of_time") if "time_saved" in chosen else ""
        told.append(say(language, "savings", titles=named(language, titles), of_time=of_time))
    return listed(language, told)


def columns(keys: Sequence[str], language: Language) -> list[Column]:
    """Return the columns with these keys: of `_COLUMNS`, or of the configuration."""
    chosen = []
    for key in keys:
        if key in _COLUMNS:
            english, chinese, show, _ = _COLUMNS[key]
            show = CHINESE.get(key, show) if language == "zh" else show
            chosen.append(Column(key, chinese if language == "zh" else english, show, left=key in WORDS))
        else:
            english, chinese = KEYS.get(key, (key.removeprefix("model."), key.removeprefix("model.")))
            chosen.append(Column(key, chinese if language == "zh" else english, left=key not in NUMBERS))
    return chosen


def as_shown(row: Row, language: Language) -> dict[str, str]:
    """Return the values of a row as its table shows them, others as text, and savings and changes in words.

    `took` is for how long it was trained: an epoch, or where rows have different numbers of epochs all of them.
    """
    shown = {key: str(value) for key, value in row.items()}
    known = [column for column in columns(list(_COLUMNS), language) if row.get(column.key) is not None]
    shown |= {column.key: column.show(row[column.key]) for column in known}
    for key in SAVED:
        if row.get(key) is not None:
            words = "saved" if row[key] >= 0 else "more" if row[key] > -1 else "times_as_much"
            shown[key] = say(language, words, percent=percent(abs(row[key])), times=saved(row[key]).lstrip("x"))
    shown.setdefault("time_saved", say(language, "other_time"))
    if row["seconds_per_epoch"] is not None:
        shown["took"] = say(language, "took_in_all" if row["epochs_differ"] else "took_an_epoch", **shown)
    if row.get("acc_change") is not None:
        words = {True: "points_within", False: "points", None: "points"}[row["acc_change"].within_spread]
        shown["acc_change"] = say(language, words, points=change(replace(row["acc_change"], within_spread=False)))
    return shown


STATUSES = {
    "to do": "待运行",
    "n/a": "不可行",
    "running": "运行中",
    "failed": "失败",
    "stuck": "停滞",
    "diverged": "发散",
    "preempted": "被中断",
}


def _chinese_status(status: str) -> str:
    words, colon, reason = status.partition(": ")
    for english, chinese in STATUSES.items():
        words = words.replace(english, chinese)
    return words.replace(", ", "，") + colon.replace(": ", "：") + reason


CHINESE: dict[str, Callable[[Any], str]] = {
    "structure": lambda layers: "{} 个卷积层 + {} 个全连接层".format(*layers),
    "status": _chinese_status,
    "seeds": lambda seeds: seeds.replace(" runs", " 次运行"),
}


def complete(rows: Sequence[Row]) -> None:
    """Add to the rows what is computed from others, and leave of `status` what needs to be said."""
    epochs = {run["trainer.max_epochs"] for row in rows for run in row["runs"] if run["status"] == "completed"}
    for row in rows:
        row["epochs_differ"] = len(epochs) > 1
        for key, (_, _, _, value) in _COLUMNS.items():
            if value is not None:
                row[key] = value(row)
        if row["status"] == "completed":
            row["status"] = None
        elif row["reason"]:
            row["status"] = f"{row['status']}: {row['reason']}"


def known_keys(keys: Sequence[str], more: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return those of the keys under which any row has something; of `more` without what notes or other columns say."""
    told = {"optimizer.lr"} if len({row["optimizer.lr"] for row in rows}) == 1 else set()
    told |= {"training_seconds"} if not any(row["epochs_differ"] for row in rows) else set()
    every = dict.fromkeys([*keys, *(key for key in more if key not in told)])
    return [key for key in every if any(row.get(key) not in (None, "") for row in rows)]
