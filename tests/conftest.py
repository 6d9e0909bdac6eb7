"""What tests share: the real data beside the project, and small videos drawn losslessly."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import write_manifest
from aqa.cli import main

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """GPU tests skip where there is no GPU, but never when they were asked for (`-m gpu`)."""
    import torch

    if torch.cuda.is_available() or "gpu" in config.option.markexpr:
        return
    for item in items:
        if "gpu" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="no CUDA device; `-m gpu` runs it anyway"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Networks of a few units lose more to threads than they gain."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test downloads weights, or sees those that the user has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AQA_OFFLINE", "1")
        patch.setenv("AQA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository, which is the package."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; skips where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: the real data is not distributed with the project")
    return folder


class Block(NamedTuple):
    """A block of code on a page of the documentation."""

    page: str
    line: int
    language: str
    code: str
    not_run: str  # why it is only shown, as `<!-- not run: gpu -->` before it says; mostly empty


_FENCE = re.compile(r"( *)(?:```|~~~)([^`]*)")
_NOT_RUN = re.compile(r" *<!-- not run: (.*) -->")


@pytest.fixture(scope="session")
def blocks() -> Callable[[str], list[Block]]:
    """The blocks of a page, in order; one that is indented and not fenced has no language."""

    def read(page: str) -> list[Block]:
        lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
        found, number, in_list = [], 0, False
        while number < len(lines):
            line, start = lines[number], number
            number += 1
            if fence := _FENCE.fullmatch(line):
                while lines[number].strip() not in ("```", "~~~"):
                    number += 1
                code = [one[len(fence[1]) :] for one in lines[start + 1 : number]]
                before = next((one for one in lines[:start][::-1] if one.strip()), "")
                why = _NOT_RUN.fullmatch(before)
                said = why[1] if why else ""
                found.append(Block(page, start + 1, fence[2], "\n".join(code), said))
                number += 1
            elif line[:1].strip():
                in_list = bool(re.match(r"[-*] |\d+\. ", line))
            elif line.startswith("    ") and not in_list and not lines[start - 1].strip():
                found.append(Block(page, start + 1, "", line.strip(), ""))
        return found

    return read


@pytest.fixture
def rng() -> np.random.Generator:
    """The same numbers in every run."""
    return np.random.default_rng(0)


# A name that would do harm in a page where it is not escaped.
HOSTILE = "<script>alert('x')</script>&\""


def numbered_frame(number: int, size: tuple[int, int] = (48, 64)) -> np.ndarray:
    """An RGB frame that tells its number: flat red = number, a green left and a blue top half."""
    frame = np.zeros((*size, 3), np.uint8)
    frame[..., 0] = number
    frame[:, : size[1] // 2, 1] = 200
    frame[: size[0] // 2, :, 2] = 100
    return frame


@pytest.fixture
def write_video(tmp_path: Path) -> Callable[..., Path]:
    """Writes RGB frames to a lossless FFV1 .avi."""

    def write(name: str, frames: list[np.ndarray], fps: float = 25.0) -> Path:
        path = tmp_path / name
        height, width = frames[0].shape[:2]
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"FFV1"), fps, (width, height))
        assert writer.isOpened()
        for frame in frames:
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
        writer.release()
        return path

    return write


@pytest.fixture
def numbered_video(write_video: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a video whose frame i is `numbered_frame(i)`."""

    def write(n_frames: int, name: str = "video.avi") -> Path:
        return write_video(name, [numbered_frame(i) for i in range(n_frames)])

    return write


@pytest.fixture
def run_aqa(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command as typed; its exit code must be `code`."""
    monkeypatch.delenv("AQA_WORKSPACE", raising=False)

    def run(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, list(arguments), prog_name="aqa")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture(scope="session")
def drawn_dives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of eight drawn dives, of which split 1 tests two; copy it to change it."""
    from aqa.workflows.demo.dataset import draw_dives

    folder = tmp_path_factory.mktemp("drawn")
    manifest = draw_dives(folder, 8, n_splits=1)
    with manifest.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row["split_1"] = "test" if number in (2, 5) else "train"
    write_manifest(manifest, rows)
    return folder


@pytest.fixture(scope="session")
def evaluated_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of 48 videos with made features, evaluated svr and lstm; copy it to change it.

    Its two splits test 16 videos each, 8 of them both. One of the three types has a hostile name.
    """
    from aqa.features.store import import_arrays

    root = tmp_path_factory.mktemp("evaluated")
    drawn = np.random.default_rng(0)
    score = drawn.uniform(20, 90, 48).round(1)
    ids = [f"v{k:02d}" for k in range(48)]
    rows = [
        {
            "video_id": ids[k],
            "path": "",
            "score": score[k],
            "type": ("101B", "205B", HOSTILE)[k % 3],
            "split_1": "test" if k < 16 else "train",
            "split_2": "test" if 8 <= k < 24 else "train",
        }
        for k in range(48)
    ]
    write_manifest(root / "manifest.csv", rows)
    features = score[:, None, None] / 100 + drawn.normal(scale=0.15, size=(48, 2, 4))
    store = root / "stores" / "made.h5"
    import_arrays(store, dict(zip(ids, features, strict=True)), source="drawn")
    for command in (
        "fit --head svr -p C=1 -p epsilon=0.1",
        "fit --head lstm -p epochs=3 -p hidden=4 -p device=cpu --no-ranges",
        "eval",
    ):
        result = CliRunner().invoke(main, ["-C", str(root), *command.split()])
        assert result.exit_code == 0, result.output
    return root


@pytest.fixture(scope="session")
def dives(drawn_dives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight drawn dives, extracted, with a fitted wd; `new dive.mp4` is in no manifest."""
    folder = tmp_path_factory.mktemp("fitted") / "dives"
    shutil.copytree(drawn_dives, folder)
    shutil.copy(folder / "videos" / "dive_0003.mp4", folder / "new dive.mp4")
    for command in (
        "extract --backbone tiny3d",
        "fit --head wd -p epochs=5 -p device=cpu --split 1",
        "eval",
    ):
        result = CliRunner().invoke(main, ["-C", str(folder), *command.split()])
        assert result.exit_code == 0, result.output
    return folder


# A machine of a cluster, which others reach by ray://.
_RAY_SERVER = """
import os, socket, sys, time
from pathlib import Path
import ray
from ray.util.client.server.server import serve

ray.init(num_cpus=2, include_dashboard=False)
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = serve("127.0.0.1", port)  # it ends where nobody holds it
print(port, flush=True)
folder, parent = Path(sys.argv[1]), os.getppid()
while not (folder / "stop").exists() and os.getppid() == parent:
    time.sleep(0.05)
"""


@pytest.fixture(scope="session")
def ray_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address ray://... of a cluster with two cores, which has a process of its own.

    Its workers may fetch videos, into a folder of their own.
    """
    pytest.importorskip("ray", reason="Ray is not installed (extra ray)")
    pytest.importorskip("grpc", reason="no grpcio (ray[client])")
    folder = tmp_path_factory.mktemp("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment = {**os.environ, "AQA_VIDEO_CACHE": str(folder / "fetched")}
        del environment["AQA_OFFLINE"]
        with subprocess.Popen(
            [sys.executable, "-c", _RAY_SERVER, str(folder)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                assert server.stdout is not None
                yield f"ray://127.0.0.1:{server.stdout.readline().strip()}"
                (folder / "stop").touch()
                server.wait(timeout=500)
            finally:
                server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
