"""Several processes: the same store as one makes, also where some are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

from aqa.annotations.manifest import Video, write_manifest
from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.backbones.custom import load, of_object
from aqa.extract.run import extract
from aqa.features.store import FeatureStore

# The mean red of a clip; a clip whose first frame is as red as a file beside it says ends the
# process: `once` only as long as that file is there.
NET = """
import os, signal
from pathlib import Path
import torch
from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess

HERE = Path(__file__).parent

class Red(torch.nn.Module):
    def forward(self, x):
        for name in ("once", "always"):
            if (HERE / name).exists() and x[0, 0, 0].mean() == float((HERE / name).read_text()):
                if name == "once":
                    (HERE / name).unlink()
                os.kill(os.getpid(), signal.SIGKILL)
        return x[:, 0].mean((2, 3))

def make():
    preprocess = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")
    return BackboneSpec(Red(), preprocess, 16, 16, has_weights=True)
"""


def test_the_store_does_not_depend_on_processes_nor_on_their_deaths(
    tmp_path: Path, numbered_video: Callable[..., Path]
) -> None:
    (tmp_path / "net.py").write_text(NET)
    backbone = load_backbone(f"{tmp_path}/net.py:make")
    lengths = (40, 16, 9, 33, 20, 50, 64, 17)
    videos = [Video(f"v{i}", numbered_video(n, f"v{i}.avi"), 1.0) for i, n in enumerate(lengths)]
    (tmp_path / "broken.avi").write_bytes(b"no video")
    videos.insert(2, Video("broken", tmp_path / "broken.avi", 1.0))
    alone = extract(videos, backbone, tmp_path / "one.h5", batch_size=1)

    (tmp_path / "once").write_text("17")  # the second clip of v3 alone begins with frame 17
    (tmp_path / "always").write_text("4")  # and that of v4 with frame 4
    together = extract(videos, backbone, tmp_path / "two.h5", batch_size=1, device="cpu,cpu")
    assert not (tmp_path / "once").exists()
    assert together.failed[0] == alone.failed[0]
    ((video_id, reason),) = together.failed[1:]
    assert video_id == "v4"
    assert "v4.avi: the worker process on cpu died twice: it was killed by SIGKILL" in reason
    assert together.done == [i for i in alone.done if i != "v4"]

    (tmp_path / "always").unlink()
    extract(videos, backbone, tmp_path / "two.h5", batch_size=1)
    with (
        FeatureStore.open(tmp_path / "one.h5") as one,
        FeatureStore.open(tmp_path / "two.h5") as two,
    ):
        assert two.ids == (*(i for i in one.ids if i != "v4"), "v4")
        assert {i: one[i].tobytes() for i in one} == {i: two[i].tobytes() for i in two}
        assert one.blank.tobytes() == two.blank.tobytes()
        assert {i: one.content(i) for i in one} == {i: two.content(i) for i in two}
        assert two.verify() == []


STOPPED = """
import os, signal, sys
from aqa.cli import main
from aqa.features.store import FeatureStoreWriter
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell ignores it
append, seen = FeatureStoreWriter.append, []
def stopping(*args, **more):
    append(*args, **more)
    seen.append(1)
    if len(seen) == 2:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
FeatureStoreWriter.append = stopping
main(["extract", "--backbone", "tiny3d", "--processes", "2"], prog_name="aqa")
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGKILL", -9)])
def test_what_is_stopped_leaves_no_process_and_a_store_that_goes_on(
    tmp_path: Path, numbered_video: Callable[..., Path], name: str, code: int
) -> None:
    rows = [
        {"video_id": f"v{i}", "path": numbered_video(20 + i, f"v{i}.avi").name, "score": 1}
        for i in range(12)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    stopped = subprocess.run(  # which waits until the workers, too, have let go of its pipes
        [sys.executable, "-c", STOPPED, name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ,
        timeout=120,
    )
    assert stopped.returncode == code, stopped.stderr
    assert "Traceback" not in stopped.stderr
    videos = [Video(str(r["video_id"]), tmp_path / str(r["path"]), 1.0) for r in rows]
    backbone = load_backbone("tiny3d")
    again = extract(videos, backbone, tmp_path / "stores/tiny3d.h5")
    assert 2 <= len(again.reused) < 12
    assert again.failed == []
    extract(videos, backbone, tmp_path / "whole.h5")
    with h5py.File(tmp_path / "stores/tiny3d.h5") as a, h5py.File(tmp_path / "whole.h5") as b:
        for array in ("videos/id", "features", "clips", "blank"):
            assert a[array][()].tobytes() == b[array][()].tobytes()


def test_a_network_that_only_this_process_can_make_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET)
    namespace: dict[str, object] = {"__file__": str(tmp_path / "net.py")}
    exec(compile(NET, "net.py", "exec"), namespace)
    backbone = load(of_object(namespace["make"]), None)
    with pytest.raises(AqaError, match=r"put it in a file and name that \(FILE.py:FUNCTION\)"):
        extract([], backbone, tmp_path / "s.h5", processes=2)


def test_fewer_processes_than_devices_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AqaError, match="--processes 1: fewer than the 2 devices"):
        extract([], load_backbone("tiny3d"), tmp_path / "s.h5", device="cpu,cpu", processes=1)
