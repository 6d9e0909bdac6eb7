"""Makes the pictures of docs/pictures: the page of `aqa demo`, and `aqa serve` on its dives.

    aqa demo && python benchmarks/pictures.py aqa-demo docs/pictures

Each is drawn as a desk and as a phone shows it. The reports of the app are made in a folder that
goes; it needs the extra `serve`.

Chromium (Debian's package `chromium`) draws them; each is a JPEG of less than 150 kB.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import cv2

# Name -> width and height of the window, in pixels.
REPORT = {"report": (1000, 1400), "report-phone": (500, 1000)}
APP = {"app": (1000, 860), "app-phone": (500, 1000)}
# The dives that the app has reported on.
DIVES = ("new_dive.mp4", "videos/dive_0006.mp4", "videos/dive_0003.mp4")
MOST_BYTES = 150_000


def shoot(address: str, out: Path, size: tuple[int, int], browser: str) -> None:
    """Draw a page in a window of this size, in pixels."""
    with tempfile.TemporaryDirectory() as folder:
        png = Path(folder) / "shot.png"
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--window-size={size[0]},{size[1]}", "--virtual-time-budget=4000"),
                *(f"--screenshot={png}", address),
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


@contextmanager
def served(demo: Path) -> Iterator[str]:
    """The address of the app on the demo's head, which has reported on `DIVES`."""
    with tempfile.TemporaryDirectory() as workspace:
        command = [sys.executable, "-m", "aqa", "-C", workspace, "serve", "--head", "wd"]
        command += ["--runs", str(demo / "runs"), "--manifest", str(demo / "manifest.csv")]
        command += ["--no-browser", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                said = next((line for line in server.stdout if line.startswith("serving ")), "")
                assert said, "the app did not start"
                address = said.split()[-1]
                for dive in DIVES:
                    report(address, demo / dive)
                yield address
            finally:
                server.terminate()


def report(address: str, video: Path) -> None:
    """Send a video to the app, and wait for its report."""
    place = f"{address}reports?name={quote(video.name)}"
    job = asked(Request(place, video.read_bytes(), {"content-type": "video/mp4"}))["job"]
    while (state := asked(Request(f"{address}jobs/{job}")))["state"] in ("waiting", "working"):
        time.sleep(0.2)
    assert state["state"] == "done", state
    time.sleep(1)  # they are listed by the second that they were made in


def asked(request: Request) -> Any:
    """The answer of the app."""
    with urlopen(request) as answer:
        return json.load(answer)


def main() -> None:
    """Write the pictures of the page and of the app, on a wide window and on a phone's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demo", type=Path, help="folder of a finished `aqa demo`")
    parser.add_argument("out", type=Path, help="folder of the pictures")
    parser.add_argument("--browser", default="chromium")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name, size in REPORT.items():
        page = (given.demo / "report.html").resolve().as_uri()
        shoot(page, given.out / f"{name}.jpg", size, given.browser)
    with served(given.demo.resolve()) as address:
        for name, size in APP.items():
            shoot(address, given.out / f"{name}.jpg", size, given.browser)


if __name__ == "__main__":
    main()
