import pytest
import torch

from cnnzoo.data.augment import AUGMENTATIONS, CROP_PADDING, crop, erase, flip
from cnnzoo.rules import RULES


def images(count=400, channels=2):
    return torch.randint(1, 256, (count, channels, 28, 28), dtype=torch.uint8)


@pytest.mark.parametrize("augmentation", [flip, crop, erase])
def test_shape_dtype_and_randomness(augmentation):
    x = images()
    torch.manual_seed(1)
    first = augmentation(x)
    torch.manual_seed(1)
    assert torch.equal(augmentation(x), first)
    assert not torch.equal(augmentation(x), first)
    assert (first.shape, first.dtype) == (x.shape, x.dtype)


def test_flip_mirrors_half_and_leaves_half():
    x = images()
    y = flip(x)
    mirrored = (y == x.flip(-1)).flatten(1).all(1)
    same = (y == x).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250


def test_crop_shifts_each_image_and_moves_black_in():
    x = images()
    y = crop(x)
    padded = torch.nn.functional.pad(x, [CROP_PADDING] * 4)
    steps = range(2 * CROP_PADDING + 1)
    shifts = torch.stack(
        [(padded[:, :, top : top + 28, left : left + 28] == y).flatten(1).all(1) for top in steps for left in steps]
    )
    assert (shifts.sum(0) == 1).all()  # each image is exactly one of the 49 shifts of itself
    assert shifts.any(1).all()  # and each shift occurs


def test_erase_fills_one_rectangle_in_half_of_the_images():
    x = torch.zeros(400, 1, 28, 28, dtype=torch.uint8)
    y = erase(x)[:, 0]
    touched = y.bool().flatten(1).any(1)
    assert 150 < touched.sum() < 250
    for image in y[touched]:
        rows, columns = image.bool().any(1).nonzero(), image.bool().any(0).nonzero()
        inside = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        # Noise is 0 once in 256 pixels, so an outer row can be missed; 0.4 of 784 pixels, rounded up on both sides.
        assert inside.numel() <= 0.4 * 784 * 1.15
        assert (inside == 0).float().mean() < 0.25


def test_the_smallest_rectangle_has_a_fiftieth_of_the_image_and_the_largest_two_fifths():
    images = torch.zeros(2000, 1, 100, 100, dtype=torch.uint8)
    shares = erase(images).bool().flatten(1).float().mean(1)
    shares = shares[shares > 0] * 256 / 255  # of the noise one pixel in 256 is black
    assert 0.018 < shares.min() < 0.03
    assert 0.37 < shares.max() < 0.42


def test_each_augmentation_is_made_of_what_its_name_says():
    assert {"none": (), "flip": (flip,), "crop_flip": (crop, flip), "strong": (crop, flip, erase)} == AUGMENTATIONS


def test_the_configuration_names_all_of_them():
    assert all(RULES["data.augment"].allows(name) for name in AUGMENTATIONS)
    assert not RULES["data.augment"].allows("autoaugment")


def test_rectangles_reach_every_edge():
    torch.manual_seed(0)
    touched = erase(torch.zeros(2000, 1, 28, 28, dtype=torch.uint8))[:, 0].bool()
    top, bottom, left, right = (
        edge.any(1).sum() for edge in (touched[:, 0], touched[:, -1], touched[:, :, 0], touched[:, :, -1])
    )
    assert min(top, bottom, left, right) > 0.7 * max(top, bottom, left, right)


def test_tall_rectangles_are_as_likely_as_wide_ones():
    torch.manual_seed(0)
    touched = erase(torch.zeros(2000, 1, 28, 28, dtype=torch.uint8))[:, 0].bool()
    tall, wide = touched.any(2).sum(1), touched.any(1).sum(1)
    assert 0.8 < (tall > wide).sum() / (wide > tall).sum() < 1.25
