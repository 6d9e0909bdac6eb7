"""What the networks are: sizes, layers, and how their frames are prepared, as their authors state.

The numbers of tensors and weights are those of the published files, whose layouts are tested where
they are at hand; here they are held fast.
"""

from __future__ import annotations

import math

import pytest
import torch

from aqa.extract.backbones import backbone_names, get_architecture, i3d

# Backbone -> its default layer, frames per clip, and for each layer: the number of tensors, that
# of the weights in them, and the shape of its feature.
DESIGNS = {
    "c3d": (
        "fc6",
        16,
        {
            "conv5b": (16, 27_655_936, (512, 2, 7, 7)),
            "pool5": (16, 27_655_936, (8192,)),
            "fc6": (18, 61_214_464, (4096,)),
            "fc7": (20, 77_995_776, (4096,)),
        },
    ),
    "r3d-18": (
        "avgpool",
        16,
        {
            "avgpool": (120, 33_213_524, (512,)),
            "layer4": (120, 33_213_524, (512, 1, 4, 4)),
        },
    ),
    "r3d-34": (
        "avgpool",
        16,
        {
            "avgpool": (216, 63_530_596, (512,)),
            "layer4": (216, 63_530_596, (512, 1, 4, 4)),
        },
    ),
    "r3d-50": (
        "avgpool",
        16,
        {
            "avgpool": (318, 46_252_149, (2048,)),
            "layer4": (318, 46_252_149, (2048, 1, 4, 4)),
        },
    ),
    "r3d-101": (
        "avgpool",
        16,
        {
            "avgpool": (624, 85_350_568, (2048,)),
            "layer4": (624, 85_350_568, (2048, 1, 4, 4)),
        },
    ),
    "r2plus1d-18": (
        "avgpool",
        16,
        {
            "avgpool": (222, 33_242_291, (512,)),
            "layer4": (222, 33_242_291, (512, 1, 4, 4)),
        },
    ),
    "r2plus1d-34": (
        "avgpool",
        16,
        {
            "avgpool": (414, 63_592_787, (512,)),
            "layer4": (414, 63_592_787, (512, 1, 4, 4)),
        },
    ),
    "r2plus1d-50": (
        "avgpool",
        16,
        {
            "avgpool": (420, 46_286_184, (2048,)),
            "layer4": (420, 46_286_184, (2048, 1, 4, 4)),
        },
    ),
    "i3d": (
        "avgpool",
        16,
        {
            "avgpool": (342, 12_301_881, (1024,)),
            "mixed5c": (342, 12_301_881, (1024, 2, 7, 7)),
        },
    ),
    "r2plus1d-34-ig65m": (
        "avgpool",
        32,
        {
            "avgpool": (414, 63_542_332, (512,)),
            "layer4": (414, 63_542_332, (512, 4, 7, 7)),
        },
    ),
    "isa": (
        "pool",
        16,
        {
            "pool": (4, 1_008_500, (500,)),
            "pool1": (2, 768_300, (300,)),
        },
    ),
    "p3d-199": (
        "avgpool",
        16,
        {
            "avgpool": (1212, 65_845_130, (2048,)),
            "layer4": (1212, 65_845_130, (2048, 1, 5, 5)),
        },
    ),
    "tiny3d": (
        "pool",
        16,
        {
            "conv7": (14, 856_544, (128, 2, 4, 4)),
            "pool": (14, 856_544, (128,)),
        },
    ),
    "mscadc": (
        "pool",
        16,
        {
            "conv5b": (56, 6_921_480, (256, 2, 20, 20)),
            "pool": (107, 7_358_851, (12,)),
        },
    ),
    "r3d-18-tv": (
        "avgpool",
        16,
        {
            "avgpool": (120, 33_175_892, (512,)),
            "layer4": (120, 33_175_892, (512, 2, 7, 7)),
        },
    ),
    "mc3-18-tv": (
        "avgpool",
        16,
        {
            "avgpool": (120, 11_499_860, (512,)),
            "layer4": (120, 11_499_860, (512, 16, 7, 7)),
        },
    ),
    "r2plus1d-18-tv": (
        "avgpool",
        16,
        {
            "avgpool": (222, 31_325_512, (512,)),
            "layer4": (222, 31_325_512, (512, 2, 7, 7)),
        },
    ),
    # Numbers of VideoMAE: its files' and 12 biases of keys, which are zero. Those of DINOv2 are its
    # hub pages' without the mask token; those of CLIP are its image towers'.
    "videomae-s": ("pooled", 16, {"pooled": (148, 21_879_936 + 12 * 384, (384,))}),
    "videomae-b": ("pooled", 16, {"pooled": (148, 86_227_200 + 12 * 768, (768,))}),
    "videomae-v2-s": ("pooled", 16, {"pooled": (148, 21_879_936 + 12 * 384, (384,))}),
    "videomae-v2-b": ("pooled", 16, {"pooled": (148, 86_227_200 + 12 * 768, (768,))}),
    "timesformer-b": ("token", 8, {"token": (247, 121_258_752, (768,))}),
    "vjepa2-l": ("pooled", 16, {"pooled": (292, 303_885_312, (1024,))}),
    "video-swin-base": (
        "pooled",
        32,
        {
            "pooled": (327, 87_638_984, (1024,)),
            "stage4": (327, 87_638_984, (1024, 16, 7, 7)),
        },
    ),
    "dinov2-s": ("token", 16, {"token": (174, 22_056_576 - 384, (384,))}),
    "dinov2-b": ("token", 16, {"token": (174, 86_580_480 - 768, (768,))}),
    "dinov2-l": ("token", 16, {"token": (342, 304_368_640 - 1024, (1024,))}),
    "dinov2-g": ("token", 16, {"token": (566, 1_136_480_768 - 1536, (1536,))}),
    "clip-b32": (
        "embedding",
        16,
        {
            "embedding": (152, 87_849_216, (512,)),
            "token": (151, 87_849_216 - 768 * 512, (768,)),
        },
    ),
    "clip-b16": (
        "embedding",
        16,
        {
            "embedding": (152, 86_192_640, (512,)),
            "token": (151, 86_192_640 - 768 * 512, (768,)),
        },
    ),
    "clip-l14": (
        "embedding",
        16,
        {
            "embedding": (296, 303_966_208, (768,)),
            "token": (295, 303_966_208 - 1024 * 768, (1024,)),
        },
    ),
    "clip-l14-336": (
        "embedding",
        16,
        {
            "embedding": (296, 304_293_888, (768,)),
            "token": (295, 304_293_888 - 1024 * 768, (1024,)),
        },
    ),
    # OpenCLIP's tables give 632.08 and 1844.91 million, which these are to two decimals.
    "clip-h14": (
        "embedding",
        16,
        {
            "embedding": (392, 632_076_800, (1024,)),
            "token": (391, 632_076_800 - 1280 * 1024, (1280,)),
        },
    ),
    "clip-bigg14": (
        "embedding",
        16,
        {
            "embedding": (584, 1_844_907_264, (1280,)),
            "token": (583, 1_844_907_264 - 1664 * 1280, (1664,)),
        },
    ),
}
# Black and grey with the mean and std of ImageNet's colours, of CLIP's pictures, of 0.45 and 0.225.
_IMAGENET = ([-2.118, -2.036, -1.804], [0.074, 0.205, 0.427])
_CLIP = ([-1.792, -1.752, -1.480], [0.076, 0.169, 0.340])
_GREY = ([-2.0] * 3, [0.231] * 3)
_TODAY = {
    **{
        (name, profile): (224, (224, 224), "RGB", how, *_IMAGENET)
        for name in ("videomae-s", "videomae-b")
        for profile, how in (("videomae", "linear"), ("hub", "pillow-bilinear"))
    },
    **{
        (name, profile): values
        for name in ("videomae-v2-s", "videomae-v2-b")
        for profile, values in (
            ("videomae", (224, (224, 224), "RGB", "linear", *_IMAGENET)),
            ("tad", ((224, 224), (224, 224), "RGB", "linear", [0.0] * 3, [0.502] * 3)),
        )
    },
    ("timesformer-b", "timesformer"): (256, (224, 224), "RGB", "linear", *_GREY),
    ("timesformer-b", "hub"): (224, (224, 224), "RGB", "pillow-bilinear", *_GREY),
    ("vjepa2-l", "vjepa2"): (292, (256, 256), "RGB", "linear", *_IMAGENET),
    ("vjepa2-l", "hub"): (292, (256, 256), "RGB", "pillow-bilinear", *_IMAGENET),
    ("video-swin-base", "microsoft"): (
        224,
        (224, 224),
        "RGB",
        "linear",
        *([-2.118, -2.036, -1.804], [0.074, 0.205, 0.427]),
    ),
    **{
        (f"dinov2-{size}", "hub"): (256, (224, 224), "RGB", "pillow-bicubic", *_IMAGENET)
        for size in "sblg"
    },
    **{
        (name, "hub"): (side, (side, side), "RGB", "pillow-bicubic", *_CLIP)
        for name, side in (
            *(("clip-b32", 224), ("clip-b16", 224), ("clip-l14", 224), ("clip-l14-336", 336)),
            *(("clip-h14", 224), ("clip-bigg14", 224)),
        )
    },
}
# The profile of a backbone -> resize, crop, channels, and grey 128 in each channel, normalised.
PROFILES = {
    ("c3d", "davidea"): (
        (112, 200),
        (112, 112),
        "RGB",
        "linear",
        [0.0, 0.0, 0.0],
        [128.0, 128.0, 128.0],
    ),
    ("c3d", "mmaction2"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-104.0, -117.0, -128.0],
        [24.0, 11.0, 0.0],
    ),
    ("c3d", "mtl-aqa"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-2.118, -2.036, -1.804],
        [0.074, 0.205, 0.426],
    ),
    ("r3d-18", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r3d-34", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r3d-50", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r3d-101", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r2plus1d-18", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r2plus1d-34", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("r2plus1d-50", "hara-k700"): (
        112,
        (112, 112),
        "RGB",
        "linear",
        [-1.57, -1.493, -1.379],
        [0.244, 0.357, 0.455],
    ),
    ("i3d", "piergiaj"): (
        256,
        (224, 224),
        "RGB",
        "linear",
        [-1.0, -1.0, -1.0],
        [0.004, 0.004, 0.004],
    ),
    ("i3d", "musdl"): (
        (256, 455),
        (224, 224),
        "RGB",
        "linear",
        [-2.118, -2.036, -1.804],
        [0.074, 0.205, 0.426],
    ),
    ("r2plus1d-34-ig65m", "ig65m-k400"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-1.895, -1.782, -1.735],
        [0.306, 0.485, 0.578],
    ),
    ("isa", "isa"): ((96, 128), (96, 128), "RGB", "area", [0.0, 0.0, 0.0], [0.502, 0.502, 0.502]),
    **{
        ("mscadc", name): (
            resize,
            (180, 180),
            "RGB",
            "linear",
            [-2.118, -2.036, -1.804],
            [0.074, 0.205, 0.427],
        )
        for name, resize in (("mtl-aqa", (360, 640)), ("whole", 180))
    },
    ("p3d-199", "qijiezhao"): (
        (182, 242),
        (160, 160),
        "RGB",
        "linear",
        [-2.118, -2.036, -1.804],
        [0.074, 0.205, 0.426],
    ),
    ("p3d-199", "s3d"): (
        (160, 160),
        (160, 160),
        "RGB",
        "linear",
        [-2.118, -2.036, -1.804],
        [0.074, 0.205, 0.426],
    ),
    ("p3d-199", "caffe"): (
        (182, 242),
        (160, 160),
        "BGR",
        "linear",
        [-104.0, -117.0, -123.0],
        [24.0, 11.0, 5.0],
    ),
    ("tiny3d", "tiny3d"): (
        (80, 106),
        (64, 64),
        "RGB",
        "area",
        [-1.8, -1.8, -1.8],
        [0.208, 0.208, 0.208],
    ),
    ("r3d-18-tv", "torchvision"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-1.895, -1.782, -1.735],
        [0.306, 0.485, 0.578],
    ),
    ("mc3-18-tv", "torchvision"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-1.895, -1.782, -1.735],
        [0.306, 0.485, 0.578],
    ),
    ("r2plus1d-18-tv", "torchvision"): (
        (128, 171),
        (112, 112),
        "RGB",
        "linear",
        [-1.895, -1.782, -1.735],
        [0.306, 0.485, 0.578],
    ),
    **_TODAY,
}


