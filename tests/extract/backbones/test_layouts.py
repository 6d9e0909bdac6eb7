"""Every layout in ../shared/checkpoint_layouts: loads strictly, whole, into the right network."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

from aqa.extract.backbones import backbone_names, get_architecture, load_backbone
from aqa.extract.checkpoints.recognition import identify

FOLDER = Path(__file__).parents[4] / "shared" / "checkpoint_layouts"
# File -> backbone, layout, and a layer that takes small pictures.
LAYOUTS = {
    "c3d-conv-only-mtlaqa": ("c3d", "mtl-aqa", "conv5b"),
    "c3d-sports1m-davidea": ("c3d", "davidea", "conv5b"),
    "c3d-sports1m-mmaction2": ("c3d", "mmaction2", "conv5b"),
    "mc3_18-torchvision-k400": ("mc3-18-tv", "torchvision", "avgpool"),
    "r2p1d18-hara-k700": ("r2plus1d-18", "hara-k700", "avgpool"),
    "r2p1d34-hara-k700": ("r2plus1d-34", "hara-k700", "avgpool"),
    "r2p1d50-hara-k700": ("r2plus1d-50", "hara-k700", "avgpool"),
    "r2plus1d_18-torchvision-k400": ("r2plus1d-18-tv", "torchvision", "avgpool"),
    "r2plus1d_34-ig65m-k400": ("r2plus1d-34-ig65m", "ig65m-k400", "avgpool"),
    "r3d101-hara-k700": ("r3d-101", "hara-k700", "avgpool"),
    "r3d18-hara-k700": ("r3d-18", "hara-k700", "avgpool"),
    "r3d34-hara-k700": ("r3d-34", "hara-k700", "avgpool"),
    "r3d50-hara-k700": ("r3d-50", "hara-k700", "avgpool"),
    "r3d_18-torchvision-k400": ("r3d-18-tv", "torchvision", "avgpool"),
}
# With the classifier, as torchvision counts them (`num_params` of its weights).
PUBLISHED = {"r3d-18-tv": 33371472, "mc3-18-tv": 11695440, "r2plus1d-18-tv": 31505325}
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


def read(stem):
    path = FOLDER / f"{stem}.json"
    if not path.exists():
        pytest.skip(f"{path} is not here: it comes with the workplace, not with the repository")
    return json.loads(path.read_text())["keys"]


def learned(shapes):
    return sum(math.prod(v) for k, v in shapes.items() if not k.endswith(BUFFERS))


def test_no_layout_is_forgotten():
    if not FOLDER.exists():
        pytest.skip(f"{FOLDER} is not here: it comes with the workplace, not with the repository")
    assert {path.stem for path in FOLDER.glob("*.json")} == LAYOUTS.keys()


@pytest.mark.parametrize("stem", LAYOUTS)
def test_a_published_layout_loads_strictly(stem, tmp_path, make_state):
    name, layout, layer = LAYOUTS[stem]
    shapes = read(stem)
    state = {f"module.{key}": value for key, value in make_state(shapes).items()}
    path = tmp_path / "published.pth"
    torch.save({"epoch": 200, "arch": name, "state_dict": state}, path)

    deepest = get_architecture(name).layout(layout).last_layer
    length = get_architecture(name).clip_length
    whole = load_backbone(name, path, deepest, clip_length=length)
    assert whole.weights.layout == layout
    prefixes = get_architecture(name).layout(layout).classifier
    body = {k: v for k, v in shapes.items() if not k.startswith(prefixes)}
    assert sum(p.numel() for p in whole.parameters()) == learned(body)
    assert learned(shapes) == PUBLISHED.get(name, learned(shapes))

    small = whole if layer == deepest else load_backbone(name, path, layer, clip_length=length)
    with torch.inference_mode():
        features = small(torch.randn(2, 3, 16, 32, 32))
    assert features.shape[:2] == (2, small.shape[0])
    assert torch.isfinite(features).all()


@pytest.mark.parametrize("stem", LAYOUTS)
def test_a_published_layout_is_of_one_backbone_and_of_any_class_count(stem):
    name, layout, _ = LAYOUTS[stem]
    shapes = read(stem)
    with torch.device("meta"):
        state = {key: torch.empty(shape) for key, shape in shapes.items()}
        for classes in (None, 101, 1039):
            for key, shape in shapes.items():
                if classes and key.startswith(("fc.", "fc8.")):
                    state[key] = torch.empty(classes, *shape[1:])
            found = identify(state)
            assert found is not None
            assert (found[0].name, found[1].name) == (name, layout)
            if classes and any(key.startswith(found[1].classifier) for key in shapes):
                assert found[1].classes(state) == classes


def takes_any_size(name):
    """Whether a network takes other clips and pictures than its weights were trained on."""
    return name != "c3d" and not name.startswith(("videomae", "clip"))


@pytest.mark.parametrize("name", [*filter(takes_any_size, backbone_names())])
def test_longer_clips_and_larger_pictures_are_averaged_over(name):
    architecture = get_architecture(name)
    layer = architecture.default_layer
    with torch.device("meta"):
        net = architecture.build(layer).eval()
        assert net(torch.empty(1, 3, 40, 200, 180)).shape == (1, *architecture.layers[layer])


def test_i3d_has_as_many_numbers_as_its_published_file_has_bytes_for():
    # rgb_imagenet.pt is 50,883,138 bytes: four a number, the rest is names.
    sizes = get_architecture("i3d").expected("avgpool").items()
    numbers = sum(math.prod(v) for k, v in sizes if not k.endswith("num_batches_tracked"))
    names = 50_883_138 - 4 * (numbers + 1024 * 400 + 400)
    assert 0 < names < 400 * len(sizes)


@pytest.mark.parametrize(("classes", "frames"), [(359, 8), (487, 32)])
def test_clips_of_ig65m_are_as_long_as_its_class_count_tells(
    classes, frames, tmp_path, published_state
):
    state = published_state("r2plus1d-34-ig65m")
    state |= {"fc.weight": torch.zeros(classes, 512), "fc.bias": torch.zeros(classes)}
    path = tmp_path / "ig65m.pth"
    torch.save(state, path)
    backbone = load_backbone("r2plus1d-34-ig65m", path, "layer4")
    assert backbone.clip_length == frames
    assert backbone.shape == (512, frames // 8, 7, 7)


def test_short_clips_that_p3d_cannot_halve_are_an_error_that_says_so():
    net = get_architecture("p3d-199").build("avgpool")
    with pytest.raises(Exception, match="clips of 16 frames or more, not of 8"):
        net(torch.zeros(1, 3, 8, 32, 32))


def test_random_features_neither_vanish_nor_blow_up():
    for name in ("r3d-101", "p3d-199", "i3d"):
        backbone = load_backbone(name, "random", seed=1)
        with torch.inference_mode():
            spread = backbone(torch.randn(1, 3, 16, 64, 64)).std().item()
        assert 0.1 < spread < 30, name
