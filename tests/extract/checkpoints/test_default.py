"""Without --weights a backbone takes its published ones, from the cache or a server."""

from __future__ import annotations

import json

import pytest

from aqa.annotations.manifest import write_manifest
from aqa.extract import rebuild
from aqa.extract.backbones import backbone_names, get_architecture
from aqa.extract.rebuild import rebuild_backbone
from aqa.features.store import FeatureStore


@pytest.fixture
def workspace(tmp_path, monkeypatch, numbered_video):
    """One short video, and an empty cache."""
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    numbered_video(16)
    write_manifest(tmp_path / "manifest.csv", [{"video_id": "v", "path": "video.avi", "score": 1}])
    return tmp_path


@pytest.fixture
def default(publish, monkeypatch):
    """The server has the default weights of mc3-18-tv."""
    record = publish(name="mc3-18-tv-k400")
    monkeypatch.setattr(rebuild, "known_checkpoints", lambda: (record,))
    return record


def test_extract_downloads_the_default_once(workspace, server, default, run_aqa):
    result = run_aqa("extract", "--backbone", "mc3-18-tv")
    for part in ("downloading mc3.pth, ", "Kinetics-400", "BSD-3-Clause", default.url, "cache/mc3"):
        assert part in result.stderr
    assert f"begins as published, {default.sha256}" in result.stderr
    assert "warning" not in result.stderr
    run_aqa("extract", "--backbone", "mc3-18-tv")
    assert server.asked == [None]
    with FeatureStore.open(workspace / "stores" / "mc3-18-tv.h5") as store:
        note = store.provenance["checkpoint"]
        assert note["source"] == default.url
        assert note["sha256"] == store.spec["weights"]["sha256"]
    note = json.loads((workspace / "cache" / "mc3.pth.json").read_text())
    assert note["licence"] == default.licence


def test_new_videos_find_the_weights_of_a_cache_that_has_moved(
    workspace, server, default, run_aqa, monkeypatch
):
    run_aqa("extract", "--backbone", "mc3-18-tv")
    with FeatureStore.open(workspace / "stores" / "mc3-18-tv.h5") as store:
        spec = store.spec
    (workspace / "cache").rename(workspace / "moved")
    monkeypatch.setenv("AQA_CACHE", str(workspace / "moved"))
    again = rebuild_backbone(spec)
    assert again.weights.path == str(workspace / "moved" / "mc3.pth")
    assert server.asked == [None]


def test_without_a_manifest_nothing_is_downloaded(workspace, server, default, run_aqa):
    (workspace / "manifest.csv").unlink()
    result = run_aqa("extract", "--backbone", "mc3-18-tv", code=1)
    assert "manifest.csv" in result.stderr
    assert server.asked == []


def test_a_store_of_other_weights_is_told_before_a_download(workspace, server, default, run_aqa):
    run_aqa("extract", "--backbone", "mc3-18-tv", "--weights", "random")
    result = run_aqa("extract", "--backbone", "mc3-18-tv", code=1)
    assert "made with the weights random; go on with --weights random" in result.stderr
    assert server.asked == []
    run_aqa("extract", "--backbone", "mc3-18-tv", "--store", "stores/other.h5")
    run_aqa("extract", "--backbone", "mc3-18-tv", "--store", "stores/other.h5")
    assert server.asked == [None]


def test_a_layer_that_is_none_is_refused_before_a_download(workspace, server, default, run_aqa):
    run_aqa("extract", "--backbone", "mc3-18-tv", "--layer", "fc6", code=2)
    assert server.asked == []


@pytest.mark.parametrize("name", backbone_names())
def test_every_default_fits_its_backbone(name):
    architecture = get_architecture(name)
    for record in architecture.checkpoints:
        assert record.backbone == name
        assert record.profile in architecture.profiles
        layout = architecture.layout(record.layout)
        layers = list(architecture.layers)
        if record is architecture.checkpoints[0] and layout.last_layer in layers:
            assert architecture.expected(architecture.default_layer).keys() <= (
                architecture.expected(layout.last_layer).keys()
            )
        assert record.by_hand or record.url.startswith(("https://", "http://"))
