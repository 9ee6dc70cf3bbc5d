"""report.html in a real browser: it draws, it asks nothing of the network, it filters, folds and fits on a phone.

Needs Chromium, Debian's package or Chrome; without one these tests are skipped.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from typed_runs import CHECKS, HOSTILE, huge_records, records_of

from nndoctor import Recording, SourceLine
from nndoctor.diagnose import diagnose
from nndoctor.prescription import Item, Prescription
from nndoctor.records import Step, Trial
from nndoctor.reports.html import render
from nndoctor.reports.html.wording import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-quic",
    "--no-first-run",
]
SECTIONS = ["verdict", "findings", "checklist", "curves", "layers", "model", "data", "run"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip install -e .[dev])")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Return `show(records, width=..., dark=...)`: the page, opened from disk; complaints fail the test at its end."""
    complaints: list[str] = []
    contexts = []

    def opened(
        run: Recording, *, width: int = 1100, dark: bool = False, prescription: Prescription | None = None
    ) -> Page:
        path = tmp_path / "report.html"
        path.write_text(render(run, diagnose(run, CHECKS), tmp_path, prescription), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(f"dialog: {dialog.message}"))
        page.on("request", lambda r: complaints.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def ordinary() -> Recording:
    return Recording.of(records_of("train.py"))


def draw_all(page: Page) -> None:
    """Scroll through the page, so that every chart is drawn."""
    for chart in page.locator(".chart").all():
        chart.scroll_into_view_if_needed()
        chart.and_(page.locator("[data-drawn]")).wait_for()


def test_everything_is_there_and_drawn(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    assert page.locator("main > section").evaluate_all("all => all.map(each => each.id)") == SECTIONS
    draw_all(page)
    assert page.locator(".chart").count() >= 8
    # Bokeh draws on canvases inside of shadow roots, which the locator looks into.
    assert all(chart.locator("canvas").count() for chart in page.locator(".chart").all())


def test_the_checklist_can_be_filtered(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    shown = page.locator(".reason:visible")
    everything = shown.count()
    assert everything >= 37
    page.get_by_role("button", name="unchecked").click()
    assert 0 < shown.count() < 10
    page.locator("#search").fill("loss function")
    page.get_by_role("button", name="unchecked").click()
    assert shown.all_inner_texts() == [text for text in shown.all_inner_texts() if "loss function" in text]
    assert "1 of" in page.locator("#shown").inner_text()
    page.locator("#search").fill("")
    assert shown.count() == everything


def test_explanations_unfold_by_keyboard(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    explanation = page.locator("#finding-1 .explanation")
    assert not explanation.is_visible()
    page.locator("#finding-1 details > summary").focus()
    page.keyboard.press("Enter")
    assert explanation.is_visible()


def test_the_first_key_leads_past_the_navigation(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main"


def test_dark_as_the_system_or_as_the_reader_wants(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary, dark=True)
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    page.locator("#finding-1 .chart").scroll_into_view_if_needed()
    page.locator("#finding-1 .chart[data-drawn]").wait_for()
    page.locator("#theme").click()
    light = page.evaluate(colour)
    assert (sum(map(int, dark[4:-1].split(","))) < 150, sum(map(int, light[4:-1].split(","))) > 700) == (True, True)
    page.reload()
    assert page.evaluate(colour) == light


@pytest.mark.parametrize("name", ["train.py", *HOSTILE], ids=lambda name: name[:12].encode("unicode_escape").decode())
def test_strings_that_mean_harm_are_shown_and_a_phone_need_not_scroll_sideways(
    show: Callable[..., Page], name: str
) -> None:
    page = show(Recording.of(records_of(name)), width=360)
    assert page.title().startswith("sick: ")
    assert visible(name) in page.locator("#finding-1").evaluate("each => each.textContent")
    assert page.locator("main img[onerror]").count() == 0
    draw_all(page)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_heat_map_tells_the_value_under_the_pointer(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    chart = page.locator("#layers .chart").first
    chart.scroll_into_view_if_needed()
    chart.and_(page.locator("[data-drawn]")).wait_for()
    summary = chart.locator(".summary")
    before = summary.inner_text()
    box = chart.locator(".plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    assert summary.inner_text().startswith("train.py, step ")
    page.mouse.move(0, 0)
    assert summary.inner_text() == before


def test_a_chart_gets_its_tools_when_the_pointer_comes(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary)
    chart = page.locator("#curves .chart").first
    chart.scroll_into_view_if_needed()
    chart.and_(page.locator("[data-drawn=yes]")).wait_for()
    chart.locator(".plot").hover()
    chart.and_(page.locator("[data-drawn=tools]")).wait_for()
    assert chart.locator(".layer").count() == 1


DIFF = "--- a/train.py\n+++ b/train.py\n@@ -1,1 +1,2 @@\n x = 1\n+y = 2" + 200 * "0" + "\n"


def test_what_to_change_and_what_a_trial_showed_fit_on_a_phone(show: Callable[..., Page]) -> None:
    trial = Trial(
        treatment="clear-gradients",
        checks=("cause-of-it",),
        start=2.3,
        controls=(2.3,) * 3,
        treated=(0.1,) * 3,
        steps=50,
    )
    items = (Item("cause-of-it", SourceLine("train.py", 2), "Mend it.", DIFF, DIFF),)
    run = Recording.of([*records_of("train.py"), trial])
    page = show(run, width=360, prescription=Prescription(items, DIFF))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("#diff-1").evaluate("each => each.textContent") == DIFF
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[data-copy=diff-1]").click()
    page.locator("[data-copy=diff-1]", has_text="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == DIFF
    drawing = page.locator("#finding-1 .runs")
    assert drawing.locator("circle.better").count() == 3
    left, right = (drawing.locator(f"circle.{kind}").first.bounding_box() for kind in ("treated", "control"))
    assert left is not None
    assert right is not None
    assert left["x"] < right["x"]
    assert drawing.evaluate("each => each.parentElement.scrollWidth <= each.parentElement.clientWidth")


def test_a_range_test_is_drawn_with_its_range_and_the_own_rate(show: Callable[..., Page]) -> None:
    rates = [10.0 ** (-6 + i / 8) for i in range(40)]
    losses = [2.0 - 1.5 * (i > 20) + 3.0 * (i > 30) for i in range(40)]
    rows = [
        Step(experiment="lr-sweep", step=i, lr=rate, loss=loss, optimizer_steps=1)
        for i, (rate, loss) in enumerate(zip(rates, losses, strict=True))
    ]
    page = show(Recording.of([*rows, Step(lr=1e-3, loss=2.0)]))
    draw_all(page)
    assert page.locator("#curves .chart canvas").count()


def test_on_paper_it_is_light_and_unfolded(show: Callable[..., Page], ordinary: Recording) -> None:
    page = show(ordinary, dark=True)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#finding-1 .explanation").is_visible()
    assert not page.locator("nav").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_a_huge_run_is_drawn(show: Callable[..., Page]) -> None:
    page = show(Recording.of(huge_records()))
    draw_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1100