@pytest.mark.parametrize("name", backbone_names())
def test_networks_are_what_they_were(name: str) -> None:
    default, clip_length, layers = DESIGNS[name]
    architecture = get_architecture(name)
    assert architecture.name == name
    assert (architecture.default_layer, architecture.clip_length) == (default, clip_length)
    assert set(architecture.layers) == set(layers)
    crop = architecture.profile(architecture.default_profile).crop
    for layer, (n_tensors, n_weights, shape) in layers.items():
        tensors = architecture.expected(layer)
        assert len(tensors) == n_tensors
        assert sum(math.prod(size) for size in tensors.values()) == n_weights
        assert tuple(architecture.layers[layer]) == shape
        with torch.device("meta"):  # shapes alone: nothing is computed
            net, clips = architecture.build(layer).eval(), torch.empty(2, 3, clip_length, *crop)
        with torch.inference_mode():
            assert tuple(net(clips).shape) == (2, *shape)


def test_all_profiles_are_known() -> None:
    known = [(n, profile) for n in backbone_names() for profile in get_architecture(n).profiles]
    assert sorted(known) == sorted(PROFILES)


@pytest.mark.parametrize(("name", "profile"), PROFILES)
def test_frames_are_prepared_as_they_were(name: str, profile: str) -> None:
    resize, crop, channels, interpolation, black, grey = PROFILES[name, profile]
    preprocess = get_architecture(name).profile(profile)
    assert (preprocess.resize, preprocess.crop) == (resize, crop)
    assert (preprocess.channels, preprocess.interpolation) == (channels, interpolation)
    for value, expected in ((0, black), (128, grey)):
        frame = torch.full((1, 1, 1, 1, 3), value, dtype=torch.uint8)
        assert preprocess.normalise(frame).flatten().tolist() == pytest.approx(expected, abs=1e-3)


def test_i3d_pads_and_pools_as_carreira2017(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its windows and strides in order; the first padding is that of its convolution."""
    padded, pooled = [], []
    pad, pool = i3d.same_pad, i3d.same_max_pool
    monkeypatch.setattr(i3d, "same_pad", lambda x, *a: padded.append(a) or pad(x, *a))
    monkeypatch.setattr(i3d, "same_max_pool", lambda x, *a: pooled.append(a) or pool(x, *a))
    with torch.device("meta"):
        net, clips = get_architecture("i3d").build("avgpool").eval(), torch.empty(1, 3, 16, 64, 64)
    with torch.inference_mode():
        net(clips)
    assert padded[0] == ((7, 7, 7), (2, 2, 2))
    between = [one for one in pooled if one[1] != (1, 1, 1)]
    assert between == [
        ((1, 3, 3), (1, 2, 2)),
        ((1, 3, 3), (1, 2, 2)),
        ((3, 3, 3), (2, 2, 2)),
        ((2, 2, 2), (2, 2, 2)),
    ]
