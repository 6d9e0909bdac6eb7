"""The app in a real browser: a dive is dropped, and its report read."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip(
    "fastapi", reason="the extra is not installed: pip install 'aqa-toolkit[serve]'"
)

# Drops files, as a hand does, anywhere on the page.
DROP = """([name, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const dropped = new DataTransfer();
  dropped.items.add(new File([bytes], name, { type: "video/mp4" }));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true });
    document.getElementById("drop").dispatchEvent(event);
  }
}"""


@pytest.fixture
def tab(browser: Any, client: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1100, "height": 900})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: line.type == "error" and faults.append(line.text))
    opened.goto(f"http://127.0.0.1:{client.port}/")
    yield opened
    opened.close()
    assert [fault for fault in faults if "favicon" not in fault] == []


def drop(tab: Any, name: str, data: bytes) -> None:
    tab.evaluate(DROP, [name, base64.b64encode(data).decode()])


def wait(tab: Any, condition: str) -> None:
    """Until it is true; a report's policy forbids Playwright's own way, which evaluates text."""
    for _ in range(400):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


def reported(tab: Any, dive: bytes, name: str = "my dive.mp4") -> None:
    drop(tab, name, dive)
    tab.wait_for_url("**/reports/*", timeout=60_000)
    wait(tab, "document.querySelector('.athlete').readyState >= 2")


def test_a_dropped_dive_is_scored_and_its_worst_moment_shown(tab: Any, dive: bytes) -> None:
    reported(tab, dive)
    assert "my dive.mp4" in tab.title()
    data = "JSON.parse(document.querySelector('.data').textContent).moments"
    number = tab.evaluate(
        "[...document.querySelectorAll('.block')].findIndex(b => b.classList.contains('marked'))"
    )
    number = max(number, 1)
    tab.locator(".block").nth(number).click()
    wait(tab, "!document.querySelector('.athlete').seeking")
    start = tab.evaluate(f"{data}[{number}].start")
    assert start > 0
    assert tab.evaluate("document.querySelector('.athlete').currentTime") == pytest.approx(
        start, abs=0.02
    )


def test_a_report_can_ask_the_server_nothing(tab: Any, dive: bytes) -> None:
    reported(tab, dive)
    assert tab.evaluate("window.origin") == "null"


def test_it_is_listed_and_can_be_deleted(tab: Any, dive: bytes, client: Any) -> None:
    reported(tab, dive, "<img src=x onerror=alert(1)>.mp4")
    name = tab.url.rpartition("/")[2]
    tab.goto(f"http://127.0.0.1:{client.port}/")
    assert "<img src=x onerror=alert(1)>.mp4" in tab.locator(".reports").inner_text()
    assert tab.locator("img").count() == 0
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.locator(f"[data-report='{name}']").click()
    wait(tab, f"document.querySelector(\"[data-report='{name}']\") === null")
    assert client.get(f"/reports/{name}").status == 404


def test_several_are_ranked(tab: Any, dives: Path) -> None:
    paths = [dives / "videos" / f"dive_000{number}.mp4" for number in (3, 6)]
    tab.locator("#videos").set_input_files(paths)
    tab.wait_for_url("**/reports/*", timeout=60_000)
    assert "2 videos" in tab.locator("h1").inner_text()


def test_a_hostile_file_is_refused_in_words(browser: Any, client: Any) -> None:
    tab = browser.new_page()
    tab.goto(f"http://127.0.0.1:{client.port}/")
    drop(tab, "list.mp4", b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n")
    wait(tab, "!document.getElementById('failed').hidden")
    said = tab.locator("#failed").inner_text()
    assert said == "list.mp4: not a video that can be decoded (31 bytes)"
    assert not tab.locator("#working").is_visible()
    drop(tab, "nothing.mp4", b"")
    wait(tab, "document.getElementById('failed').textContent.includes('empty')")
    tab.close()


def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Any, client: Any, dive: bytes
) -> None:
    phone = browser.new_page(viewport={"width": 360, "height": 700})
    phone.goto(f"http://127.0.0.1:{client.port}/")
    reported(phone, dive, "a_name_that_is_long_" * 5 + ".mp4")
    for path in ("/", "/docs"):
        phone.goto(f"http://127.0.0.1:{client.port}{path}")
        assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()


def test_it_prints(tab: Any, dive: bytes, tmp_path: Path) -> None:
    tab.emulate_media(media="print")
    assert tab.pdf(path=tmp_path / "app.pdf").startswith(b"%PDF")
    assert not tab.locator("#send").is_visible()
    tab.emulate_media(media="screen")
    reported(tab, dive)
    tab.emulate_media(media="print")
    assert tab.pdf(path=tmp_path / "report.pdf").startswith(b"%PDF")
    assert not tab.locator(".controls").first.is_visible()


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_it_is_accessible(tab: Any, client: Any, path: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here")
    tab.goto(f"http://127.0.0.1:{client.port}{path}")
    found = axe.Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


def test_another_site_cannot_post(browser: Any, client: Any, tmp_path: Path) -> None:
    evil = tmp_path / "evil.html"
    evil.write_text(
        f'<form method="post" enctype="multipart/form-data" action="http://127.0.0.1:{client.port}'
        '/v1/score"><input name="type" value="107B"></form><script>document.forms[0].submit()'
        "</script>"
    )
    tab = browser.new_page()
    tab.goto(evil.as_uri())
    wait(tab, "document.body.innerText.includes('another site')")
    tab.close()
