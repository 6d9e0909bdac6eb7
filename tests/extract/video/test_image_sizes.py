"""A header of an image is not believed before memory is taken for it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from aqa.extract.video.decode import open_video
from aqa.extract.video.source import VideoError


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_header_of_too_many_pixels(tmp_path: Path, suffix: str) -> None:
    data = bytearray(cv2.imencode(suffix, np.full((24, 32, 3), 90, np.uint8))[1].tobytes())
    path = tmp_path / f"001{suffix}"
    path.write_bytes(data)
    assert next(iter(open_video(tmp_path).frames())).shape == (24, 32, 3)
    if suffix == ".png":
        data[16:24] = (20_000).to_bytes(4, "big") * 2
    else:
        at = data.index(b"\xff\xc0") + 5
        data[at : at + 4] = (20_000).to_bytes(2, "big") * 2
    path.write_bytes(data)
    with pytest.raises(VideoError, match=r"001.*: its header says 400000000 pixels"):
        list(open_video(tmp_path).frames())


def test_a_part_of_a_png_that_says_it_is_larger_than_the_file(tmp_path: Path) -> None:
    data = bytearray(cv2.imencode(".png", np.full((24, 32, 3), 90, np.uint8))[1].tobytes())
    data[33:37] = (2**31 - 20).to_bytes(4, "big")
    (tmp_path / "001.png").write_bytes(data)
    with pytest.raises(VideoError, match=r"001.png: the file ends early"):
        list(open_video(tmp_path).frames())
