"""The transformers of today held against Hugging Face's own classes, on small random weights.

Each is saved by `save_pretrained`, under the names of the published files, and read by our layout.
The extra `transformers` is needed for that; `test_today_layouts.py` holds the names and shapes of
the real sizes without it.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aqa.extract.backbones import get_architecture
from aqa.extract.backbones.clip import CLIPImages
from aqa.extract.backbones.dinov2 import DINOv2
from aqa.extract.backbones.timesformer import TimeSformer
from aqa.extract.backbones.videomae import VideoMAE
from aqa.extract.backbones.vit import ViTDesign
from aqa.extract.backbones.vjepa2 import VJEPA2
from aqa.extract.checkpoints.hub import preprocess_of
from aqa.extract.checkpoints.layouts import mismatches
from aqa.extract.checkpoints.state_files import read_state
from aqa.extract.preprocess import IMAGENET

pytest.importorskip("transformers", reason="the extra `transformers` is not installed")
SMALL = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
DESIGN = ViTDesign(width=48, depth=3, heads=4, hidden=80)


def theirs(family: str, model: str, config: str, **settings: Any) -> nn.Module:
    """A model of Hugging Face's with random weights, of which none is small."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    configuration = importlib.import_module(f"transformers.models.{family}.configuration_{family}")
    modeling = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    torch.manual_seed(0)
    made = getattr(modeling, model)(getattr(configuration, config)(**settings)).eval()
    for name, tensor in made.named_parameters():
        shift = 1.0 if ("norm" in name and name.endswith("weight")) or "lambda" in name else 0.0
        tensor.data = shift + 0.3 * torch.randn(tensor.shape) / max(1, tensor[0].numel()) ** 0.25
    return made


def loaded(model: nn.Module, folder: Path, name: str, layout: str, net: Callable) -> nn.Module:
    """A small net of ours with the tensors that their class writes; the layout must be whole."""
    model.save_pretrained(folder)
    how = get_architecture(name).layout(layout)
    config = json.loads((folder / "config.json").read_text())
    made = net(config).eval()
    state = how.without_classifier(read_state(folder / "model.safetensors"))
    expected = {key: value.shape for key, value in made.state_dict().items()}
    assert not mismatches(state, how.shapes(expected))
    made.load_state_dict({key: how.assembled(state, key) for key in expected})
    return made


def differs(got: Tensor, expected: Tensor) -> float:
    """Relative L2."""
    assert got.shape == expected.shape
    assert expected.std() > 1e-2
    return float((got - expected).norm() / expected.norm())


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("tuned", [True, False])
def test_videomae(tuned: bool, tmp_path: Path) -> None:
    settings = {**SMALL, "intermediate_size": 80, "image_size": 48, "num_frames": 6}
    kind = "VideoMAEForVideoClassification" if tuned else "VideoMAEModel"
    model = theirs("videomae", kind, "VideoMAEConfig", use_mean_pooling=tuned, **settings)

    def net(config: dict) -> nn.Module:
        assert config["layer_norm_eps"] == 1e-12
        design = replace(DESIGN, eps=1e-12)
        return VideoMAE(design, norm_first=not tuned, mean_eps=1e-5, size=(6, 48, 48))

    ours = loaded(model, tmp_path, "videomae-b", "hub" if tuned else "hub-pretrained", net)
    clips = noise(2, 3, 6, 48, 48)
    with torch.inference_mode():
        if tuned:
            tokens = model.videomae(clips.transpose(1, 2)).last_hidden_state
            expected = model.fc_norm(tokens.mean(1))
        else:
            expected = model(clips.transpose(1, 2)).last_hidden_state.mean(1)
        assert differs(ours(clips), expected) < 1e-4
        ours.places.zero_()
        assert differs(ours(clips), expected) > 1e-2


def test_timesformer(tmp_path: Path) -> None:
    settings = {**SMALL, "intermediate_size": 80, "image_size": 48, "num_frames": 4}
    kind = "TimesformerForVideoClassification"
    model = theirs("timesformer", kind, "TimesformerConfig", **settings)
    ours = loaded(
        *(model, tmp_path, "timesformer-b", "hub"),
        lambda config: TimeSformer(DESIGN, frames=4, grid=3),
    )
    clips = noise(2, 3, 4, 48, 48)
    with torch.inference_mode():
        expected = model.timesformer(clips.transpose(1, 2)).last_hidden_state[:, 0]
        assert differs(ours(clips), expected) < 1e-4
        assert differs(ours(clips.flip(2)), expected) > 1e-3
        ours.time_embed.zero_()
        assert differs(ours(clips), expected) > 1e-3


