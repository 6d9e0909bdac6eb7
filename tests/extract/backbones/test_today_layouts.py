"""The published names and shapes of ../shared/checkpoint_layouts_today, and how files wrap them.

What the networks compute is held against Hugging Face's classes in `test_hub_parity.py`; here the
authors' files are held against the hub's, tensor by tensor.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from aqa.extract.backbones import get_architecture, load_backbone
from aqa.extract.backbones.load import save_tuned
from aqa.extract.backbones.timesformer import TimeSformer
from aqa.extract.backbones.videomae import VideoMAE, sine_table
from aqa.extract.backbones.vit import ViTDesign
from aqa.extract.backbones.vjepa2 import VJEPA2
from aqa.extract.checkpoints import hub
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.recognition import fitting_layout, identify
from aqa.extract.checkpoints.records import WeightsError
from aqa.extract.checkpoints.state_files import read_state
from aqa.extract.rebuild import published_weights

FOLDER = Path(__file__).parents[4] / "shared" / "checkpoint_layouts_today"
# File -> backbone, layout, the entry of a training file that its tensors lie in, and whether a file
# with those tensors tells the backbone, which the same network with other weights keeps it from.
FILES = {
    "i3d_rgb-hassony2-k400": ("i3d", "hassony2", None, True),
    "swin3d_b-microsoft-k600": ("video-swin-base", "microsoft", "state_dict", True),
    "timesformer_b_8x32-meta-k400": ("timesformer-b", "meta", "model_state", True),
    "videomae_vit_b-mcg_nju-k400": ("videomae-b", "mcg-nju", "module", True),
    "videomae_vit_b-huggingface-k400": ("videomae-b", "hub", None, True),
    "videomae_vit_s-huggingface-k400": ("videomae-s", "hub", None, True),
    "videomae_vit_b-huggingface-k400_pretrain": ("videomae-b", "hub-pretrained", None, True),
    "videomaev2_vit_b-huggingface-pretrain": ("videomae-v2-b", "opengvlab", None, False),
    "videomaev2_vit_b-opengvlab-k710": ("videomae-v2-b", "opengvlab", "module", True),
    "videomaev2_vit_s-opengvlab-k710": ("videomae-v2-s", "opengvlab", "module", True),
    "vjepa2_vit_l-meta-videomix22m": ("vjepa2-l", "meta", "target_encoder", True),
    "vjepa2_vit_l-huggingface-videomix22m": ("vjepa2-l", "hub", None, True),
}
DESIGN = ViTDesign(width=48, depth=3, heads=3, hidden=96)


def described(stem: str) -> dict[str, Any]:
    path = FOLDER / f"{stem}.json"
    if not path.exists():
        pytest.skip(f"{path} is not here: it comes with the workplace, not with the repository")
    return json.loads(path.read_text())


def test_no_layout_is_forgotten() -> None:
    if not FOLDER.exists():
        pytest.skip(f"{FOLDER} is not here: it comes with the workplace, not with the repository")
    assert {path.stem for path in FOLDER.glob("*.json")} == FILES.keys()


@pytest.mark.parametrize("stem", FILES)
def test_a_published_file_is_recognised(stem: str, tmp_path: Path, make_state: Any) -> None:
    """As it is wrapped; all of its tensors but the classifier and what the backbone leaves out."""
    name, layout_name, wrapper, alone = FILES[stem]
    state = make_state(described(stem)["keys"])
    if name == "vjepa2-l" and wrapper:  # its file is said to hold one that nothing reads
        state["module.backbone.pos_embed"] = torch.zeros(1, 8, 4)
    content = state if wrapper is None else {"epoch": 3, wrapper: state, "optimizer": {"lr": 0.1}}
    torch.save(content, tmp_path / "published.pth")
    read = read_state(tmp_path / "published.pth")
    architecture = get_architecture(name)
    layout = fitting_layout(architecture, read)
    assert layout is not None
    assert layout.name == layout_name
    if alone:
        assert identify(read) == (architecture, layout)


@pytest.mark.parametrize("stem", [stem for stem in FILES if not stem.startswith("i3d")])
def test_the_preprocessing_is_the_published_one(stem: str) -> None:
    name, layout_name, _, _ = FILES[stem]
    told = described(stem)["preprocessing"]
    architecture = get_architecture(name)
    layout = architecture.layout(layout_name)
    assert len(layout.profiles) == 1
    made = architecture.profile(layout.profiles[0])
    assert list(made.crop) == told["size"]
    assert (list(made.mean), list(made.std)) == (told["mean"], told["std"])
    swin = name == "video-swin-base"
    assert made.scale == (1.0 if swin else pytest.approx(1 / 255))
    assert made.truncate is not swin
    sides = [int(number) for number in re.findall(r"\b2\d\d\b", told["resize"])]
    assert made.resize in sides
    antialiased = layout_name.startswith("hub")
    assert made.interpolation == ("pillow-bilinear" if antialiased else "linear")
    assert architecture.clip_length == described(stem)["clip_frames"]


# Authors' names -> the hub's --------------------------------------------------------------------


def split_in_three(state: dict[str, Tensor], attention: str, parts: str) -> dict[str, Tensor]:
    """`blocks.N.attn.qkv.*` as three tensors each, as the converters of the hub cut them."""
    made = {}
    for key, tensor in state.items():
        found = re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", key)
        if not found:
            made[key] = tensor
            continue
        size = len(tensor) // 3
        for number, part in enumerate(parts.split()):
            piece = tensor[number * size : (number + 1) * size]
            made[f"blocks.{found[1]}.{attention}.{part}.{found[2]}"] = piece.clone()
    return made


# What the authors call a part -> what the hub does.
_HUB_NAMES_OF_VIDEOMAE = (
    (r"attn\.(q_bias|v_bias)", r"attention.attention.\1"),
    (r"attn\.proj", "attention.output.dense"),
    ("norm1", "layernorm_before"),
    ("norm2", "layernorm_after"),
    (r"mlp\.fc1", "intermediate.dense"),
    (r"mlp\.fc2", "output.dense"),
    (r"^blocks\.", "encoder.layer."),
    (r"^patch_embed\.proj", "embeddings.patch_embeddings.projection"),
)


def renamed(state: dict[str, Tensor], *pairs: tuple[str, str]) -> dict[str, Tensor]:
    made = {}
    for key, tensor in state.items():
        for pattern, new in pairs:
            key = re.sub(pattern, new, key)
        made[key] = tensor
    return made


def filled(layout: Layout, state: dict[str, Tensor], net: nn.Module) -> dict[str, Tensor]:
    tensors = {key: layout.assembled(state, key) for key in net.state_dict()}
    assert not [key for key, tensor in tensors.items() if tensor is None]
    return tensors  # type: ignore[return-value]


def drawn(net: nn.Module, layout: Layout) -> dict[str, Tensor]:
    """A file of the authors' with random tensors."""
    torch.manual_seed(0)
    shapes = layout.shapes({key: value.shape for key, value in net.state_dict().items()})
    return {key: torch.randn(shape) for key, shape in shapes.items()}


