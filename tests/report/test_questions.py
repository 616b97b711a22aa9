"""The course's questions: when they are answered, and that every word of an answer holds."""

import re
import shutil

import pytest

from cnnzoo.record import read_record, write_record
from cnnzoo.report.document import Figure, Paragraph
from cnnzoo.report.figures import draw_curves
from cnnzoo.report.make import make_report
from tests.report.runs import write_run
from tests.report.shown import cells, note_lines, notes_of, paragraphs, table_of, tables

NUMBER = re.compile(r"[+−(]*\d[\d,.]*%?")


def test_a_folder_with_other_runs_is_no_question(tmp_path):
    for px in (224, 96):
        write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution")
    assert make_report([tmp_path]).title.startswith("Question 2")
    write_run(tmp_path / "mine", model="vgg11", px=28)
    assert make_report([tmp_path]).title == "vgg11 on Fashion-MNIST"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_answer_leaves_no_row_out_because_of_its_device(language, tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, experiment="alexnet_simplified")
    record = read_record(write_run(tmp_path / "b", model="alexnet", px=96, experiment="alexnet_simplified", params=5))
    write_record(tmp_path / "b", record | {"device": "cuda"})
    answer = next(
        block.text for block in make_report([tmp_path], language=language).blocks if isinstance(block, Paragraph)
    )
    assert {"en": "timed under other conditions", "zh": "计时条件"}[language] in answer


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_in_the_text_of_a_question_is_one_of_the_table(question, language):
    document = make_report([question], language=language)
    paragraphs = [block.text for block in document.blocks if isinstance(block, Paragraph)]
    shown = [*cells(document), *note_lines(document)]
    known = {number.strip("(,.") for text in shown for number in NUMBER.findall(text)}
    found = [number.strip("(,.") for text in paragraphs for number in NUMBER.findall(text)]
    assert len(found) > 10
    assert set(found) - known == set()


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_the_threshold_that_is_asked_for_is_the_one_of_the_answer(question):
    assert "The threshold of 85% is reached by alexnet 224 (90.50%" in paragraphs(question)[0]
    assert "The threshold of 91% is not reached by alexnet 224 (90.50%" in paragraphs(question, at_least=0.91)[0]


def test_the_smallest_simplification_has_the_fewest_parameters_and_the_fastest_the_fewest_multiply_adds(tmp_path):
    """The second has the fewest parameters of all, the third the fewest multiply-adds; the fourth is short of 85 %."""
    nets = ((50_000, 9e6, 0.9), (10_000, 8e6, 0.9), (30_000, 1e6, 0.9), (5_000, 2e6, 0.5))
    for number, (params, macs, acc) in enumerate(nets):
        changed = {"model.hidden": number} if number else {}
        write = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified", "params": params, "acc": acc}
        folder = write_run(tmp_path / f"{number}", **write, **changed)
        write_record(folder, read_record(folder) | {"macs": int(macs)})
    first, why, *_ = paragraphs(tmp_path)
    assert "The smallest simplification that reaches it is alexnet hidden=1: 5 conv + 3 dense layers, 10,000" in first
    assert "alexnet hidden=3 has the fewest parameters (90.0% saved; multiply-adds: 77.8% saved; time: 0.0" in why
    assert "and alexnet hidden=2 the fewest multiply-adds (88.9% saved; parameters: 40.0% saved; time: 0.0" in why


def test_no_net_is_said_to_have_fewest_of_what_the_baseline_has_less_of(tmp_path):
    for number, (params, macs) in enumerate(((100_000, 1000), (130_000, 500), (120_000, 700))):
        changed = {"model.hidden": number} if number else {}
        write = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified", "params": params}
        folder = write_run(tmp_path / f"{number}", **write, **changed)
        write_record(folder, read_record(folder) | {"macs": macs})
    assert not any("the fewest" in each for each in paragraphs(tmp_path))


