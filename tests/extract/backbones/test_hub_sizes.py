"""What a hub's `config.json` decides of DINOv2 and CLIP, and how their files are told apart."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from aqa.extract.backbones import get_architecture
from aqa.extract.checkpoints.hub import PARTS, file_in
from aqa.extract.checkpoints.recognition import identify
from aqa.extract.checkpoints.records import WeightsError

# Of hub pages: LAION's towers and OpenAI's differ in the activation, and in what they leave out.
LAION = {"hidden_act": "gelu", "hidden_size": 768, "image_size": 224, "patch_size": 32}
OPENAI = {"hidden_act": "quick_gelu", "hidden_size": 768, "num_hidden_layers": 12}


def built(name: str, config: dict[str, Any]) -> Any:
    """The network of a `config.json`, without its numbers."""
    layout = get_architecture(name).layouts[0].configured(config)
    assert layout.build is not None
    with torch.device("meta"):
        return layout.build("embedding")


@pytest.mark.parametrize(("config", "quick"), [(LAION, False), (OPENAI, True), ({}, True)])
@pytest.mark.parametrize("whole", [True, False])
def test_clips_activation_is_that_of_its_config(
    config: dict[str, Any], quick: bool, whole: bool
) -> None:
    net = built("clip-b32", {"vision_config": config, "projection_dim": 512} if whole else config)
    assert [block.mlp.quick for block in net.blocks] == [quick] * 12


@pytest.mark.parametrize(
    ("name", "config", "told"),
    [
        ("clip-b32", {"hidden_act": "gelu_new"}, "hidden_act is 'gelu_new'"),
        ("clip-l14", {"image_size": 336}, "image_size is 336, and this backbone's is 224"),
        ("clip-l14-336", {"image_size": 224}, "image_size is 224, and this backbone's is 336"),
        ("clip-h14", {"patch_size": 16}, "patch_size is 16, and this backbone's is 14"),
        ("dinov2-g", {"use_swiglu_ffn": False}, "use_swiglu_ffn is False"),
        ("dinov2-s", {"use_swiglu_ffn": True}, "use_swiglu_ffn is True"),
        ("dinov2-s", {"num_register_tokens": 4}, "num_register_tokens is 4"),
    ],
)
def test_a_config_of_another_network_is_refused(
    name: str, config: dict[str, Any], told: str
) -> None:
    with pytest.raises(WeightsError, match=re.escape(told)):
        built(name, config)


@pytest.mark.parametrize("name", ["dinov2-s", "dinov2-g", "clip-l14", "clip-l14-336", "clip-h14"])
def test_files_of_each_size_are_told_apart(name: str) -> None:
    architecture = get_architecture(name)
    for layout in architecture.layouts:
        shapes = architecture.expected_keys(layout)
        with torch.device("meta"):
            found = identify({key: torch.empty(shape) for key, shape in shapes.items()})
        assert found == (architecture, layout)


def test_registers_have_a_layout_of_their_own() -> None:
    architecture = get_architecture("dinov2-b")
    plain, registers = map(architecture.expected_keys, architecture.layouts)
    assert registers.keys() - plain.keys() == {"embeddings.register_tokens"}
    assert registers["embeddings.register_tokens"] == (1, 4, 768)


def test_a_folder_of_several_parts_is_told_so(tmp_path: Path) -> None:
    (tmp_path / PARTS).write_text("{}")
    with pytest.raises(WeightsError, match="the tensors lie in several files") as caught:
        file_in(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / PARTS}: ")