def assert_same(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    for key, tensor in first.items():
        assert torch.equal(tensor, second[key]), key


def test_the_two_files_of_videomae_give_one_network() -> None:
    net = VideoMAE(DESIGN)
    architecture = get_architecture("videomae-b")
    original = drawn(net, architecture.layout("mcg-nju"))
    assert {key for key in original if "bias" in key and "attn" in key} == {
        f"blocks.{n}.attn.{name}" for n in range(3) for name in ("q_bias", "v_bias", "proj.bias")
    }
    hub = renamed(
        split_in_three(original, "attention.attention", "query key value"),
        *_HUB_NAMES_OF_VIDEOMAE,
    )
    first = filled(architecture.layout("mcg-nju"), original, net)
    assert_same(first, filled(architecture.layout("hub"), hub, net))
    bias = first["blocks.1.attn.qkv.bias"]
    assert torch.equal(bias[:48], original["blocks.1.attn.q_bias"])
    assert not bias[48:96].any()
    assert torch.equal(bias[96:], original["blocks.1.attn.v_bias"])
    assert_same(architecture.layout("mcg-nju").taken_apart(first), original)
    assert_same(architecture.layout("hub").taken_apart(first), hub)


def test_the_two_files_of_videomae_before_fine_tuning_give_one_network() -> None:
    """The authors' names begin with `encoder.`; what lies beside is of its training."""
    net = VideoMAE(DESIGN, norm_first=True)
    architecture = get_architecture("videomae-b")
    original = drawn(net, architecture.layout("mcg-nju-pretrained"))
    assert all(key.startswith("encoder.") for key in original)
    alone = {key.removeprefix("encoder."): tensor for key, tensor in original.items()}
    hub = renamed(
        split_in_three(alone, "attention.attention", "query key value"),
        *_HUB_NAMES_OF_VIDEOMAE,
        (r"^norm\.", "layernorm."),
    )
    beside = dict.fromkeys(
        ("mask_token", "encoder_to_decoder.weight", "decoder.norm.weight"), torch.zeros(2)
    )
    layout = architecture.layout("mcg-nju-pretrained")
    state = layout.without_classifier(original | beside)
    first = filled(layout, state, net)
    assert_same(first, filled(architecture.layout("hub-pretrained"), hub, net))
    assert_same(layout.taken_apart(first), original)


def test_the_two_files_of_vjepa2_give_one_network() -> None:
    net = VJEPA2(DESIGN)
    architecture = get_architecture("vjepa2-l")
    original = drawn(net, architecture.layout("meta"))
    hub = renamed(
        split_in_three(original, "attention", "query key value"),
        (r"attn\.proj", "attention.proj"),
        (r"^blocks\.", "encoder.layer."),
        (r"^patch_embed\.proj", "encoder.embeddings.patch_embeddings.proj"),
        (r"^norm\.", "encoder.layernorm."),
    )
    first = filled(architecture.layout("meta"), original, net)
    assert_same(first, filled(architecture.layout("hub"), hub, net))


def test_the_two_files_of_timesformer_give_one_network() -> None:
    net = TimeSformer(DESIGN)
    architecture = get_architecture("timesformer-b")
    original = drawn(net, architecture.layout("meta"))
    hub = renamed(
        original,
        (r"temporal_attn\.qkv", "temporal_attention.attention.qkv"),
        (r"temporal_attn\.proj", "temporal_attention.output.dense"),
        (r"\.attn\.qkv", ".attention.attention.qkv"),
        (r"\.attn\.proj", ".attention.output.dense"),
        ("temporal_norm1", "temporal_layernorm"),
        ("temporal_fc", "temporal_dense"),
        ("norm1", "layernorm_before"),
        ("norm2", "layernorm_after"),
        (r"mlp\.fc1", "intermediate.dense"),
        (r"mlp\.fc2", "output.dense"),
        (r"^blocks\.", "encoder.layer."),
        (r"^patch_embed\.proj", "embeddings.patch_embeddings.projection"),
        ("^cls_token", "embeddings.cls_token"),
        ("^pos_embed", "embeddings.position_embeddings"),
        ("^time_embed", "embeddings.time_embeddings"),
        (r"^norm\.", "layernorm."),
    )
    first = filled(architecture.layout("meta"), original, net)
    assert_same(first, filled(architecture.layout("hub"), hub, net))


# What is read with care -------------------------------------------------------------------------


def test_vjepa2s_target_encoder_is_taken(tmp_path: Path) -> None:
    content = {"encoder": {"a": torch.zeros(2)}, "target_encoder": {"a": torch.ones(2)}}
    torch.save(content, tmp_path / "vitl.pt")
    assert read_state(tmp_path / "vitl.pt")["a"].tolist() == [1, 1]


def test_half_precision_becomes_float32(tmp_path: Path, make_state: Any) -> None:
    shapes = get_architecture("videomae-v2-s").expected_keys(
        get_architecture("videomae-v2-s").layouts[0]
    )
    state = {key: value.half() for key, value in make_state(shapes).items()}
    torch.save({"module": state}, tmp_path / "vit_s_k710_dl_from_giant.pth")
    made = load_backbone("videomae-v2-s", tmp_path / "vit_s_k710_dl_from_giant.pth")
    assert {tensor.dtype for tensor in made.parameters()} == {torch.float32}
    assert (made.clip_length, made.window, made.shape) == (16, 64, (384,))
    assert made.clip_rule().window == made.clip_rule().stride == 64
    assert made.clip_rule(8).window == 32


def test_the_places_are_sines_and_cosines() -> None:
    table = sine_table(1568, 48)
    for place, channel in ((0, 5), (7, 0), (1567, 11), (900, 46)):
        angle = place / 10000 ** (2 * (channel // 2) / 48)
        wave = torch.tensor(angle, dtype=torch.float64)
        expected = float(wave.sin() if channel % 2 == 0 else wave.cos())
        assert table[place, channel].item() == pytest.approx(expected, abs=1e-6)


# A hub's folder ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of DINOv2-S, as the hub has it."""
    architecture = get_architecture("dinov2-s")
    shapes = architecture.expected_keys(architecture.layouts[0])
    state = {key: torch.zeros(shape) for key, shape in shapes.items()}
    state["embeddings.mask_token"] = torch.zeros(1, 384)
    path = tmp_path_factory.mktemp("published") / "model.safetensors"
    safetensors.torch.save_file(state, path)
    return path


@pytest.fixture
def folder(tmp_path: Path, published: Path) -> Path:
    made = tmp_path / "dinov2"
    made.mkdir()
    (made / "model.safetensors").hardlink_to(published)
    (made / "config.json").write_text(json.dumps({"num_attention_heads": 6, "hidden_size": 384}))
    return made


def test_a_folder_is_read_with_what_lies_beside(folder: Path) -> None:
    made = load_backbone("dinov2-s", folder)
    assert made.weights.path == str(folder / "model.safetensors")
    assert made.preprocess == get_architecture("dinov2-s").profile("hub")
    assert made.net.blocks[0].attn.heads == 6
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 12}))
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                **{"crop_size": {"height": 224, "width": 224}, "size": {"shortest_edge": 240}},
                **{"resample": 2, "image_mean": [0.5] * 3, "image_std": [0.25] * 3},
                **{"do_resize": True, "rescale_factor": 1 / 255, "image_processor_type": "Bit"},
            }
        )
    )
    made = load_backbone("dinov2-s", folder)
    assert made.net.blocks[0].attn.heads == 12
    assert made.preprocess == replace(
        get_architecture("dinov2-s").profile("hub"),
        **{"resize": 240, "interpolation": "pillow-bilinear"},
        **{"mean": (0.5,) * 3, "std": (0.25,) * 3},
    )
    usual = load_backbone("dinov2-s", folder, preprocess="hub").preprocess
    assert usual == get_architecture("dinov2-s").profile("hub")