def test_the_second_question_is_not_answered_by_images_of_the_same_size(tmp_path):
    common = {"model": "vgg11", "px": 224, "experiment": "vgg_resolution"}
    for epochs in (2, 10):
        write_run(tmp_path / f"{epochs}", **common, **{"trainer.max_epochs": epochs})
    assert not any("the parameters go from" in each for each in paragraphs(tmp_path))


@pytest.mark.parametrize(
    "more",
    [{"device": "cuda"}, {"threads": 4}, {"micro_batch_size": 32}, {"trainer.max_epochs": 3}, {"data.batch_size": 32}],
)
def test_the_second_question_is_answered_also_where_rows_were_made_otherwise(more, tmp_path):
    measured = {key: value for key, value in more.items() if "." not in key}
    changed = {key: value for key, value in more.items() if "." in key}
    common = {"model": "vgg11", "experiment": "vgg_resolution"}
    folder = write_run(tmp_path / "a", px=224, params=60_000, **common, **changed)
    write_record(folder, read_record(folder) | measured)
    write_run(tmp_path / "b", px=28, params=20_000, **common)
    write_run(tmp_path / "c", px=96, params=40_000, **common)
    write_run(tmp_path / "d", px=96, params=30_000, **common, **{"model.width": 0.5})
    answer = paragraphs(tmp_path)[0]
    assert re.findall(r"the parameters go from 60,000 to ([\d,]+) \(([\d.]+% \w+)\)", answer) == [
        ("40,000", "33.3% saved"),
        ("20,000", "66.7% saved"),
    ]


def test_time_is_that_of_all_epochs_where_rows_have_different_numbers_of_them(tmp_path):
    for name, px, epochs, seconds in (("a", 224, 2, 90.0), ("b", 96, 30, 1.0)):
        changed = {"trainer.max_epochs": epochs, "data.batch_size": 64}
        write_run(
            tmp_path / name,
            model="alexnet",
            px=px,
            seconds=seconds,
            params=90_000 // epochs,
            experiment="alexnet_simplified",
            **changed,
        )
    rows = table_of(tmp_path)
    assert [(row["s/epoch"], row["training s"], row["time saved"]) for row in rows] == [
        ("90.0", "180", ""),
        ("1.0", "30", "83.3%"),
    ]
    assert "takes 180 s of training" in paragraphs(tmp_path)[0]
    assert ", 30 s of training (83.3% saved)" in paragraphs(tmp_path)[0]
    drawn = {block.name: block for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}
    assert drawn["accuracy-time"].draw().axes[0].get_xlabel() == "seconds of training"
    curves = draw_curves(tables(make_report([tmp_path]))[0].rows, "en")
    assert {axes.get_xlabel() for axes in curves.axes} == {"epoch"}  # two each were written


def test_a_draft_of_other_images_says_so(tmp_path):
    for px in (224, 96):
        write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution", data="synthetic")
    assert paragraphs(tmp_path)[0] == "The images are synthetic, and not Fashion-MNIST."
    write_run(tmp_path / "1", model="vgg11", px=224, experiment="vgg_resolution")
    write_run(tmp_path / "2", model="vgg11", px=96, experiment="vgg_resolution")
    assert "Fashion-MNIST" not in " ".join(paragraphs(tmp_path, baseline="vgg11 224 fashion_mnist"))


def test_a_draft_names_batches_and_precisions_that_differ(tmp_path):
    write_run(tmp_path / "a", model="vgg11", px=224, experiment="vgg_resolution")
    write_run(tmp_path / "b", model="vgg11", px=96, experiment="vgg_resolution", **{"data.batch_size": 512})
    write_record(tmp_path / "b", read_record(tmp_path / "b") | {"precision": "32-true"})
    told = next(each for each in paragraphs(tmp_path) if "trained alike" in each)
    assert "vgg11 224 for 2 epochs of all training images in batches of 64, bf16-mixed" in told
    assert "vgg11 96 for 2 epochs of all training images in batches of 512, 32-true" in told
    write_run(tmp_path / "c", model="vgg11", px=224, seed=1, status="failed", experiment="vgg_resolution")
    record = read_record(tmp_path / "c")
    write_record(tmp_path / "c", {key: value for key, value in record.items() if key not in ("precision", "device")})
    assert not any("None" in each for each in paragraphs(tmp_path))


