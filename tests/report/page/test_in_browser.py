"""The page in a real browser: moments, keys, a phone's width, print, accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def tab(browser: Any, page: Path) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 1100, "height": 900})
    faults: list[str] = []
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("console", lambda line: line.type == "error" and faults.append(line.text))
    opened.goto(page.as_uri())
    wait(opened, "document.querySelector('.athlete').readyState >= 2")
    yield opened
    opened.close()
    assert faults == []


def wait(tab: Any, condition: str) -> None:
    """Until it is true; the page's policy forbids Playwright's own way, which evaluates text."""
    for _ in range(200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"never true: {condition}")


def time_of(tab: Any, which: str = ".athlete") -> float:
    wait(tab, f"!document.querySelector('{which}').seeking")
    return float(tab.evaluate(f"document.querySelector('{which}').currentTime"))


def test_a_moment_is_shown_when_it_is_chosen(tab: Any) -> None:
    block = tab.locator(".block").nth(3)
    block.click()
    start = tab.evaluate("JSON.parse(document.querySelector('.data').textContent).moments[3].start")
    assert time_of(tab) == pytest.approx(start, abs=0.02)
    assert "current" in block.get_attribute("class")


def test_joints_are_drawn_on_the_frame_that_is_shown_and_can_be_hidden(tab: Any) -> None:
    drawn = """(() => { const c = document.querySelector('.joints');
        const seen = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        return seen.some(value => value > 0); })()"""
    for number in (1, 4):
        tab.locator(".block").nth(number).click()
        time = time_of(tab)
        wait(tab, f"document.querySelector('.joints').dataset.frame == {int(time * 30 + 0.01)}")
        assert tab.evaluate(drawn)
    tab.keyboard.press("j")
    assert not tab.evaluate(drawn)
    button = tab.locator("[data-do=joints]").first
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert tab.evaluate(drawn)


def test_the_exemplar_goes_along(tab: Any) -> None:
    tab.locator(".block").nth(4).click()
    time_of(tab)
    pair = tab.evaluate(
        "JSON.parse(document.querySelector('.data').textContent).moments[4].matched[0]"
    )
    tab.wait_for_timeout(200)
    assert pair[0] - 0.02 <= time_of(tab, ".exemplar") <= pair[1]


def test_keys_step_frames_and_slow_down(tab: Any) -> None:
    tab.locator(".block").nth(1).click()
    before = time_of(tab)
    tab.keyboard.press(".")
    tab.keyboard.press(".")
    assert time_of(tab) == pytest.approx(before + 2 / 30, abs=0.02)
    tab.keyboard.press(",")
    assert time_of(tab) == pytest.approx(before + 1 / 30, abs=0.02)
    tab.keyboard.press("s")
    assert tab.evaluate("document.querySelector('.athlete').playbackRate") == 0.25


def test_another_exemplar_can_be_chosen(tab: Any) -> None:
    first = tab.locator(".exemplar").first.get_attribute("src")
    options = tab.locator(".choose").first.locator("option")
    assert options.count() > 1
    tab.locator(".choose").first.select_option(index=1)
    assert tab.locator(".exemplar").first.get_attribute("src") != first


def test_a_phone_shows_it_without_scrolling_sideways(browser: Any, page: Path) -> None:
    phone = browser.new_page(viewport={"width": 360, "height": 700})
    phone.goto(page.as_uri())
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    phone.close()


@pytest.mark.parametrize("width", [360, 1100])
def test_names_of_stages_are_not_cut(browser: Any, page: Path, width: int) -> None:
    window = browser.new_page(viewport={"width": width, "height": 700})
    window.goto(page.as_uri())
    cut = """Array.from(document.querySelectorAll('.block')).filter(function (block) {
        const own = block.getBoundingClientRect();
        const name = block.querySelector('span').getBoundingClientRect();
        return name.left < own.left || name.right > own.right
            || name.top < own.top || name.bottom > own.bottom;
    }).map(function (block) { return block.textContent; })"""
    names = window.locator(".block").all_inner_texts()
    assert "takeoff" in names
    assert window.evaluate(cut) == []
    window.close()


def test_it_prints(tab: Any, tmp_path: Path) -> None:
    tab.emulate_media(media="print")
    data = tab.pdf(path=tmp_path / "page.pdf")
    assert data.startswith(b"%PDF")
    assert not tab.locator(".controls").first.is_visible()


def test_it_is_accessible(tab: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here")
    found = axe.Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


def test_the_page_on_runs_is_accessible_and_fits_a_phone(browser: Any, runs_page: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe-core here")
    phone = browser.new_page(viewport={"width": 360, "height": 700})
    faults: list[str] = []
    phone.on("console", lambda line: line.type == "error" and faults.append(line.text))
    phone.goto(runs_page.as_uri())
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    loaded = "[...document.images].every(one => one.naturalWidth > 0)"
    wait(phone, loaded)
    found = axe.Axe().run(phone)
    assert found.violations_count == 0, found.generate_report()
    phone.close()
    assert faults == []