def test_a_folder_of_links_is_found_again(folder: Path, tmp_path: Path) -> None:
    """The hub's own cache: files are named by hashes, and a folder of links gives their names."""
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for number, file in enumerate(sorted(folder.iterdir())):
        (linked / file.name).symlink_to(file.rename(tmp_path / str(number)))
    made = load_backbone("dinov2-s", linked)
    assert made.weights.path == str(linked / "model.safetensors")
    again = load_backbone("dinov2-s", Path(made.weights.path))
    assert again.weights == made.weights


def test_fine_tuned_weights_keep_the_network_of_their_config(folder: Path, tmp_path: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 12}))
    made = load_backbone("dinov2-s", folder)
    state = {key: value + 1 for key, value in made.net.state_dict().items()}
    save_tuned(tmp_path / "tuned.safetensors", made, state, ["a"], window=48)
    again = load_backbone("dinov2-s", tmp_path / "tuned.safetensors")
    assert again.net.blocks[0].attn.heads == 12
    assert (again.clip_length, again.window, again.weights.fitted_on) == (16, 48, ("a",))
    assert_same(again.net.state_dict(), state)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("config.json", None, "no config.json beside it"),
        ("config.json", "[]", "no JSON object"),
        ("config.json", "{", "cannot be read"),
        ("config.json", '{"num_attention_heads": 7}', "7 heads do not divide 384"),
        ("config.json", '{"image_size": 224}', "image_size is 224, and this backbone's is 518"),
        ("config.json", '{"layer_norm_eps": "1"}', "layer_norm_eps is '1'"),
        ("config.json", '{"hidden_act": "relu"}', "hidden_act is 'relu'"),
        ("model.safetensors", None, "no model.safetensors in this folder"),
        ("preprocessor_config.json", '{"do_resize": false}', "do_resize is False"),
        ("preprocessor_config.json", "{}", "it lacks resample, size, crop_size, image_mean"),
        ("preprocessor_config.json", "{}", "--preprocess hub"),
        ("config.json", " " * (1 << 20) + "{}", "larger than 1048576 bytes"),
        (
            "preprocessor_config.json",
            '{"resample": 3, "size": 224, "crop_size": 256, '
            '"image_mean": [0, 0, 0], "image_std": [1, 1, 1]}',
            "is not within resize=224",
        ),
    ],
)
def test_a_damaged_folder(folder: Path, name: str, content: str | None, told: str) -> None:
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(WeightsError, match=re.escape(told)):
        load_backbone("dinov2-s", folder)


