import numpy as np
import pytest
import torch
from PIL import Image

from cnnzoo.data.transform import BatchTransform, resize

SIZES = (14, 24, 28, 32, 48, 64, 96, 112, 128, 160, 224, 256)
ODD_SIZES = (20, 27, 29, 99, 299)  # where torch's 16-bit weights round otherwise than PIL's 22-bit ones


def noise(count=3, channels=1):
    return torch.randint(256, (count, channels, 28, 28), dtype=torch.uint8)


def by_pil(images, size):
    resized = [
        np.asarray(Image.fromarray(image[0].numpy()).resize((size, size), Image.Resampling.BILINEAR))
        for image in images
    ]
    return torch.from_numpy(np.stack(resized)).unsqueeze(1)


@pytest.mark.parametrize("size", SIZES)
def test_bytes_are_resized_as_pil_does_it_to_the_bit(size):
    images = noise()
    assert torch.equal(resize(images, size), by_pil(images, size))


@pytest.mark.parametrize("size", ODD_SIZES)
def test_at_odd_sizes_few_bytes_differ_and_by_little(size):
    images = noise(100)
    difference = resize(images, size).int() - by_pil(images, size).int()
    assert difference.abs().max() <= 2
    assert (difference != 0).float().mean() < 0.04


@pytest.mark.parametrize("size", SIZES + ODD_SIZES)
def test_floats_are_resized_as_pil_does_it_to_one_grey_level(size):
    # PIL rounds after each of its two passes, so half a level twice.
    images = noise()
    difference = resize(images.float(), size) - by_pil(images, size)
    assert difference.abs().max() <= 1 + 1e-4


@pytest.mark.parametrize("size", [28, 96])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_net_sees_normalised_channels_last_floats(size, channels):
    images = noise(channels=channels)
    seen = BatchTransform(resize=size, mean=0.25, std=0.5, augment="none")(images, training=True)
    assert seen.shape == (3, channels, size, size)
    assert seen.dtype == torch.float32
    assert seen.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(seen, (resize(images, size) / 255 - 0.25) / 0.5)


def test_the_stored_images_are_left_as_they_are():
    images = noise()
    before = images.clone()
    for size in (28, 96):
        BatchTransform(resize=size, mean=0.3, std=0.4, augment="strong")(images, training=True)
    assert torch.equal(images, before)


@pytest.mark.parametrize("augment", ["flip", "crop_flip", "strong"])
def test_only_training_is_augmented(augment):
    images = noise(64)
    plain = BatchTransform(resize=28, mean=0.3, std=0.4, augment="none")
    transform = BatchTransform(resize=28, mean=0.3, std=0.4, augment=augment)
    assert torch.equal(transform(images, training=False), plain(images, training=False))
    assert not torch.equal(transform(images, training=True), plain(images, training=True))
