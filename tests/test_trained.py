"""Trained nets outside of their runs: `cnnzoo.load`, `predict`, `export=onnx`."""

import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngImageFile

import cnnzoo
from cnnzoo.__main__ import main
from cnnzoo.build import build_data, build_net
from cnnzoo.data.photo import has_bright_background, read_photo, to_pixels
from cnnzoo.errors import RunEnded, UserError
from cnnzoo.record import read_record, write_record
from cnnzoo.run import train
from cnnzoo.trained import TrainedNet, _make_transform, export_onnx, predict
from cnnzoo.training.saved_state import load_weights
from tests.composed import compose_config

RUN = ["data=synthetic", "data.num_train=6000", "data.num_test=100", "trainer.max_epochs=2", "data.resize=32"]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
BROKEN = HEAD + chunk(b"IDAT", zlib.compress(bytes(72))[:5]) + b"\0\0\0\4\xff\xfe\xfd\xfc"  # no chunk follows


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A net that knows the synthetic patterns, and batch norm."""
    folder = tmp_path_factory.mktemp("run") / "lenet_bn"
    train(compose_config([*RUN, "model=lenet_bn", "trainer.precision=32-true"]), folder)
    return folder


def test_a_loaded_net_gives_the_figures_of_its_run(run):
    net, transform, class_names = cnnzoo.load(run)
    data = build_data(compose_config(RUN))
    data.setup()
    images, labels = data.images.pixels[6000:, 0], data.images.labels[6000:]
    logits = torch.cat([net(transform(image)) for image in images])
    accuracy = (logits.argmax(1) == labels).float().mean().item()
    assert accuracy == pytest.approx(cnnzoo.record.read_record(run)["metrics"]["test/acc"])
    assert class_names == tuple(f"pattern {label}" for label in range(10))
    assert not net.training
    assert not any(parameter.requires_grad for parameter in net.parameters())
    assert transform(images[0]).shape == (1, 1, 32, 32)


def test_a_loaded_net_is_on_the_cpu_whatever_the_default_is(run):
    with torch.device("meta"):
        net = cnnzoo.load(run).net
    assert {each.device.type for each in net.state_dict().values()} == {"cpu"}


def test_pictures_of_the_data_are_seen_as_the_data_are(run, tmp_path):
    net, transform, _ = cnnzoo.load(str(run))
    pixels = torch.randint(0, 256, (28, 28), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(tmp_path / "x.png")
    picture = read_photo(tmp_path / "x.png")
    assert torch.equal(transform(picture), transform(pixels))
    Image.fromarray(255 - pixels.numpy()).save(tmp_path / "y.png")
    assert torch.equal(transform(read_photo(tmp_path / "y.png"), invert=True), transform(pixels))
    assert torch.equal(transform(255 - pixels, invert=True), transform(pixels))
    assert net(transform(pixels)).shape == (1, 10)


def shirt(mode, background, thing, size):
    picture = Image.new("L", size, background)
    left, top = size[0] // 4, size[1] // 4
    picture.paste(thing, (left, top, size[0] - left, size[1] - top))
    if mode == "I;16":
        return Image.fromarray(np.array(picture).astype(np.uint16) * 257)
    return picture.convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "I;16", "F"])
@pytest.mark.parametrize("size", [(28, 28), (7, 7), (300, 300)])
def test_pictures_of_every_mode_and_size_look_the_same(mode, size):
    pixels = to_pixels(shirt(mode, 0, 255, size), 28)[0].float()
    assert pixels.shape == (28, 28)
    assert pixels[0].max() < 5
    assert pixels[14, 14] > 250
    inverted = to_pixels(shirt(mode, 255, 0, size), 28, invert=True)[0].float()
    assert (inverted - pixels).abs().max() < 5


def test_pictures_are_padded_and_not_stretched():
    pixels = to_pixels(Image.new("L", (20, 80), 255), 28)[0]
    assert pixels.shape == (28, 28)
    assert (pixels[14] > 0).sum() in (7, 8)
    assert (pixels[:, 14] == 255).all()


def test_what_is_transparent_is_background():
    picture = Image.new("RGBA", (28, 28), (255, 255, 255, 0))
    assert to_pixels(picture, 28).max() == 0
    assert to_pixels(picture, 28, invert=True).max() == 0
    assert not has_bright_background(picture)


def test_bright_backgrounds_are_noticed():
    assert has_bright_background(shirt("RGB", 230, 0, (50, 50)))
    assert not has_bright_background(shirt("RGB", 20, 255, (50, 50)))


def test_a_very_long_picture_is_shrunk_before_it_is_padded(tmp_path):
    long = Image.new("L", (1, 60_000), 255)
    assert to_pixels(long, 28).shape == (1, 28, 28)
    long.save(tmp_path / "long.png")
    assert has_bright_background(read_photo(tmp_path / "long.png"))
    assert to_pixels(Image.new("I;16", (30, 30), 65_535), 28).min() == 255


@pytest.fixture
def pattern(run, tmp_path):
    """Return the path of a picture of the fourth pattern."""
    data = build_data(compose_config(RUN))
    data.setup()
    path = tmp_path / "a pattern.png"
    Image.fromarray(data.images.pixels[6003, 0].numpy()).resize((280, 280)).save(path)
    return path


def test_predictions_name_the_class_and_its_probability(run, pattern):
    (row,) = predict(str(run), [str(pattern)], invert=False)
    names, probabilities = zip(*row["likeliest"], strict=True)
    assert names[0] == "pattern 6"
    assert 0.5 < probabilities[0] <= 1
    assert sorted(probabilities, reverse=True) == [*probabilities]
    assert len({*names}) == 3


def test_of_two_classes_two_are_named(run, pattern, monkeypatch, capsys):
    net = TrainedNet(lambda images: torch.tensor([[1.0, 3.0]]), lambda picture, invert: None, ("shirt", "coat"))
    monkeypatch.setattr("cnnzoo.trained.load", lambda folder: net)
    main(["predict", str(run), str(pattern)])
    said = capsys.readouterr().out
    assert "coat 88.1%" in said
    assert "shirt 11.9%" in said
    assert "third" not in said


def test_a_picture_with_a_bright_background_is_inverted_where_that_is_asked_for(run, pattern, tmp_path, capsys):
    bright = tmp_path / "bright.png"
    ImageOps.invert(Image.open(pattern)).save(bright)
    (plain,) = predict(str(run), [str(pattern)], invert=False)
    inverted, as_it_is = (predict(str(run), [str(bright)], invert=invert)[0] for invert in (True, False))
    assert inverted["likeliest"] == plain["likeliest"] != as_it_is["likeliest"]
    main(["predict", str(run), str(bright), "--invert"])
    name, probability = plain["likeliest"][0]
    assert f"{name} {probability:.1%}" in capsys.readouterr().out


def test_what_may_have_to_be_inverted_is_said(run, tmp_path, capsys):
    white, black = tmp_path / "white.png", tmp_path / "black.png"
    for path, brightness in ((white, 255), (black, 0)):
        Image.new("L", (40, 40), brightness).save(path)
    main(["predict", str(run), str(black), str(white)])
    said = capsys.readouterr().out
    assert f"note: the background of {white} is bright; if it was dark in training, try --invert" in said


def test_the_command_prints_a_table(run, pattern, capsys):
    main(["predict", str(run), str(pattern)])
    out, err = capsys.readouterr()
    assert "a pattern.png | pattern 6 " in out
    record = read_record(run)
    first = f"{record['name']}, test accuracy {100 * record['metrics']['test/acc']:.2f}%\n"
    assert out.startswith(first)
    write_record(run, record | {"metrics": {}})
    main(["predict", str(run), str(pattern)])
    write_record(run, record)
    assert capsys.readouterr().out.startswith(f"{record['name']}, not completed\n")
    assert err == ""
    with pytest.raises(SystemExit) as exited:
        main(["predict", str(run)])
    assert exited.value.code == 2
    assert capsys.readouterr().err == "error: which pictures?\ntype python -m cnnzoo predict RUN shirt.png bag.jpg\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "no picture at"), (b"text", "is not a picture that can be read"), (BROKEN, "broken PNG")],
)
def test_files_that_are_no_pictures_are_named(content, words, tmp_path):
    path = tmp_path / "x.png"
    if content:
        path.write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_photo(path)


def test_a_picture_that_is_too_large_is_named_before_it_is_decoded(tmp_path):
    Image.new("1", (10_000, 10_000)).save(tmp_path / "x.png")
    with pytest.raises(UserError, match="too many pixels"):
        read_photo(tmp_path / "x.png")


def test_a_large_picture_is_kept_small(tmp_path):
    Image.new("L", (4096, 1024)).save(tmp_path / "x.png")
    assert read_photo(tmp_path / "x.png").size == (2048, 512)


def test_whatever_a_decoder_raises_is_answered_in_words(tmp_path, monkeypatch):
    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    monkeypatch.setattr(PngImageFile, "load", lambda self: (_ for _ in ()).throw(RuntimeError("cannot decode")))
    with pytest.raises(UserError, match="can be read: cannot decode"):
        read_photo(tmp_path / "x.png")


def test_a_run_without_a_checkpoint_says_how_to_get_one(run, tmp_path):
    record = read_record(run)
    for status, words in (
        ("preempted", r"has no best\.ckpt yet\ntype .*resume="),
        ("completed", r"best\.ckpt is gone"),
    ):
        write_record(tmp_path, record | {"status": status})
        with pytest.raises(UserError, match=words):
            cnnzoo.load(tmp_path)


def test_a_picture_lies_as_its_camera_was_held(run, tmp_path):
    picture = Image.fromarray(np.arange(28 * 20, dtype=np.uint16).reshape(28, 20).astype(np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6  # the camera was turned
    picture.save(tmp_path / "x.png", exif=exif)
    _, transform, _ = cnnzoo.load(run)
    upright = transform(picture.rotate(-90, expand=True))
    assert torch.equal(transform(Image.open(tmp_path / "x.png")), upright)
    assert torch.equal(transform(read_photo(tmp_path / "x.png")), upright)


@pytest.mark.parametrize("shape", [(96, 96), (100, 50), (20, 30), (1, 28, 28)])
@pytest.mark.parametrize("invert", [False, True])
def test_a_tensor_is_seen_as_the_picture_that_it_is(shape, invert, run):
    pixels = torch.randint(256, shape, dtype=torch.uint8)
    picture = Image.fromarray(pixels.reshape(shape[-2:]).numpy())
    _, transform, _ = cnnzoo.load(run)
    assert torch.equal(transform(pixels, invert=invert), transform(picture, invert=invert))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (torch.rand(28, 28), r"uint8 of shape \(H, W\) \(got float32 of shape \(28, 28\)\)"),
        (torch.zeros(3, 28, 28, dtype=torch.uint8), r"got uint8 of shape \(3, 28, 28\)"),
        (np.zeros((28, 28), np.uint8), r"a PIL image or a tensor \(got ndarray\)"),
    ],
)
def test_what_is_no_picture_is_not_transformed(picture, words, run):
    with pytest.raises(UserError, match=words):
        cnnzoo.load(run).transform(picture)


def test_a_folder_is_no_picture(run):
    with pytest.raises(UserError, match=r"is a folder, and no picture\ntype python -m cnnzoo predict RUN PICTURE"):
        read_photo(run)


def test_a_checkpoint_of_another_net_is_one_clear_line(run, tmp_path):
    other = tmp_path / "other"
    train(compose_config([*RUN, "model=mlp", "trainer.limit_train_batches=1", "trainer.max_epochs=1"]), other)
    for path in (other / "checkpoints").iterdir():
        path.unlink()
    for path in (run / "checkpoints").iterdir():
        (other / "checkpoints" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(
        UserError, match=r"best\.ckpt is not of the net that its run\.json describes: \S+ is missing there and \(\d+"
    ):
        cnnzoo.load(other)
    assert load_weights(other / "checkpoints" / "best.ckpt")


def test_a_run_that_diverged_at_once_is_not_to_be_gone_on_with(tmp_path):
    with pytest.raises(RunEnded):
        train(compose_config([*RUN, "model=mlp", "optimizer.lr=1e30", "pictures=false"]), tmp_path)
    with pytest.raises(UserError, match=r"diverged before it had a best\.ckpt\ntype another run"):
        cnnzoo.load(tmp_path)


def test_a_run_is_exported_when_it_is_completed(tmp_path, capsys):
    pytest.importorskip("onnxscript")
    train(compose_config([*RUN, "model=mlp", "export=onnx", "trainer.max_epochs=1", "pictures=false"]), tmp_path)
    assert (tmp_path / "model.onnx").stat().st_size > 1000
    assert "exported: " in capsys.readouterr().out


def test_an_exported_net_gives_what_torch_gives(run):
    onnxruntime = pytest.importorskip("onnxruntime")
    path = export_onnx(run)
    net, _, _ = cnnzoo.load(run)
    session = onnxruntime.InferenceSession(str(path))
    for count in (1, 5):
        images = torch.randn(count, 1, 32, 32)
        (logits,) = session.run(None, {"images": images.numpy()})
        np.testing.assert_allclose(logits, net(images).numpy(), atol=1e-5)


def test_nets_for_colour_are_exported_and_take_no_grey_pictures(tmp_path, monkeypatch):
    config = compose_config([*RUN, "model=mlp", "data.channels=3"])
    net = TrainedNet(build_net(config).eval(), _make_transform(build_data(config).transform, 32, 3), ())
    monkeypatch.setattr("cnnzoo.trained.load", lambda folder: net)
    monkeypatch.setattr("cnnzoo.trained.read_record", lambda folder: {"config": config.values})
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(export_onnx(tmp_path)))
    images = torch.randn(5, 3, 32, 32)
    (logits,) = session.run(None, {"images": images.numpy()})
    np.testing.assert_allclose(logits, net.net(images).detach().numpy(), atol=1e-5)
    with pytest.raises(UserError, match="this net was trained on images of 3 channels"):
        net.transform(Image.new("L", (28, 28)))


def test_a_grey_background_is_bright_from_the_middle_on():
    assert has_bright_background(shirt("RGB", 140, 0, (50, 50)))
    assert not has_bright_background(shirt("RGB", 110, 255, (50, 50)))


def test_a_dark_picture_of_16_bits_stays_dark():
    assert to_pixels(Image.new("I;16", (30, 30), 250), 28).max() == 1


def test_a_run_that_was_stuck_at_once_is_not_to_be_gone_on_with(tmp_path):
    with pytest.raises(RunEnded):
        train(compose_config([*RUN, "model=mlp", "optimizer.lr=1e30", "pictures=false"]), tmp_path)
    write_record(tmp_path, read_record(tmp_path) | {"status": "stuck"})
    with pytest.raises(UserError, match=r"stuck before it had a best\.ckpt\ntype another run"):
        cnnzoo.load(tmp_path)