# A name of the hub ------------------------------------------------------------------------------


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if Path(self.translate_path(self.path) + ".busy").exists():
            self.send_error(503)
        else:
            super().do_GET()


@pytest.fixture
def site(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server with the folder as the repository club/dinov2; the files that it serves."""
    served = tmp_path / "site" / "club" / "dinov2" / "resolve" / "main"
    served.parent.mkdir(parents=True)
    folder.rename(served)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path / "site")
    )
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(hub, "ADDRESS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("AQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AQA_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_name_of_the_hub_is_downloaded_once(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (site / "modeling.py").write_text("raise SystemExit('this is never run')")
    made = load_backbone("dinov2-s", "club/dinov2")
    kept = tmp_path / "cache" / "club" / "dinov2"
    assert made.weights.path == str(kept / "model.safetensors")
    assert "no preprocessor_config.json there" in capsys.readouterr().err
    assert not (kept / "modeling.py").exists()
    assert made.net.blocks[0].attn.heads == 6
    monkeypatch.setenv("AQA_OFFLINE", "1")
    again = load_backbone("dinov2-s", "club/dinov2")
    assert again.weights.sha256 == made.weights.sha256
    with pytest.raises(WeightsError, match="AQA_OFFLINE forbids"):
        load_backbone("dinov2-s", "club/other")


def test_a_busy_server_is_no_server_without_a_preprocessing(site: Path, tmp_path: Path) -> None:
    (site / "preprocessor_config.json.busy").touch()
    with pytest.raises(WeightsError, match="503"):
        load_backbone("dinov2-s", "club/dinov2")
    assert not list((tmp_path / "cache").rglob("model.safetensors*"))


def test_a_name_that_is_published_tells_its_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a download fails, and so where it begins: VideoMAE's is not for commercial use."""
    monkeypatch.setenv("AQA_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"licence: CC BY-NC 4\.0: not for commercial use"):
        load_backbone("videomae-b", "MCG-NJU/videomae-base-finetuned-kinetics")
    there = r"licence: not known here: read it at https://huggingface\.co/someone/videomae\)"
    with pytest.raises(WeightsError, match=there):
        load_backbone("videomae-b", "someone/videomae")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("/c/MCG-NJU/videomae-base-finetuned-kinetics/model.safetensors", "videomae-b-k400-hub"),
        ("/c/mine/model.safetensors", None),
        ("/c/checkpoint.pth", "videomae-b-k400"),
    ],
)
def test_a_files_folder_tells_which_of_the_hubs_it_is(path: str, known: str | None) -> None:
    made = {"name": Path(path).name, "path": path, "sha256": "0" * 64}
    found = published_weights({"backbone": "videomae-b", "weights": made})
    assert (found and found.name) == known


def test_a_repository_without_a_config_is_refused_before_its_tensors(
    site: Path, tmp_path: Path
) -> None:
    (site / "config.json").unlink()
    with pytest.raises(WeightsError, match="404"):
        load_backbone("dinov2-s", "club/dinov2")
    assert not list((tmp_path / "cache").rglob("model.safetensors*"))


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        *(("MCG-NJU/videomae-base", True), ("a/b.c", True)),
        *(("weights.pth", False), ("a/b.pth", False), ("../b", False), ("a/../b", False)),
        *(("/a/b", False), ("a/b/c", False), ("random", False), ("a/", False)),
    ],
)
def test_what_can_be_a_name_of_the_hub(text: str, is_name: bool) -> None:
    assert hub.is_hub_name(text) is is_name
