"""Importers of someone else's: by file, and by an installed distribution."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from aqa.annotations.datasets import find_importer, importer_titles
from aqa.annotations.importing import Importer
from aqa.annotations.manifest import Manifest
from aqa.errors import UnknownNameError
from aqa.plugins import PluginError

MINE = '''"""Leaps: jumps over a ditch.

Two of them.
"""

from aqa.annotations.importing import Imported, Importer, Request, SourceFile


def read(request: Request) -> Imported:
    path = request.find("leaps.txt")
    ids = path.read_text().split()
    rows = [{"video_id": i, "path": None, "score": len(i)} for i in ids]
    return Imported(rows, path)


IMPORTER = Importer(read, files=(SourceFile("leaps.txt", "one name per line"),))
ANOTHER = Importer(lambda request: Imported([], request.find("*"), notes=["nothing"]))
WRONG = read
'''


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder with mine.py and the data set that it reads."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "leaps.txt").write_text("ab\ncde\n")
    return tmp_path


@pytest.fixture
def distributed(outside: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same as an installed distribution `leaps` 2.1 with an entry point."""
    (outside / "site").mkdir()
    (outside / "site" / "leaping.py").write_text(MINE)
    info = outside / "site" / "leaps-2.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: leaps\nVersion: 2.1\n")
    (info / "entry_points.txt").write_text("[aqa.datasets]\nleaps = leaping:IMPORTER\n")
    monkeypatch.syspath_prepend(outside / "site")
    return outside


def test_a_file_is_imported_and_described(outside: Path, run_aqa: Callable[..., Result]) -> None:
    here = ("-C", str(outside), "mine.py")
    assert "leaps.txt\n      size not known: one name per line\n" in run_aqa("import", *here).output
    output = run_aqa("import", *here, "leaps.txt").output
    assert output.startswith("manifest.csv: 2 videos of mine.py\n")
    assert [video.score for video in Manifest.read(outside / "manifest.csv")] == [2, 3]


def test_a_file_may_hold_several(outside: Path) -> None:
    found = find_importer(f"{outside / 'mine.py'}:ANOTHER")
    assert found.importer.files == ()
    assert found.origin is not None
    assert found.origin.name.endswith("mine.py:ANOTHER")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("mine.py:WRONG", PluginError, "WRONG is function, not an Importer"),
        ("mine.py:IMPORTED", PluginError, "did you mean 'IMPORTER'"),
        ("absent.py", PluginError, r"absent\.py: No such file"),
        ("leeps", UnknownNameError, "did you mean 'leaps'.*csv"),
    ],
)
def test_what_is_no_importer_is_told(
    distributed: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type, message: str
) -> None:
    monkeypatch.chdir(distributed)
    with pytest.raises(error, match=message):
        find_importer(text)


def test_an_installed_one_is_listed_and_imported(
    distributed: Path, run_aqa: Callable[..., Result]
) -> None:
    assert importer_titles()["leaps"] == "of the installed package leaps"
    assert "leaping" not in sys.modules
    assert "Leaps: jumps over a ditch." in run_aqa("import", "leaps").output
    run_aqa("import", "-C", str(distributed), "leaps", "leaps.txt")
    assert Manifest.read(distributed / "manifest.csv").ids == ("ab", "cde")


def test_none_of_ours_can_be_replaced(distributed: Path) -> None:
    info = distributed / "site" / "leaps-2.1.dist-info"
    (info / "entry_points.txt").write_text("[aqa.datasets]\ncsv = leaping:IMPORTER\n")
    assert find_importer("csv").origin is None
    assert isinstance(find_importer("csv").importer, Importer)
    assert importer_titles()["csv"].startswith("Any table")


def test_listing_imports_no_importer() -> None:
    code = (
        "import sys\nfrom aqa.cli import main\n"
        "try: main(['import'], prog_name='aqa')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'h5py', 'cv2', 'sklearn', 'numpy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
