"""The sentences of a report, in English and Chinese; figures are put in as they stand in its tables."""

from collections.abc import Sequence
from typing import Any, Literal

Language = Literal["en", "zh"]

TEXTS = {
    # titles and captions
    "title": ("{nets} on {data}", "{data} 上的 {nets}"),
    "nets": ("{count} nets", "{count} 个网络"),
    "results": ("Accuracy and cost", "准确率与开销"),
    "sizes": ("Size of the nets", "网络的构成"),
    "trade_off": (
        "Test accuracy against {cost}. Line: the Pareto front.",
        "测试准确率与{cost}。折线为帕累托前沿。",
    ),
    "along": ("Test accuracy by {name}.", "测试准确率与{name}。"),
    "bars": ("Bars: standard deviation over seeds.", "误差线为不同随机种子间的标准差。"),
    "some_bars": (
        "Bars: standard deviation over seeds; where there is none, there is a single seed.",
        "误差线为不同随机种子间的标准差；没有误差线的只有一个随机种子。",
    ),
    "curves": ("Learning curves.", "学习曲线。"),
    "bands": ("Bands span the seeds.", "色带表示不同随机种子间的最小值到最大值。"),
    "parameters": ("Parameters by kind of layer.", "各类层的参数量。"),
    "confusion": (
        "Test images of each class, by what they were taken for, in percent; all seeds together.",
        "各真实类别的测试图像被判为各类别的百分比，合并所有随机种子。",
    ),
    # notes below the tables
    "means": ("{title}: {meaning}", "{title}：{meaning}"),
    "deviation": ("±: standard deviation over seeds", "±：不同随机种子间的标准差"),
    "savings": (
        "{titles}: share of the baseline{of_time} that is saved, negative where a row has more, from twice as much on a "
        "multiple (x3.0: three times the baseline)",
        "{titles}：节省量占基准的比例{of_time}，负数表示比基准多，达到基准的两倍时写作倍数（x3.0 即基准的 3 倍）",
    ),
    "of_time": (" (of time: s/epoch times epochs)", "（时间按每轮秒数 × 轮数计）"),
    "from": ("from {folders}", "来自 {folders}"),
    "holdout": (
        "protocol holdout: the epoch is chosen on held-out images, the test set is read once",
        "协议 holdout：用留出的验证集选择轮次，测试集只读一次",
    ),
    "course": (
        "protocol course: all training images, evaluated on the test set each epoch, the last one counts",
        "协议 course：用全部训练图像，每轮在测试集上评估，取最后一轮",
    ),
    "trainer.max_epochs": ("epochs {value}", "轮数 {value}"),
    "data.batch_size": ("batch size {value}", "批量大小 {value}"),
    "device": ("device {value}", "设备 {value}"),
    "threads": ("threads {value}", "线程 {value}"),
    "precision": ("precision {value}", "数值精度 {value}"),
    "slots": ("runs at a time {value}", "同时运行数 {value}"),
    "pieces": ("micro-batches per batch: {value}", "每批拆成的小批数：{value}"),
    "common": ("in all rows: {values}", "所有行：{values}"),
    "dirty": ("(+: with changes)", "（+：含未提交的改动）"),
    "differ": ("files of the data differ between runs", "各次运行的数据文件不一致"),
    "compared": (
        "compared with {label}; a change in brackets is within the standard deviation over seeds, and one beyond it may be "
        "chance, too: of nets that are equal, one in three pairs with two seeds each differs by more, one in five with three",
        "与 {label} 比较；括号内的变化不超过不同随机种子间的标准差；超过的也可能只是偶然："
        "两个相同的网络各用两个随机种子时，约三分之一的情况差别会超过它，各用三个时约五分之一",
    ),
    "starred": (
        "*: at least one of the two rows has a single seed, so the spread is not known",
        "*：相比较的两行中至少一行只有一个随机种子，标准差未知",
    ),
    "threshold": ("threshold {percent}", "阈值 {percent}"),
    "beside_course": (
        "course: the test accuracy in the Chinese and the English edition of Dive into Deep Learning, the last of 10 epochs, "
        "one run, with its own recipe and the pixels in the column",
        "课程：《动手学深度学习》中文版与英文版的测试准确率，取 10 轮的最后一轮，单次运行，用课程自己的方案与所列像素",
    ),
    "course_others": ("the course's nets differ from ours: {nets}", "课程的网络与此处不同：{nets}"),
    "course_lenet_bn": (
        "lenet_bn has no padding, and the library's batch norm",
        "lenet_bn 没有填充，并用框架自带的批量归一化层",
    ),
    "course_alexnet": ("alexnet has one more pixel of padding", "alexnet 多一个像素的填充"),
    "course_vgg11": ("vgg11 has a quarter of the channels", "vgg11 的通道数为四分之一"),
    "course_nin": ("nin has a ReLU before the average", "nin 在全局平均之前有 ReLU"),
    "course_resnet18": (
        "resnet18 has biases, and no batch norm on its shortcuts",
        "resnet18 的卷积有偏置，捷径上没有批量归一化",
    ),
    "other_times": (
        "rows were timed under different conditions (device, threads, runs at a time or images of an epoch), so accuracy is "
        "not plotted against time",
        "各行的计时条件（设备、线程数、同时运行数或每轮图像数）不同，故不画准确率与时间的图",
    ),
    "other_data": (
        "rows are of different data sets, so accuracies cannot be compared, and are not plotted against time or parameters",
        "各行所用的数据集不尽相同，准确率不能比较，故不画准确率与时间或参数量的图",
    ),
    "repeats": ("runs left out because they repeat another: {count}", "因与其他运行重复而略去的运行：{count}"),
    "mixed": (
        "pooled over more than seeds: {labels}",
        "以下各行除随机种子外还合并了其他设置不同的运行：{labels}",
    ),
    # in sentences
    "saved": ("{percent} saved", "节省 {percent}"),
    "more": ("{percent} more", "增加 {percent}"),
    "times_as_much": ("{times} times as much", "为基准的 {times} 倍"),
    "other_time": (
        "timed under other conditions than the baseline: device, threads, runs at a time or images of an epoch",
        "计时条件（设备、线程数、同时运行数或每轮图像数）与基准不同",
    ),
    "took_an_epoch": ("{seconds_per_epoch} s per epoch", "每轮 {seconds_per_epoch} 秒"),
    "took_in_all": ("{training_seconds} s of training", "总共训练 {training_seconds} 秒"),
    "points": ("{points} points", "变化 {points} 个百分点"),
    "points_within": ("{points} points, within the spread", "变化 {points} 个百分点，在标准差之内"),
    "one_seed": (
        "Each row has a single seed: small differences of accuracy may be chance.",
        "每行只有一个随机种子：准确率的微小差别可能只是偶然。",
    ),
    "one_seed_of": (
        "There is a single seed of {labels}: small differences of accuracy may be chance.",
        "{labels} 只有一个随机种子：其准确率的微小差别可能只是偶然。",
    ),
    "without": ("Without a result, and not counted: {labels}.", "没有结果、未计入：{labels}。"),
    "partly": ("Not all seeds are completed of {labels}.", "{labels} 的随机种子尚未全部完成。"),
    "best_of": ("Of {all} rows, the best {some} are drawn.", "共 {all} 行，只画最好的 {some} 行。"),
    "some_of": (
        "Of {all} rows, {some} are drawn: the best and the baseline.",
        "共 {all} 行，只画其中 {some} 行：基准与最好的几行。",
    ),
    "no_baseline": (
        "No draft of an answer: it compares the other rows with {model}, of which there is no run here.",
        "没有答案草稿：草稿将其他各行与 {model} 比较，而此处没有 {model} 的运行。",
    ),
    "another_baseline": (
        "no draft of an answer: it compares the other rows with {model}, and not with {label}",
        "没有答案草稿：草稿将其他各行与 {model} 比较，而非与 {label} 比较",
    ),
    "no_other": (
        "No draft of an answer yet: no other row that it compares with {label} is completed.",
        "尚无答案草稿：尚无可与 {label} 比较的其他行完成。",
    ),
    "not_of_these_images": (
        "Left out, because they are of another data set: {labels}.",
        "以下各行未计入，因为所用数据集不同：{labels}。",
    ),
    "not_alike": (
        "Left out, because their seeds are not of the same net: {labels}.",
        "以下各行未计入，因为其随机种子所用的网络不同：{labels}。",
    ),
    "other_images": ("The images are {data}, and not Fashion-MNIST.", "所用图像为 {data}，而非 Fashion-MNIST。"),
    "few_seeds": (
        "With fewer than five seeds a row, a change beyond the spread may be chance, too.",
        "每行不足五个随机种子时，超出标准差的变化也可能只是偶然。",
    ),
    "no_answer": (
        "No draft of an answer yet: it compares the other rows with {label}, of which no run is completed.",
        "尚无答案草稿：草稿将其他各行与 {label} 比较，而 {label} 尚无已完成的运行。",
    ),
    "trained_alike": ("All rows were trained for {budget}.", "各行都训练了 {budget}。"),
    "trained": ("The rows were not all trained alike: {told}.", "各行的训练量不同：{told}。"),
    "trained_for": ("{labels} for {budget}", "{labels}：{budget}"),
    "the_others": ("the others", "其余各行"),
    "budget": ("{epochs} epoch{s} of {images}", "{epochs} 轮，每轮用{images}"),
    "all_images": ("all training images", "全部训练图像"),
    "some_images": ("{percent} of the training images", "训练图像的 {percent}"),
    "some_batches": ("{batches} batch{s} of {size} images", " {batches} 批、每批 {size} 张图像"),
    "in_batches": ("{images} in batches of {size}", "{images}（批量 {size}）"),
    "in_precision": ("{images}, {precision}", "{images}，{precision}"),
    "rates": (
        "The learning rates of these nets differ ({told}): a change of accuracy comes from the net and the rate together.",
        "各网络的学习率不同（{told}）：准确率的变化同时来自网络与学习率。",
    ),
    "rate": ("{labels}: {rate}", "{labels}：{rate}"),
    "not_in_full": (
        "An epoch was of a part of the training images{where}; with all of them accuracies would be other ones.",
        "每轮只用部分训练图像{where}；若每轮都用全部图像，准确率会与此不同。",
    ),
    "in_some_rows": (", in some rows", "（仅部分行）"),
    "tested_in_part": (
        "Test accuracies are of a part of the test images{where}.",
        "测试准确率只用了部分测试图像{where}。",
    ),
    "far_times": (
        "Seconds per epoch are far apart within a row, as where other work ran beside some runs: {rows}.",
        "同一行内每轮用时相差很大，可能部分运行期间机器上还有其他程序在运行：{rows}。",
    ),
    "far_seeds": ("Seeds are far apart, look at them one by one: {rows}.", "各随机种子相差很大，请逐个查看：{rows}。"),
    "range": ("{label} {low} to {high}", "{label} {low} 至 {high}"),
    "seconds": ("{count} s", "{count} 秒"),
    "other_runs": (
        "no draft of an answer, because of runs that are not of experiment={name}: {count}",
        "没有答案草稿，因为有 {count} 次运行不属于 experiment={name}",
    ),
    # question 1
    "q1": ("Question 1: how far can AlexNet be simplified?", "问题 1：AlexNet 可以简化到什么程度？"),
    "q1_baseline": (
        "The baseline, {label}, has {params} parameters, {dense_share} of them in dense layers, takes {took} and reaches a "
        "test accuracy of {test_acc}.",
        "基准 {label} 有 {params} 个参数，其中 {dense_share} 在全连接层，{took}，测试准确率 {test_acc}。",
    ),
    "q1_at": ("{label} ({test_acc})", "{label}（{test_acc}）"),
    "q1_near": (
        "{label} ({test_acc}, within its spread of the threshold)",
        "{label}（{test_acc}，与阈值之差在标准差之内）",
    ),
    "q1_unsure": (
        "{label} ({test_acc}, too near to tell with one seed)",
        "{label}（{test_acc}，只有一个随机种子，离阈值太近，无法断定）",
    ),
    "q1_enough": ("The threshold of {percent} is reached by {labels}.", "达到阈值 {percent} 的有：{labels}。"),
    "q1_missed": ("The threshold of {percent} is not reached by {labels}.", "未达到阈值 {percent} 的有：{labels}。"),
    "q1_smallest": (
        "The smallest simplification that {reaches} is {label}: {structure} layers, {params} parameters ({params_saved}), "
        "{took} ({time_saved}), and a test accuracy of {test_acc} ({acc_change}).",
        "{reaches}的最小简化版本是 {label}：{structure}，{params} 个参数（{params_saved}），{took}（{time_saved}），"
        "测试准确率 {test_acc}（{acc_change}）。",
    ),
    "q1_reaches": ("reaches it", "达到阈值"),
    "q1_surely": ("is not too near to it to tell", "离阈值足够远、可以断定达到"),
    "q1_perhaps": ("may reach it", "可能达到阈值"),
    "q1_none": ("No simplification with fewer parameters reaches it.", "参数更少的简化版本都没有达到。"),
    "q1_why": (
        "Saving parameters is not the same as saving multiply-adds. With images of the baseline's size, {saver[label]} has the "
        "fewest parameters ({saver[params_saved]}; multiply-adds: {saver[macs_saved]}; time: {saver[time_saved]}), and "
        "{faster[label]} the fewest multiply-adds ({faster[macs_saved]}; parameters: {faster[params_saved]}; time: "
        "{faster[time_saved]}).",
        "减少参数与减少计算不是一回事。在与基准相同的图像尺寸下，{saver[label]} 的参数最少（{saver[params_saved]}；乘加："
        "{saver[macs_saved]}；时间：{saver[time_saved]}），{faster[label]} 的乘加最少（{faster[macs_saved]}；参数："
        "{faster[params_saved]}；时间：{faster[time_saved]}）。",
    ),
    "q1_where": (
        "Most of the baseline's parameters are in the dense layers, most of its work is in the convolutions.",
        "基准的大部分参数在全连接层，大部分计算在卷积层。",
    ),
    # question 2
    "q2": ("Question 2: VGG at lower resolutions", "问题 2：降低 VGG 的输入分辨率"),
    "q2_smaller": (
        "From {base[label]} to {row[label]}, the parameters go from {base[params]} to {row[params]} ({row[params_saved]}), "
        "the multiply-adds from {base[macs]} M to {row[macs]} M ({row[macs_saved]}), the time from {base[took]} to "
        "{row[took]} ({row[time_saved]}), and the test accuracy from {base[test_acc]} to {row[test_acc]} "
        "({row[acc_change]}).",
        "从 {base[label]} 到 {row[label]}：参数从 {base[params]} 变为 {row[params]}（{row[params_saved]}），乘加从 "
        "{base[macs]} M 变为 {row[macs]} M（{row[macs_saved]}），时间从{base[took]}变为{row[took]}"
        "（{row[time_saved]}），测试准确率从 {base[test_acc]} 变为 {row[test_acc]}（{row[acc_change]}）。",
    ),
    "q2_why": (
        "The kernels of convolutions have the same parameters at every size; what shrinks is the first dense layer, which "
        "has weights of its own for each place of the last feature map. The work of the convolutions goes with the number "
        "of pixels. The images are small to begin with: making them larger is interpolation, and adds no information; but a "
        "net that is given fewer pixels has smaller maps, fewer weights and fewer multiply-adds for the same image.",
        "卷积核的参数与图像大小无关，变少的是第一个全连接层：它对最后一个特征图的每个位置都有各自的权重。"
        "卷积的计算量与像素数成正比。原始图像本来就小，放大只是插值，并不增加信息；"
        "但输入像素变少后，同一图像的特征图更小，网络的权重与乘加也更少。",
    ),
    "q2_stem": (
        "The small stem pads the images by two pixels on each side: {labels}.",
        "小图像的 stem 每边多填充两个像素：{labels}。",
    ),
    # question 3
    "q3": (
        "Question 3: where the parameters are, and what GoogLeNet's successors gain",
        "问题 3：参数在哪里，GoogLeNet 的后续改进带来了什么",
    ),
    "q3_share": (
        "{label} has {params} parameters: {conv_share} in convolutions, {dense_share} in dense layers.",
        "{label} 有 {params} 个参数：卷积层占 {conv_share}，全连接层占 {dense_share}。",
    ),
    "q3_why": (
        "AlexNet and VGG read their last feature maps with wide dense layers, which have weights for every place of every "
        "map, and so more of them for larger images; NiN and GoogLeNet average each map instead, so that their parameters do "
        "not grow with the image. Within their blocks pointwise convolutions mix the channels of one place, and in Inception "
        "they reduce the channels that the wider kernels read, whose weights are proportional to the channels of their "
        "input.",
        "AlexNet 与 VGG 用宽的全连接层读取最后的特征图，每个特征图的每个位置都有权重，图像越大权重越多；"
        "NiN 与 GoogLeNet 则对每个特征图求全局平均，参数量不随图像变大而增加。"
        "它们的模块内部用逐点卷积混合同一位置的各通道；在 Inception 中，逐点卷积先减少通道数，再交给较大的卷积核，"
        "而后者的权重数与输入通道数成正比。",
    ),
    "q3_baseline": (
        "{label} takes {took} and reaches a test accuracy of {test_acc}.",
        "{label} {took}，测试准确率 {test_acc}。",
    ),
    "q3_step": (
        "{label} takes {took} ({time_saved}) and reaches {test_acc} (against {base}: {acc_change}).",
        "{label} {took}（{time_saved}），测试准确率 {test_acc}（相对 {base}：{acc_change}）。",
    ),
    # figures
    "seconds_per_epoch": ("seconds per epoch", "每轮秒数"),
    "training_seconds": ("seconds of training", "训练秒数"),
    "progress": ("share of the epochs", "已训练轮数的比例"),
    "params": ("parameters", "参数量"),
    "test_acc": ("test accuracy", "测试准确率"),
    "front": ("Pareto front", "帕累托前沿"),
    "epoch": ("epoch", "轮次"),
    "train/loss": ("training loss", "训练损失"),
    "val/acc": ("validation accuracy", "验证准确率"),
    "test/acc": ("test accuracy", "测试准确率"),
    "conv_params": ("convolutions", "卷积层"),
    "dense_params": ("dense layers", "全连接层"),
    "other_params": ("other layers", "其他层"),
    "predicted": ("predicted class", "预测类别"),
    "true": ("true class", "真实类别"),
    # galleries
    "test_image": ("test image {number}: {name}", "测试图像 {number}：{name}"),
    "predicts": ("predicts {said}", "预测：{said}"),
    "some_maps": (
        "{count} maps of a stage that vary much, unlike\none another, each in its own scale of grey",
        "每个阶段选 {count} 张方差大且互不相似的特征图，\n各按自身的最暗到最亮显示",
    ),
    "last_of_column": (" (of stages in the same column, the last)", "（同一列有几个阶段时取最后一个）"),
    "no_maps": ("no feature maps", "没有特征图"),
    "sees": ("sees {seen}", "感受野 {seen}"),
    "seen": ("{seen} of {height} px", "{seen}/{height} 像素"),
    "all_seen": ("{seen} px, all", "{seen} 像素，全图"),
    "up_to": ("up to {share}\nof the image", "不超过图像的\n{share}"),
    "up_to_image": ("up to the whole\nimage", "不超过\n整个图像"),
    "more_than_image": ("more than\nthe image", "大于\n整个图像"),
    "square": ("in the square: what a unit in the middle sees", "方框：中心单元的感受野"),
    "filters": ("{all} filters of {size}", "{all} 个 {size} 卷积核"),
    "some_filters": ("{some} of {all} filters of {size}", "{all} 个 {size} 卷积核中的 {some} 个"),
}


def say(language: Language, key: str, **values: Any) -> str:
    """Return the sentence `key` with its figures put in."""
    return TEXTS[key][language == "zh"].format(**values)


def listed(language: Language, items: Sequence[str]) -> str:
    """Return notes, or parts of a sentence, one after another."""
    return ("；" if language == "zh" else "; ").join(items)


def named(language: Language, labels: Sequence[str]) -> str:
    """Return the labels of rows, one after another."""
    return ("、" if language == "zh" else ", ").join(labels)


def join(language: Language, sentences: list[str]) -> str:
    """Return several sentences as one paragraph."""
    return ("" if language == "zh" else " ").join(sentence for sentence in sentences if sentence)
