"""report.html in a real browser: opened from disk, filtered, unfolded, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conformance.catalog.loader import catalog as catalogue
from conformance.catalog.model import Catalog
from conformance.results import conformance_report, html
from conformance.results.requirements import judge_all
from conformance.results.run import Run
from tests.results import large
from tests.results.browser import DESKTOP, PHONE, Browser, chromium, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

SCREENSHOTS = Path(__file__).parents[2] / "out" / "screenshots"
CONTRAST = Path(__file__).with_name("contrast.js").read_text()
VISIBLE = "return [...document.querySelectorAll('details.requirement')].filter(e => e.checkVisibility()).map(e => e.id)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(catalog: Catalog, run: Run, tmp_path: Path) -> Path:
    """The page of the sample run, which has every verdict and every kind of picture."""
    return html.save(conformance_report.build(catalog, run, judge_all(catalog, run)), tmp_path)


@pytest.fixture
def sample(browser: Browser, page: Path) -> Iterator[Browser]:
    """That page, open; nothing may stand on the console in the end."""
    browser.open(page)
    yield browser
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "size"), [("desktop", DESKTOP), ("phone", PHONE)])
def test_it_is_readable_on_every_screen(
    browser: Browser, page: Path, device: str, size: tuple[int, int], scheme: str
) -> None:
    browser.open(page, size, scheme)
    browser.keep(SCREENSHOTS / f"{device}-{scheme}.png")
    assert browser.run("return document.documentElement.scrollWidth") == size[0], "the page scrolls sideways"
    assert browser.run("return getComputedStyle(document.body).backgroundColor") == (
        "rgb(255, 255, 255)" if scheme == "light" else "rgb(15, 19, 24)"
    )
    assert browser.run(CONTRAST) == []
    assert browser.run("return document.documentElement.scrollWidth") == size[0], "unfolded, it scrolls sideways"
    assert browser.complaints() == []


def test_it_asks_for_nothing_else(sample: Browser) -> None:
    assert sample.run("return performance.getEntriesByType('resource').map(entry => entry.name)") == []


def test_verdicts_and_words_choose_what_is_shown(sample: Browser) -> None:
    every = sample.run(VISIBLE)
    assert len(every) == 8
    for box in sample.driver.find_elements("css selector", "#filter [type=checkbox]"):
        if box.get_attribute("value") != "failed":
            box.click()
    assert sample.run(VISIBLE) == ["sample/bad"]
    assert sample.driver.find_element("id", "shown").text == "1 of 8 requirements shown"
    find = sample.driver.find_element("id", "find")
    find.send_keys("nowhere to be found")
    assert sample.run(VISIBLE) == []
    assert not sample.driver.find_element("id", "profile-sample").is_displayed()
    find.clear()
    for box in sample.driver.find_elements("css selector", "#filter [type=checkbox]"):
        if box.get_attribute("value") != "failed":
            box.click()
    find.send_keys("Limit-THERE")
    assert sample.run(VISIBLE) == ["sample/limit-there"]


def test_a_failure_unfolds_and_names_both_ends(sample: Browser) -> None:
    failure = sample.driver.find_element("id", "sample/bad")
    reason = failure.find_element("css selector", "pre")
    assert not reason.is_displayed()
    failure.find_element("css selector", "summary").click()
    assert reason.is_displayed()
    assert "vm-a (10.0.0.3, worker-1) -> vm-b (10.0.0.4:80, worker-2)" in reason.text
    sample.keep(SCREENSHOTS / "failure-unfolded.png")


def test_the_first_thing_that_one_reads_of_a_failure_is_its_cause(sample: Browser) -> None:
    card = sample.driver.find_element("css selector", "article.card")
    assert "sample/bad" in card.text
    first, *_ = card.find_elements("css selector", "pre")
    assert "<no answer>" in first.text
    rows = [row.text for row in card.find_elements("css selector", "table.paths tbody tr")]
    assert "ns/vm-a" in rows[0]
    assert "10.0.0.4, worker-1" in rows[0]
    assert card.find_element("css selector", "svg").is_displayed()


def test_links_lead_to_what_they_name_even_if_it_is_filtered_out(sample: Browser) -> None:
    sample.driver.find_element("id", "find").send_keys("nowhere to be found")
    sample.driver.find_element("css selector", "article.card a").click()
    assert sample.run("return document.getElementById('sample/bad').open")
    assert sample.run("return document.activeElement.parentElement.id") == "sample/bad"


def test_all_of_it_can_be_used_by_keyboard(sample: Browser) -> None:
    from selenium.webdriver.common.keys import Keys

    def press(key: str) -> None:
        sample.driver.switch_to.active_element.send_keys(key)

    press(Keys.TAB)
    assert sample.driver.switch_to.active_element.text == "To the failures"
    press(Keys.ENTER)
    seen: list[Any] = []
    while "summary" not in seen[-1:] and len(seen) < 40:
        press(Keys.TAB)
        seen.append(sample.run("return document.activeElement.tagName.toLowerCase()"))
        assert sample.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    press(Keys.ENTER)
    assert sample.run("return document.activeElement.parentElement.open")


def test_a_screen_reader_finds_its_way(sample: Browser) -> None:
    levels = sample.run("return [...document.querySelectorAll('h1,h2,h3,h4')].map(e => Number(e.tagName[1]))")
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    marks = sample.run("return ['header', 'nav', 'main', 'footer'].map(e => document.querySelectorAll(e).length)")
    assert marks == [1, 1, 1, 1]
    assert (
        sample.run("return [...document.querySelectorAll('svg')].filter(e => !e.getAttribute('aria-label')).length")
        == 0
    )
    assert sample.run("return [...document.querySelectorAll('input')].filter(e => !e.labels.length).length") == 0


@pytest.mark.parametrize(("colour", "made"), [("red", large.red_run), ("green", large.green_run)])
def test_the_page_of_the_whole_catalogue_is_small_and_whole(
    browser: Browser, tmp_path: Path, colour: str, made: Callable[[], Run]
) -> None:
    page = html.save(large.report(made()), tmp_path)
    assert page.stat().st_size < 3_000_000
    browser.open(page)
    browser.keep(SCREENSHOTS / f"whole-catalogue-{colour}.png")
    assert len(browser.run(VISIBLE)) == len(catalogue())
    assert bool(browser.driver.find_elements("css selector", "article.card")) == (colour == "red")
    assert browser.complaints() == []