def test_what_few_seeds_cannot_tell_is_said(tmp_path):
    for seed, (acc, other) in enumerate([(0.90, 0.846), (0.92, 0.858)]):
        write_run(tmp_path / f"a{seed}", model="alexnet", px=224, seed=seed, acc=acc, experiment="alexnet_simplified")
        changed = {"model.width": 0.5}
        write_run(
            tmp_path / f"b{seed}",
            model="alexnet",
            px=224,
            seed=seed,
            acc=other,
            params=9,
            experiment="alexnet_simplified",
            **changed,
        )
    answer = paragraphs(tmp_path)
    assert "(85.20% ± 0.85, within its spread of the threshold)" in answer[0]
    assert "With fewer than five seeds a row, a change beyond the spread may be chance, too." in answer
    assert "one in three pairs with two seeds each" in notes_of(tmp_path)


@pytest.mark.parametrize(
    ("acc", "images", "limit", "said"),
    [
        (0.8560, 10_000, 1.0, "is reached by alexnet (85.60%, too near to tell with one seed)."),
        (0.8580, 10_000, 1.0, "is reached by alexnet (85.80%)."),  # two standard errors are 0.70 points
        (0.8440, 10_000, 1.0, "is not reached by alexnet (84.40%, too near to tell with one seed)"),
        (0.8560, 40_000, 1.0, "is reached by alexnet (85.60%)."),  # 0.35 points
        (0.8580, 10_000, 100, "is reached by alexnet (85.80%, too near to tell with one seed)."),  # 6,400: 0.87 points
        (0.8560, 40_000, 0.25, "is reached by alexnet (85.60%, too near to tell with one seed)."),
        (0.8501, None, 1.0, "is reached by alexnet (85.01%)."),
    ],
)
def test_one_seed_near_the_threshold_does_not_tell(acc, images, limit, said, tmp_path):
    for number, model in enumerate(("alexnet", "alexnet_slim")):
        write = {"model": model, "px": 224, "acc": acc if not number else 0.5, "experiment": "alexnet_simplified"}
        folder = write_run(tmp_path / model, **write, **{"trainer.limit_test_batches": limit})
        write_record(folder, read_record(folder) | {"data": {"test": images}})
    assert said in paragraphs(tmp_path)[0]


def test_a_net_with_more_parameters_is_no_simplification(tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, acc=0.84, experiment="alexnet_simplified")
    larger = write_run(tmp_path / "b", model="alexnet", px=96, params=70_000, experiment="alexnet_simplified")
    write_record(larger, read_record(larger) | {"macs": 5})
    assert "The smallest simplification" not in paragraphs(tmp_path)[0]


