"""Stores that are damaged, or made to do harm: noticed in one line, whatever their bytes."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from aqa.cli import main
from aqa.errors import AqaError
from aqa.features.clips import Clip
from aqa.features.store import FeatureStore, FeatureStoreWriter, StoreError, import_arrays

SPEC = {"shape": [8], "dtype": "float32", "weights": {"fitted_on": None}, "views": ["original"]}
LEGACY = Path(__file__).resolve().parents[2] / "legacy" / "stores"


def make(path: Path, n: int = 3) -> Path:
    rng = np.random.default_rng(0)
    with FeatureStoreWriter(path, SPEC, blank=np.ones(8)) as writer:
        for i in range(n):
            clips = [Clip(16 * k, 16 * k + 16) for k in range(i + 1)]
            features = rng.normal(size=(i + 1, 8))
            writer.append(f"v{i}", [(features, clips)], n_frames=90, fps=25.0, content="hash:1")
    return path


def content_of(path: Path) -> list[Any]:
    """All that can be read of a store."""
    with FeatureStore.open(path) as store:
        has_blank = not str(store.spec.get("backbone")).startswith("imported")
        blank = store.blank.tobytes() if has_blank and "joints" not in store.spec else b""
        found: list[Any] = [store.spec, store.provenance, store.ids, blank, store.uncovered]
        for name in store.augmentations:
            one = store.augmented(name)
            for i in one:
                about = one.clips(i), one.frame_range(i), one.n_frames(i), one.n_bytes(i)
                found.append((one[i].tobytes(), about, repr(one.fps(i)), one.content(i)))
        return found


def verified(path: Path) -> list[str]:
    with FeatureStore.open(path) as store:
        return store.verify()


def damage(path: Path, name: str, row: Any, value: Any) -> None:
    with h5py.File(path, "r+") as file:
        file[name][row] = value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("features", np.arange(8)),
        ("clips", (0, 5)),
        ("videos/frames", (1, -1)),
        ("videos/n_bytes", 7),
        ("videos/n_frames", 7),
        ("videos/fps", 7),
        ("videos/crc32", 7),
        ("videos/clips_crc32", 7),
        ("videos/content", b"hash:2"),
        ("videos/decoder", b"another"),
        ("videos/record_crc32", 7),
        ("videos/id", b"other"),
    ],
)
def test_what_was_changed_is_not_read(tmp_path: Path, name: str, value: Any) -> None:
    path = make(tmp_path / "s.h5")
    damage(path, name, 0, value)
    assert verified(path)
    with pytest.raises(StoreError, match=r"s\.h5: .* not what was written \(checksum\)"):
        content_of(path)


def test_two_ids_that_were_exchanged_are_noticed(tmp_path: Path) -> None:
    path = make(tmp_path / "s.h5")
    with h5py.File(path, "r+") as file:
        ids = file["videos/id"][:]
        file["videos/id"][:] = ids[[1, 0, 2]]
    with FeatureStore.open(path) as store:
        with pytest.raises(StoreError, match="what it says of v1 is not what was written"):
            store.load(["v1"])
        assert len(store.load(["v2"])) == 1
        assert len(store.verify()) == 2
    with pytest.raises(StoreError, match="not what was written"):
        FeatureStoreWriter(path, SPEC)


def test_features_are_looked_at_once_per_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zlib

    path = make(tmp_path / "s.h5")
    with FeatureStore.open(path) as store:
        store.load(store.ids)
        seen: list[Any] = []
        monkeypatch.setattr(zlib, "crc32", lambda *a: seen.append(a))
        store.load(store.ids)
        assert not seen


def edited(path: Path, name: str, make_array: Callable[[h5py.File, str], object]) -> None:
    with h5py.File(path, "r+") as file:
        del file[name]
        make_array(file, name)


def external(file: h5py.File, name: str) -> object:
    secret = Path(file.filename).with_name("secret.bin")
    secret.write_bytes(bytes(6 * 8 * 4))
    return file.create_dataset(name, (6, 8), "float32", external=[(str(secret), 0, 6 * 8 * 4)])


def virtual(file: h5py.File, name: str) -> object:
    layout = h5py.VirtualLayout((6, 8), "float32")
    layout[:] = h5py.VirtualSource(str(file.filename), "videos/fps", shape=(6, 8))
    return file.create_virtual_dataset(name, layout)


def linked(link: Callable[[h5py.File], object]) -> Callable[[h5py.File, str], object]:
    return lambda file, name: file.__setitem__(name, link(file))


HARMFUL: dict[str, Callable[[h5py.File, str], object]] = {
    "external storage": external,
    "virtual": virtual,
    "external link": linked(lambda file: h5py.ExternalLink("other.h5", "/features")),
    "soft link": linked(lambda file: h5py.SoftLink("/clips")),
    "compressed": lambda f, n: f.create_dataset(n, (6, 8), "float32", compression="gzip"),
    "rows that are not there": lambda f, n: f.create_dataset(n, (10**9, 8), "float32"),
    "chunks that are not there": lambda f, n: f.create_dataset(
        n, (10**9, 8), "float32", chunks=(1000, 8)
    ),
    "texts of any length": lambda f, n: f.create_dataset(n, (6,), h5py.string_dtype()),
    "a group": lambda f, n: f.create_group(n),
}


@pytest.mark.parametrize("name", ["features", "clips", "videos/id", "videos/crc32", "blank"])
@pytest.mark.parametrize("kind", HARMFUL)
def test_what_could_do_harm_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = make(tmp_path / "s.h5")
    edited(path, name, HARMFUL[kind])
    before = path.read_bytes()
    for use in (FeatureStore.open, lambda path: FeatureStoreWriter(path, SPEC)):
        with pytest.raises(StoreError, match=r"^\S*s\.h5: ") as caught:
            use(path)
        assert "\n" not in str(caught.value)
    result = CliRunner().invoke(main, ["store", "verify", str(path)])
    assert result.exit_code != 0
    assert isinstance(result.exception, SystemExit)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{}", "[]", '{"shape": [8], "dtype": "object", "weights": {}}', "nonsense"],
)
@pytest.mark.parametrize("name", ["spec", "provenance"])
def test_texts_that_are_not_those_of_a_store(tmp_path: Path, name: str, text: str) -> None:
    for path in (make(tmp_path / "s.h5"), tmp_path / "old.h5"):
        if path.name == "old.h5":
            path.write_bytes((LEGACY / "vectors.h5").read_bytes())
        with h5py.File(path, "r+") as file:
            file.attrs[name] = text
        if name == "provenance" and text.startswith("{") and path.name == "old.h5":
            continue  # any JSON object is one, and an old store has no checksum of it
        with pytest.raises((StoreError, AqaError), match=r"\.h5: a damaged feature store: ") as e:
            FeatureStore.open(path)
        assert "\n" not in str(e.value)
        assert len(str(e.value)) < 1000


def test_features_of_another_type_are_not_read(tmp_path: Path) -> None:
    path = make(tmp_path / "s.h5")
    edited(path, "features", lambda f, n: f.create_dataset(n, data=np.zeros((6, 8))))
    with FeatureStore.open(path) as store, pytest.raises(StoreError, match="float64 with rows"):
        store.load(["v0"])


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    for path in (tmp_path, Path(os.devnull)):
        with pytest.raises(StoreError, match="no regular file"):
            FeatureStore.open(path)


def test_verify_says_what_an_old_store_leaves_out() -> None:
    result = CliRunner().invoke(main, ["store", "verify", str(LEGACY / "vectors.h5")])
    assert result.exit_code == 0
    assert "only its features have a checksum" in result.output
    assert f"`aqa store checksum {LEGACY / 'vectors.h5'}` adds" in result.output


@pytest.mark.parametrize("name", ["extracted", "imported", "joints", "maps", "vectors"])
def test_checksums_are_added_to_an_old_store(tmp_path: Path, name: str) -> None:
    path = tmp_path / "s.h5"
    path.write_bytes((LEGACY / f"{name}.h5").read_bytes())
    before = content_of(path)
    command = ["store", "checksum", str(path)]
    assert CliRunner().invoke(main, command).output == f"{path}: checksums added\n"
    assert CliRunner().invoke(main, command).output == f"{path}: it has all checksums already\n"
    after = content_of(path)
    assert after[4] is None
    assert [*after[:4], *after[5:]] == [*before[:4], *before[5:]]
    verified_now = CliRunner().invoke(main, ["store", "verify", str(path)])
    assert len(verified_now.output.splitlines()) == 1
    damage(path, "clips", 0, [0, 5])
    assert "its clips are not what was written" in verified(path)[0]


def test_a_damaged_old_store_gets_no_checksums(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    path.write_bytes((LEGACY / "vectors.h5").read_bytes())
    damage(path, "features", 0, 7)
    before = path.read_bytes()
    result = CliRunner().invoke(main, ["store", "checksum", str(path)])
    assert result.exit_code == 1
    assert "not what was written (checksum)" in result.output
    assert path.read_bytes() == before


def _try_flips(path: str, bits: list[int], found: Any) -> None:
    """Flip each bit alone; puts (bit, what came of it), and so tells where it died or hung."""
    work = Path(path)
    data, want = work.read_bytes(), content_of(work)
    with work.open("r+b", buffering=0) as file:
        for bit in bits:
            at, mask = bit // 8, 1 << bit % 8
            file.seek(at)
            file.write(bytes([data[at] ^ mask]))
            try:
                same = content_of(work) == want
                outcome = "same" if same else "noticed" if verified(work) else "silent"
            except StoreError as error:
                outcome = "noticed" if "\n" not in str(error) else "several lines"
            except Exception as error:
                outcome = f"traceback: {error!r}"
            file.seek(at)
            file.write(data[at : at + 1])
            found.put((bit, outcome))


@pytest.mark.parametrize("name", ["new", "vectors", "imported"])
def test_no_flipped_bit_changes_what_is_read_in_silence(tmp_path: Path, name: str) -> None:
    """A sample of bits all over the file, denser where the structures of HDF5 lie.

    Of the stores of before, ids, clips and settings have no checksum: a bit of those may change
    what is read, but nothing may end the process.
    """
    path = tmp_path / "s.h5"
    if name == "new":
        make(path)
        with h5py.File(path) as file:
            structures = file["count"].id.get_offset()
    else:
        path.write_bytes((LEGACY / f"{name}.h5").read_bytes())
        structures = path.stat().st_size
    rng = np.random.default_rng(3)
    bits = [
        *rng.choice(8 * structures, 900, replace=False).tolist(),
        *rng.choice(np.arange(8 * structures, 8 * path.stat().st_size + 1), 900).tolist(),
    ]
    bits = [bit for bit in bits if bit < 8 * path.stat().st_size]
    context = multiprocessing.get_context("fork")
    found = context.Queue()
    process = context.Process(target=_try_flips, args=(str(path), bits, found))
    process.start()
    outcomes = {}
    for _ in bits:
        bit, outcome = found.get(timeout=60)  # an error here: the process died, or hangs
        outcomes[bit] = outcome
    process.join()
    allowed = {"same", "noticed"} if name == "new" else {"same", "noticed", "silent"}
    assert {b: o for b, o in outcomes.items() if o not in allowed} == {}
    assert "noticed" in outcomes.values()


def test_the_loser_of_two_imports_leaves_the_store_of_the_winner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.h5"
    import_arrays(tmp_path / "winner.h5", {"a": np.ones((1, 4))}, source="first")
    winner = (tmp_path / "winner.h5").read_bytes()
    close = FeatureStoreWriter.close

    def slow(self: FeatureStoreWriter) -> None:
        close(self)
        path.write_bytes(winner)  # another process was faster

    monkeypatch.setattr(FeatureStoreWriter, "close", slow)
    with pytest.raises(AqaError, match=r"s\.h5: it exists already"):
        import_arrays(path, {"a": np.zeros((1, 4))}, source="second")
    assert path.read_bytes() == winner
    assert not list(tmp_path.glob(".*.tmp"))


_IMPORT = """
import sys, time, numpy as np
from pathlib import Path
from aqa.features.store import FeatureStoreWriter, import_arrays
append = FeatureStoreWriter.append
def slow(*args, **options):
    append(*args, **options)
    print("one", flush=True)
    time.sleep(60)
FeatureStoreWriter.append = slow
import_arrays(Path(sys.argv[1]), {"a": np.ones((1, 4)), "b": np.ones((1, 4))}, source="x")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_an_import_that_was_killed_can_be_given_again(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    with subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    assert not path.exists()
    time.sleep(0.01)
    import_arrays(path, {"a": np.ones((1, 4)), "b": np.ones((1, 4))}, source="x")
    with FeatureStore.open(path) as store:
        assert json.dumps(store.ids) == '["a", "b"]'
    assert not list(tmp_path.glob(".*.tmp"))
