"""What an actor does, without Ray: files that are sent, several calls at once, and errors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from aqa.annotations.manifest import Video
from aqa.errors import AqaError
from aqa.extract.backbones import load_backbone
from aqa.extract.parallel.messages import Crashed, Done, Ready, Refused, WorkerJob
from aqa.extract.parallel.ray_cluster import RayCluster, connected
from aqa.extract.parallel.ray_worker import RayWorker, absolute
from aqa.extract.parallel.recipe import NetworkRecipe
from aqa.extract.parallel.sent_file import SentFile
from aqa.extract.video_encoder import EncodingSettings, NumberedVideo
from aqa.features.clips import ClipRule
from aqa.files import sha256_of

NET = """
import torch
from aqa.extract.backbones import BackboneSpec
from aqa.extract.preprocess import Preprocess

class Red(torch.nn.Module):
    def forward(self, x):
        return x[:, 0].mean((2, 3))

def make():
    preprocess = Preprocess(resize=(48, 64), crop=(8, 8), interpolation="nearest")
    return BackboneSpec(Red(), preprocess, 16, 16, has_weights=True)
"""


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RayWorker:
    """One on a machine that has no such file as the network is made from."""
    path = tmp_path / "net.py"
    path.write_text(NET)
    recipe = NetworkRecipe.of(load_backbone(f"{path}:make"))
    sent = SentFile(str(path), sha256_of(path), NET.encode)
    path.unlink()
    (tmp_path / "there").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "there"))
    index = tmp_path / "no" / "such" / ".frames"
    settings = EncodingSettings(ClipRule(16, 16), index_folder=index)
    return RayWorker(WorkerJob(recipe, settings, "cpu", 1), None, sent)


def test_calls_at_once_get_what_became_of_their_videos(
    worker: RayWorker, numbered_video: Callable[..., Path], tmp_path: Path
) -> None:
    _, ready = worker.ready()
    assert isinstance(ready, Ready)
    assert [*(tmp_path / "there").iterdir()] == []  # what was sent does not stay
    videos = [Video(f"v{i}", numbered_video(17 + i, f"v{i}.avi"), 1.0) for i in range(4)]
    videos.append(Video("gone", tmp_path / "gone.avi", 1.0))
    groups = [(NumberedVideo(i, video),) for i, video in enumerate(videos)]
    groups = [(*groups[0], *groups[1]), *groups[2:]]
    with ThreadPoolExecutor(4) as pool:
        found = [
            answer
            for answers in pool.map(lambda group: worker.encode(ready.blank, group), groups)
            for answer in answers
        ]
    encoded = [answer.encoded for answer in found if isinstance(answer, Done)]
    assert [one.number for one in encoded] == [0, 1, 2, 3, 4]
    assert [one.n_frames for one in encoded[:4]] == [17, 18, 19, 20]
    assert "gone.avi: no such video" in str(encoded[4].failure)


def test_what_lies_beside_a_file_is_sent_with_it(tmp_path: Path) -> None:
    config = SentFile("first/config.json", "1" * 64, lambda: b"{}")
    sent = SentFile("first/model.safetensors", "0" * 64, lambda: b"tensors", (config,))
    assert sent.here(tmp_path) == str(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").read_bytes() == b"tensors"
    assert (tmp_path / "config.json").read_bytes() == b"{}"


def test_a_file_that_changed_on_the_way_is_refused(worker: RayWorker) -> None:
    code = worker._files[1]
    assert code is not None
    worker._files = (None, code._replace(fetch=lambda: b"# another\\n" + NET.encode()))
    _, answer = worker.ready()
    assert isinstance(answer, Refused)
    assert "the code of net have the SHA-256" in answer.reason


def test_an_error_of_the_network_is_told_to_all_who_wait(
    worker: RayWorker, numbered_video: Callable[..., Path]
) -> None:
    _, ready = worker.ready()
    assert isinstance(ready, Ready)
    worker._network._encoder._net = None  # type: ignore[assignment]
    group = tuple(
        NumberedVideo(i, Video(f"v{i}", numbered_video(17, "v.avi"), 1.0)) for i in range(2)
    )
    answers = worker.encode(ready.blank, group)
    assert [type(answer) for answer in answers] == [Crashed, Crashed]


def test_paths_mean_the_same_in_every_folder() -> None:
    video = Video("v", Path("v.avi"), 1.0)
    ((number, found), (_, none)) = absolute(
        (NumberedVideo(3, video), NumberedVideo(4, replace(video, path=None)))
    )
    assert (number, found.path, none.path) == (3, Path.cwd() / "v.avi", None)


def test_what_an_address_of_rays_client_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "grpc", None)
    with pytest.raises(AqaError, match=r"^ray://h:1: .*pip install ray\[client\]; or give"):
        connected(RayCluster("ray://h:1"))