def test_what_the_small_stem_changes_is_said(tmp_path):
    for px in (224, 28):
        record = read_record(write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution"))
        write_record(tmp_path / f"{px}", record | {"stem": "small" if px == 28 else "paper"})
    assert any(
        "The small stem pads the images by two pixels on each side: vgg11 28." in each for each in paragraphs(tmp_path)
    )


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_the_ladder_is_climbed_from_below(question):
    write_run(question / "3", model="inception_res", experiment="inception_ladder", params=120_000)
    write_run(question / "4", model="inception_fact", experiment="inception_ladder")
    answer = paragraphs(question)[1]
    assert re.findall(r"(\w+) takes", answer) == ["googlenet", "googlenet_bn", "inception_fact", "inception_res"]
    assert answer.count("(against googlenet: ") == 3  # and not against the step below


def test_a_question_is_answered_only_as_far_as_it_was_run(question):
    for folder in question.iterdir():
        if not folder.name.startswith("0"):
            (folder / "run.json").unlink()
    (said,) = paragraphs(question)
    assert re.fullmatch(r"No draft of an answer yet: no other row that it compares with \w+ is completed\.", said)
    assert make_report([question]).title.startswith("Question")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_draft_waits_for_is_said(question, language):
    for folder in question.glob("0-*"):
        write_record(folder, read_record(folder) | {"status": "failed", "metrics": {}})
    (told,) = paragraphs(question, language=language)
    assert re.search("no run is completed|尚无已完成的运行", told)
    labels = {"alexnet_simplified": "alexnet 224", "vgg_resolution": "vgg11 224", "inception_ladder": "googlenet"}
    assert f" {labels[read_record(folder)['choices']['experiment']]}" in told


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_what_a_draft_waits_for_may_be_no_row_yet(question):
    for folder in question.glob("0-*"):
        (folder / "run.json").unlink()
    assert paragraphs(question) == [
        "No draft of an answer: it compares the other rows with googlenet, of which there is no run here."
    ]


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_what_costs_several_times_as_much_is_said_in_times(question):
    for folder in question.glob("1-*"):
        record = read_record(folder)
        write_record(folder, record | {"seconds": {"per_epoch": 36.8, "total": 80.0}, "macs": 900_000})
    net = next(row for row in table_of(question) if row["model"] == "googlenet_bn")
    assert (net["time saved"], net["MACs saved"]) == ("x3.7", "−50.0%")
    assert "googlenet_bn takes 36.8 s per epoch (3.7 times as much)" in " ".join(paragraphs(question))
    assert "googlenet_bn 每轮 36.8 秒（为基准的 3.7 倍）" in " ".join(paragraphs(question, language="zh"))


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_the_draft_names_rates_that_differ(question):
    assert "learning rate" not in " ".join(paragraphs(question))
    for folder in question.glob("1-*"):
        record = read_record(folder)
        write_record(folder, record | {"config": record["config"] | {"optimizer": {"lr": 0.003}}})
    told = "learning rates of these nets differ (googlenet: 0.1; googlenet_bn: 0.003): a change"
    assert told in " ".join(paragraphs(question))


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_a_successor_is_held_against_googlenet_at_its_own_size(question):
    assert "googlenet_bn takes" in " ".join(paragraphs(question))
    for folder in question.glob("1-*"):
        record = read_record(folder)
        record["config"]["data"]["resize"] = 28
        write_record(folder, record)
    assert "googlenet_bn 28 takes" not in " ".join(paragraphs(question))


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_the_draft_speaks_of_the_questions_own_net(question):
    assert paragraphs(question, baseline="googlenet") == paragraphs(question) != []
    assert paragraphs(question, baseline="alexnet") == []
    said = "no draft of an answer: it compares the other rows with googlenet, and not with alexnet"
    assert said in notes_of(question, baseline="alexnet")
    assert "no draft" not in notes_of(question)


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_the_draft_follows_another_baseline_of_that_net(question):
    assert paragraphs(question)[0].startswith("The baseline, alexnet 224, has")
    first = paragraphs(question, baseline="alexnet 224 hidden=512")[0]
    assert first.startswith("The baseline, alexnet 224 hidden=512, has 9,000 parameters")
    assert "The smallest simplification" not in first  # nothing else is smaller


def test_the_draft_says_that_no_simplification_is_good_enough_and_of_equals_names_the_best(tmp_path):
    def first():
        return paragraphs(tmp_path)[0]

    of_all = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified"}
    write_run(tmp_path / "a", acc=0.86, params=9_000, **of_all)
    write_run(tmp_path / "b", acc=0.80, params=5_000, **{**of_all, "model.hidden": 8})
    assert "No simplification with fewer parameters reaches it." in first()
    for name, acc, rate in (("c", 0.87, 0.3), ("d", 0.88, 0.2)):
        more = {"model.width": 0.5, "optimizer.lr": rate}
        write_run(tmp_path / name, acc=acc, params=4_000, **of_all, **more)
    assert "No simplification" not in first()
    assert "The smallest simplification that reaches it is alexnet width=0.5 optimizer.lr=0.2: " in first()
    assert "learning rates of these nets differ (alexnet width=0.5 optimizer.lr=0.3: 0.3; " in first()


def test_the_baseline_has_the_fewest_settings_and_the_largest_images(tmp_path):
    runs = ((224, {"model.width": 0.25}), (96, {"model.width": 0.5}), (224, {"model.width": 0.5, "model.hidden": 8}))
    for number, (px, more) in enumerate(runs):
        write_run(tmp_path / f"{number}", model="vgg11", px=px, experiment="vgg_resolution", **more)
    assert "compared with vgg11 224 width=0.25;" in notes_of(tmp_path)


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_which_rows_have_one_seed(question):
    def said(words):
        return [text for text in paragraphs(question) if words in text]

    assert not said("single seed")
    shutil.rmtree(question / "1-1")
    assert said("single seed") == said("single seed of alexnet 224 hidden=512: small differences") != []
    for number in (0, 2):
        shutil.rmtree(question / f"{number}-1")
    assert said("single seed") == said("Each row has a single seed: small differences") != []


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_what_is_still_missing(question):
    write_record(question / "1-1", read_record(question / "1-1") | {"status": "stuck"})
    write_run(question / "3-0", model="alexnet_slim", px=224, experiment="alexnet_simplified", status="failed")
    said = " ".join(paragraphs(question))
    assert "Without a result, and not counted: alexnet_slim 224." in said
    assert "Not all seeds are completed of alexnet 224 hidden=512." in said


def test_what_is_no_smaller_than_the_baseline_is_no_simplification(tmp_path):
    write_run(tmp_path / "a", model="alexnet", experiment="alexnet_simplified")
    write_run(tmp_path / "b", model="alexnet", experiment="alexnet_simplified", **{"data.augment": "flip"})
    said = " ".join(paragraphs(tmp_path))
    assert "The threshold of 85% is reached by" in said
    assert "simplification" not in said


def test_a_baseline_that_has_a_result_is_preferred(tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, experiment="alexnet_simplified", status="failed")
    other = read_record(write_run(tmp_path / "b", model="alexnet", px=224, experiment="alexnet_simplified"))
    write_record(tmp_path / "b", other | {"device": "cuda"})
    assert "compared with alexnet cuda;" in notes_of(tmp_path)


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_which_rows_had_more_epochs(question):
    assert (
        "The rows were not all trained alike: alexnet 96 for 30 epochs of all training images; "
        "the others for 2 epochs of all training images."
    ) in paragraphs(question)
    for seed in (0, 1):
        shutil.rmtree(question / f"2-{seed}")
    assert "All rows were trained for 2 epochs of all training images." in paragraphs(question)


@pytest.mark.parametrize(
    ("limit", "images"),
    [
        (100, "100 batches of 64 images"),
        (1, "1 batch of 64 images"),
        (0.2, "20% of the training images"),
        (0.002, "0.2% of the training images"),
    ],
)
def test_an_answer_says_that_nets_were_not_trained_in_full(limit, images, tmp_path):
    for name, width in (("a", 1.0), ("b", 0.5)):
        changed = {"trainer.limit_train_batches": limit, "model.width": width}
        write_run(
            tmp_path / name, model="alexnet", px=224, params=60_000 * width, experiment="alexnet_simplified", **changed
        )
    said = "An epoch was of a part of the training images; with all of them accuracies would be other ones."
    assert f"All rows were trained for 2 epochs of {images}. {said}" in paragraphs(tmp_path)


def test_runs_of_ones_own_beside_those_of_a_question_are_named(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}", model="alexnet", px=224, seed=seed, experiment="alexnet_simplified")
    assert "no draft" not in notes_of(tmp_path)
    write_run(tmp_path / "own", model="alexnet", px=224, **{"model.width": 0.25})
    assert "no draft of an answer, because of runs that are not of experiment=alexnet_simplified: 1" in notes_of(
        tmp_path
    )
    assert "no draft" not in notes_of(tmp_path, rows=["model"])


def test_the_smallest_is_chosen_among_those_that_surely_reach_the_threshold(tmp_path):
    """With one seed of 10,000 images, 85.3 % is too near to tell."""

    def first():
        return paragraphs(tmp_path)[0]

    def write(name, acc, params, **more):
        write_run(tmp_path / name, acc=acc, params=params, **of_all, **more)
        record = read_record(tmp_path / name)
        write_record(tmp_path / name, record | {"data": {"test": 10_000}})

    of_all = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified"}
    write("a", 0.90, 9_000)
    write("b", 0.853, 1_000, **{"model.hidden": 1})
    assert "The smallest simplification that may reach it is alexnet hidden=1: " in first()
    write("c", 0.88, 5_000, **{"model.hidden": 2})
    assert "The smallest simplification that is not too near to it to tell is alexnet hidden=2: " in first()
    write("d", 0.88, 500, **{"model.hidden": 3})
    assert "The smallest simplification that reaches it is alexnet hidden=3: " in first()


@pytest.mark.parametrize(
    ("experiment", "model", "other"),
    [("alexnet_simplified", "alexnet", "alexnet"), ("inception_ladder", "googlenet", "nin")],
)
def test_a_draft_speaks_of_the_baselines_images_alone(experiment, model, other, tmp_path):
    of_all = {"px": 96, "experiment": experiment}
    write_run(tmp_path / "a", model=model, params=9_000, **of_all)
    write_run(tmp_path / "c", model=other, params=500, data="synthetic", acc=0.99, **of_all, **{"model.width": 0.5})
    assert paragraphs(tmp_path, baseline=f"{model} fashion_mnist")[0].startswith("No draft of an answer yet")
    write_run(tmp_path / "b", model=other, params=1_000, **of_all, **{"model.width": 0.25})
    beside = paragraphs(tmp_path, baseline=f"{model} fashion_mnist")
    shutil.rmtree(tmp_path / "c")
    alone = paragraphs(tmp_path, baseline=model)
    assert f"Left out, because they are of another data set: {other} synthetic width=0.5." in beside
    assert [text.replace(" fashion_mnist", "") for text in beside if "another data set" not in text] == alone


def test_where_the_parameters_are_is_said_of_a_baseline_that_has_most_of_them_in_dense_layers(tmp_path):
    of_all = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified"}
    for number, (params, macs) in enumerate(((100_000, 9e6), (10_000, 8e6), (50_000, 1e6))):
        changed = {"model.hidden": number} if number else {}
        folder = write_run(tmp_path / f"{number}", params=params, **of_all, **changed)
        write_record(folder, read_record(folder) | {"macs": macs})
    said = "Most of the baseline's parameters are in the dense layers"
    assert said not in " ".join(paragraphs(tmp_path))  # exactly half of them are
    write_record(tmp_path / "0", read_record(tmp_path / "0") | {"dense_params": 50_001})
    assert said in " ".join(paragraphs(tmp_path))


def test_a_draft_says_that_test_images_were_left_out(tmp_path):
    for px in (224, 96):
        write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution")
    said = "Test accuracies are of a part of the test images."
    assert said not in " ".join(paragraphs(tmp_path))
    record = read_record(tmp_path / "96")
    record["config"]["trainer"]["limit_test_batches"] = 4
    write_record(tmp_path / "96", record)
    assert said in " ".join(paragraphs(tmp_path))


def test_no_net_is_said_to_have_the_fewest_multiply_adds_where_the_baseline_has_fewer(tmp_path):
    for number, (params, macs) in enumerate(((100_000, 1000), (50_000, 3000), (90_000, 2000))):
        changed = {"model.hidden": number} if number else {}
        of_all = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified", "params": params}
        folder = write_run(tmp_path / f"{number}", **of_all, **changed)
        write_record(folder, read_record(folder) | {"macs": macs})
    assert not any("the fewest" in each for each in paragraphs(tmp_path))


def test_a_small_stem_that_the_baseline_has_too_is_not_said(tmp_path):
    for px in (96, 28):
        folder = write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution")
        write_record(folder, read_record(folder) | {"stem": "small"})
    assert not any("The small stem pads" in each for each in paragraphs(tmp_path))
    write_record(tmp_path / "96", read_record(tmp_path / "96") | {"stem": "paper"})
    assert any("The small stem pads" in each for each in paragraphs(tmp_path))


def test_seeds_that_are_not_completed_do_not_make_a_row_one_of_many(tmp_path):
    for seed in range(5):
        status = "completed" if seed < 2 else "failed"
        for name, more in (("a", {}), ("b", {"model.width": 0.5, "params": 9})):
            folder = tmp_path / f"{name}{seed}"
            run = {"model": "alexnet", "px": 224, "seed": seed, "status": status, "acc": 0.9 + seed / 100}
            write_run(folder, experiment="alexnet_simplified", **run, **more)
    assert "With fewer than five seeds a row, a change beyond the spread may be chance, too." in paragraphs(tmp_path)


def test_a_row_that_is_impossible_here_and_failed_elsewhere_is_waited_for(tmp_path):
    common = {"px": 224, "experiment": "alexnet_simplified"}
    write_run(tmp_path / "a", model="alexnet", **common)
    write_run(tmp_path / "b", model="alexnet", params=9, **common, **{"model.width": 0.5})
    for seed, status in enumerate(("failed", "n/a")):
        folder = write_run(tmp_path / f"c{seed}", model="alexnet_slim", seed=seed, status="failed", **common)
        write_record(folder, read_record(folder) | {"status": status})
    assert "Without a result, and not counted: alexnet_slim." in " ".join(paragraphs(tmp_path))


def test_the_fewest_parameters_are_those_of_images_of_the_baselines_size(tmp_path):
    nets = ((224, 50_000, 9e6), (224, 10_000, 8e6), (224, 30_000, 1e6), (28, 5_000, 2e6))
    for number, (px, params, macs) in enumerate(nets):
        changed = {"model.hidden": number} if number else {}
        write = {"model": "alexnet", "px": px, "experiment": "alexnet_simplified", "params": params}
        folder = write_run(tmp_path / f"{number}", **write, **changed)
        write_record(folder, read_record(folder) | {"macs": int(macs)})
    assert "alexnet 224 hidden=1 has the fewest parameters (80.0% saved" in " ".join(paragraphs(tmp_path))


def test_the_second_question_is_of_nets_with_the_same_schedule(tmp_path):
    for px, schedule in ((224, "cosine"), (28, "step")):
        folder = write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution")
        record = read_record(folder)
        write_record(folder, record | {"choices": record["choices"] | {"scheduler": schedule}})
    assert not any("the parameters go from" in each for each in paragraphs(tmp_path))


def test_one_seed_far_below_the_threshold_tells(tmp_path):
    folder = write_run(tmp_path / "a", model="alexnet", px=224, experiment="alexnet_simplified", acc=0.84)
    write_record(folder, read_record(folder) | {"data": {"train": 55_000, "val": 5_000, "test": 10_000, "sha256": {}}})
    write_run(tmp_path / "b", model="nin", px=224, experiment="alexnet_simplified", acc=0.95)
    assert "is not reached by alexnet (84.00%)." in paragraphs(tmp_path)[0]
