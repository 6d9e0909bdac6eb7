"""Makes the pictures of docs/pictures: the page of `aqa demo` in Chromium, on a desk and a phone.

    aqa demo && python benchmarks/pictures.py aqa-demo docs/pictures

Chromium (Debian's package `chromium`) draws them; each is a JPEG of less than 150 kB.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

import cv2

# Name -> width and height of the window.
SHOTS = {"report": (1000, 1400), "report-phone": (500, 1000)}
MOST_BYTES = 150_000


def shoot(page: Path, out: Path, size: tuple[int, int], browser: str) -> None:
    """Draw a page in a window of this size, in pixels."""
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "shot.png"
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=4000"),
                *(f"--screenshot={png}", page.resolve().as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
        image = cv2.imread(str(png))
    assert image is not None, "Chromium wrote no picture"
    for quality in range(90, 30, -5):
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if data.size < MOST_BYTES:
            break
    out.write_bytes(data.tobytes())
    print(f"{out}: {data.size} bytes, quality {quality}")


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="folder of a finished `aqa demo`")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--browser", default="chromium")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, size in SHOTS.items():
        shoot(given.demo / "report.html", given.out / f"{name}.jpg", size, given.browser)


if __name__ == "__main__":
    main()