@pytest.mark.parametrize("frames", [4, 8])
def test_vjepa2(frames: int, tmp_path: Path) -> None:
    settings = {**SMALL, "crop_size": 64, "frames_per_clip": 4, "num_attention_heads": 3}
    predictor = {"pred_hidden_size": 24, "pred_num_attention_heads": 2, "pred_num_hidden_layers": 1}
    model = theirs("vjepa2", "VJEPA2Model", "VJEPA2Config", **settings, **predictor)
    design = replace(DESIGN, heads=3, hidden=192)
    ours = loaded(model, tmp_path, "vjepa2-l", "hub", lambda config: VJEPA2(design))
    clips = noise(2, 3, frames, 64, 64)
    with torch.inference_mode():
        output = model(clips.transpose(1, 2), skip_predictor=True)
        expected = output.last_hidden_state.mean(1)
        assert differs(ours(clips), expected) < 1e-4
        assert differs(ours(clips.flip(2)), expected) > 1e-3


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("registers", [0, 4])
def test_dinov2(registers: int, gated: bool, tmp_path: Path) -> None:
    family = "dinov2_with_registers" if registers else "dinov2"
    kind = "Dinov2WithRegisters" if registers else "Dinov2"
    settings = {**SMALL, "image_size": 70, "patch_size": 14, "use_swiglu_ffn": gated}
    model = theirs(family, f"{kind}Model", f"{kind}Config", **settings)
    design = replace(DESIGN, hidden=128 if gated else 192, scaled=True, gated=gated)
    ours = loaded(
        *(model, tmp_path, "dinov2-b", "hub-registers" if registers else "hub"),
        lambda config: DINOv2(design, grid=5, registers=registers),
    )
    for size in (70, 42):  # that of the table of places, and a smaller picture
        clips = noise(2, 3, 3, size, size)
        with torch.inference_mode():
            frames = model(clips.transpose(1, 2).flatten(0, 1)).pooler_output
            assert differs(ours(clips), frames.unflatten(0, (2, 3)).mean(1)) < 1e-4
            assert differs(ours(clips[:, :, :1]), frames.unflatten(0, (2, 3))[:, 0]) < 1e-4


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("layer", ["embedding", "token"])
def test_clip(layer: str, activation: str, tmp_path: Path) -> None:
    settings = {**SMALL, "intermediate_size": 80, "image_size": 64, "patch_size": 16}
    kind = "CLIPVisionModelWithProjection"
    settings |= {"projection_dim": 20, "hidden_act": activation}
    model = theirs("clip", kind, "CLIPVisionConfig", **settings)
    design = replace(DESIGN, eps=1e-5, quick=activation == "quick_gelu")
    ours = loaded(
        *(model, tmp_path, "clip-b16", "hub"),
        lambda config: CLIPImages(design, 16, 20, "embedding", side=64),
    )
    ours.projected = layer == "embedding"
    clips = noise(2, 3, 3, 64, 64)
    with torch.inference_mode():
        frames = clips.transpose(1, 2).flatten(0, 1)
        if layer == "embedding":
            expected = model(frames).image_embeds
        else:
            expected = model.vision_model(frames).pooler_output
        assert differs(ours(clips), expected.unflatten(0, (2, 3)).mean(1)) < 1e-4
        for block in ours.blocks:
            block.mlp.quick = not block.mlp.quick
        assert differs(ours(clips), expected.unflatten(0, (2, 3)).mean(1)) > 1e-3


@pytest.mark.parametrize(
    ("name", "processor", "settings"),
    [
        # Its published preprocessor_config.json is to have ImageNet's mean and std.
        (
            "videomae-b",
            "models.videomae.image_processing_pil_videomae.VideoMAEImageProcessorPil",
            {"image_mean": IMAGENET[0], "image_std": IMAGENET[1]},
        ),
        ("clip-b16", "models.clip.image_processing_pil_clip.CLIPImageProcessorPil", {}),
        (
            "dinov2-s",
            "models.bit.image_processing_pil_bit.BitImageProcessorPil",
            {
                **{"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}},
                **{"image_mean": IMAGENET[0], "image_std": IMAGENET[1]},
            },
        ),
    ],
)
@pytest.mark.parametrize("size", [(240, 320), (479, 301), (224, 224), (180, 333)])
def test_frames_are_prepared_as_theirs(
    name: str, processor: str, settings: dict[str, Any], size: tuple[int, int]
) -> None:
    module, _, kind = processor.rpartition(".")
    logging.getLogger("transformers").setLevel(logging.ERROR)
    made = getattr(importlib.import_module(f"transformers.{module}"), kind)(**settings)
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    frame = cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)
    expected = np.asarray(made(frame, return_tensors="np")["pixel_values"])
    preprocess = get_architecture(name).profile("hub")
    ours = preprocess.normalise(torch.from_numpy(preprocess.resize_and_crop(frame))[None, None])
    got = ours[0, :, 0].numpy()
    np.testing.assert_allclose(got, expected.reshape(got.shape), atol=1e-5)
    assert preprocess_of(json.loads(made.to_json_string())) == preprocess
