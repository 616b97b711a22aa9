import numpy as np
from PIL import Image

from cnnzoo.report.contact_sheet import save_contact_sheet


def test_every_image_is_in_its_row(tmp_path):
    rows = np.zeros((3, 4, 28, 28), dtype=np.uint8)
    rows[1] = 255  # the middle class is white, the others black
    path = tmp_path / "new folder" / "sheet.png"
    save_contact_sheet(rows, ["a", "a much longer name", "c"], "title", path)
    grey = np.asarray(Image.open(path).convert("L")).astype(float)
    black = np.flatnonzero((grey < 10).mean(1) > 0.4)
    first, last = black[0], black[-1]
    middle = grey[first + (last - first) * 2 // 5 : first + (last - first) * 3 // 5]
    assert (middle > 245).mean() > 0.7
    assert last - first > 100
