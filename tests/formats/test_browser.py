"""The page in Chromium: what its controls do, by mouse and by keyboard, on paper and on a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import symnn
from symnn.formats.html import html
from symnn.notes.options import NotesOptions

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("chromium is not installed", allow_module_level=True)

Browser, Page = sync_api.Browser, sync_api.Page
WIDE, PHONE = {"width": 1300, "height": 900}, {"width": 390, "height": 800}
HIDDEN = "#level-textbook section:not(.given) .row.hidden"
# the boxes of the card, of the row of the symbol it explains, and of the row after it
BOXES = """() => {
  const symbol = [...document.querySelectorAll(".known:hover")].pop();
  const row = symbol.closest(".row"), next = row.nextElementSibling;
  const box = (node) => node && node.getBoundingClientRect().toJSON();
  return [document.getElementById("meaning"), row, next].map(box);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def xor(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "xor.html"
    path.write_text(html(symnn.load("xor").derive()), encoding="utf-8")
    return path.as_uri()


def opened(browser: Browser, address: str, size: dict[str, int] = WIDE, **options: str) -> Page:
    """The page in a window of its own."""
    page = browser.new_page(viewport=size, **options)
    page.goto(address)
    return page


def meets(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two boxes have an area in common."""
    across = min(one["right"], other["right"]) - max(one["left"], other["left"])
    down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return across > 0.5 and down > 0.5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("xor", {"language": "zh", "story": "tutorial"}),
        ("digits", {"notation": "ng"}),
        ("deep", {"method": "differential"}),
    ],
)
def test_nothing_is_requested_and_the_console_is_quiet(
    browser: Browser, tmp_path: Path, name: str, options: dict[str, str]
) -> None:
    path = tmp_path / "notes.html"
    path.write_text(html(symnn.load(name).derive(), NotesOptions(**options)), encoding="utf-8")
    page = browser.new_page(viewport=WIDE)
    said: list[str] = []
    requested: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: requested.append(request.url))
    for words in ("answer", "textbook,worksheet", "full,numbers", "full,worksheet,code"):
        page.goto(f"{path.as_uri()}#{words}")
        page.reload()
        assert page.locator(".katex-error").count() == 0
    assert said == []
    assert {url.partition("#")[0] for url in requested if url[:5] != "data:"} == {path.as_uri()}
    page.close()


def test_the_bar_shows_what_it_says_and_the_address_keeps_it(browser: Browser, xor: str) -> None:
    page = opened(browser, xor)
    bar, levels = page.locator(".bar"), page.locator(".level")
    for label, level in (("Answer", "answer"), ("Every step", "full"), ("Textbook", "textbook")):
        bar.get_by_text(label, exact=True).click()
        shown = [levels.nth(k).get_attribute("id") for k in range(3) if levels.nth(k).is_visible()]
        assert shown == [f"level-{level}"] and page.url.endswith(f"#{level}")
    for label, kind in (("Numbers", "numbers"), ("Code", "code")):
        bar.get_by_text(label, exact=True).click()
        beside = page.locator(f"#level-textbook .row [data-beside={kind}]")
        other = page.locator(f"#level-textbook .row .beside:not([data-beside={kind}])")
        assert beside.count() > 5 and beside.first.is_visible() and not other.first.is_visible()
        assert page.locator(f"#level-textbook p[data-beside={kind}]").is_visible()
    bar.get_by_text("Worksheet", exact=True).click()
    assert page.url.endswith("#textbook,worksheet,code")
    page.reload()
    assert page.locator("[aria-pressed=true]").all_inner_texts() == [
        "Textbook",
        "Worksheet",
        "Code",
    ]
    bar.get_by_text("Notes", exact=True).click()
    bar.get_by_text("Symbols", exact=True).click()
    assert page.url.endswith("#textbook") and not page.locator(".blank").first.is_visible()
    page.close()


def test_a_worksheet_is_filled_in_with_the_keyboard_alone(browser: Browser, xor: str) -> None:
    page = opened(browser, f"{xor}#textbook")
    focused = "document.activeElement"

    def tab_to(selector: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(f"{focused}.matches('{selector}')"):
                return
        pytest.fail(f"{selector} is never reached")

    tab_to("[data-view=worksheet]")
    page.keyboard.press("Enter")
    total = page.locator(HIDDEN).count()
    assert total > 15 and page.locator(".found").inner_text() == f"0 / {total}"
    first = page.locator(HIDDEN).nth(0)
    assert not first.locator(".formula").is_visible() and not first.locator(".shape").is_visible()
    tab_to(".blank")
    page.keyboard.press("Tab")  # its hints come next
    hints = page.evaluate_handle(f"{focused}.closest('.hints').querySelectorAll('li')")
    count = hints.evaluate("list => list.length")
    for given in range(1, count + 1):
        assert page.evaluate(f"{focused}.innerText") == f"Hint {given} / {count}"
        page.keyboard.press("Space")
        assert hints.evaluate("list => [...list].filter(li => !li.hidden).length") == given
    assert page.evaluate(f"{focused}.className") == "blank"  # no hint is left
    row = page.evaluate_handle(f"{focused}.closest('.row')")
    page.keyboard.press("Enter")
    assert row.evaluate("row => getComputedStyle(row.querySelector('.formula')).visibility") == (
        "visible"
    )
    assert page.locator(".found").inner_text() == f"1 / {total}"
    assert page.evaluate(f"{focused}.className") == "blank"  # the next one
    page.keyboard.press("Space")
    assert page.locator(HIDDEN).count() == total - 2
    page.locator("[data-do=reset]").focus()
    page.keyboard.press("Enter")
    assert page.locator(HIDDEN).count() == total
    assert page.locator(".hints li:visible").count() == 0
    page.locator("[data-do=reveal]").focus()
    page.keyboard.press("Enter")
    assert page.locator(HIDDEN).count() == 0
    page.close()


def test_what_gives_the_answer_away_stays_hidden_until_it_is_found(
    browser: Browser, xor: str
) -> None:
    page = opened(browser, f"{xor}#textbook,worksheet")
    row = page.locator(HIDDEN).filter(has_text="insert").first
    away = row.locator(".says")
    assert "=" in away.inner_text() or "=" in (away.text_content() or "")
    assert not away.is_visible()
    assert row.locator(".kept").is_visible()
    assert "=" not in (row.locator(".kept .katex-html").text_content() or "")
    box = page.locator("#level-textbook .box").first
    assert not box.is_visible()
    says, kept = (row.locator(part).element_handle() for part in (".says", ".kept"))
    row.locator(".blank").click()
    assert says.is_visible() and not kept.is_visible()
    page.locator("[data-do=reveal]").click()
    assert box.is_visible()
    page.close()


def test_a_blank_and_a_key_are_printed_whatever_is_revealed(browser: Browser, xor: str) -> None:
    page = opened(browser, f"{xor}#textbook,worksheet")
    page.evaluate(
        f"window.print = () => {{ window.seen = document.querySelectorAll('{HIDDEN}').length; }}"
    )
    total = page.locator(HIDDEN).count()
    page.locator(".blank:visible").first.click()
    for do, expected in (("blank", total), ("key", 0)):
        page.locator(f"[data-do={do}]").click()
        assert page.evaluate("window.seen") == expected
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(HIDDEN).count() == total - 1
    page.emulate_media(media="print")
    line = page.locator(HIDDEN).first.locator(".right")
    style = line.evaluate("node => getComputedStyle(node).borderBottomStyle")
    assert style == "dotted" and not page.locator(HIDDEN).first.locator(".formula").is_visible()
    assert not page.locator(".bar").is_visible() and not page.locator(".blank").first.is_visible()
    page.close()


@pytest.mark.parametrize("size", [WIDE, {"width": 1000, "height": 700}, PHONE])
def test_the_card_covers_neither_its_row_nor_the_next(
    browser: Browser, xor: str, size: dict[str, int]
) -> None:
    page = opened(browser, f"{xor}#full", size)
    known = page.locator("#level-full .row .known:visible")
    seen = 0
    for k in range(0, known.count(), 7):
        edge = ("start", "center", "end")[k % 3]
        known.nth(k).evaluate("(node, edge) => node.scrollIntoView({ block: edge })", edge)
        page.mouse.wheel(0, {"start": -150, "center": 0, "end": 40}[edge])  # from below the bar
        page.wait_for_timeout(30)
        known.nth(k).hover()
        card, row, after = page.evaluate(BOXES)
        assert page.locator("#meaning").is_visible()
        assert not meets(card, row) and not (after and meets(card, after)), k
        assert card["left"] >= 0 and card["right"] <= size["width"]
        assert card["top"] >= 0 and card["bottom"] <= size["height"]
        marked = page.locator(".marked").count()
        seen += marked > 1
    assert seen > 3
    page.mouse.move(1, 1)
    assert not page.locator("#meaning").is_visible() and page.locator(".marked").count() == 0
    page.close()


def test_the_card_says_meaning_shape_and_value(browser: Browser, xor: str) -> None:
    page = opened(browser, f"{xor}#textbook")
    page.locator("#level-textbook .row .left .known").nth(0).hover()
    text = page.locator("#meaning").inner_text()
    assert "pre-activation of layer 1" in text.replace("\n", "") and "×" in text and "0.4" in text
    page.close()


@pytest.mark.parametrize("name", ["xor", "digits", "deep"])
def test_a_phone_never_scrolls_sideways(browser: Browser, tmp_path: Path, name: str) -> None:
    path = tmp_path / "notes.html"
    path.write_text(html(symnn.load(name).derive()), encoding="utf-8")
    for words in ("answer", "textbook,numbers", "full,code", "full,worksheet"):
        page = opened(browser, f"{path.as_uri()}#{words}", PHONE)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
        page.close()
    page = opened(browser, f"{path.as_uri()}#textbook", PHONE)
    left, right = (
        page.locator(f"#level-textbook .long {side}").first.bounding_box()
        for side in (".left", ".right")
    )
    assert left["y"] + left["height"] <= right["y"] + 1  # a line to itself
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_paper(browser: Browser, xor: str, scheme: str) -> None:
    page = opened(browser, f"{xor}#textbook", color_scheme=scheme)

    def light(of: str, what: str) -> float:
        """Relative luminance: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
        color = page.evaluate(f"getComputedStyle(document.querySelector('{of}')).{what}")
        parts = [float(x) / 255 for x in color.partition("(")[2].rstrip(")").split(",")[:3]]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    paper = light("html", "backgroundColor")
    assert (paper < 0.05) == (scheme == "dark")
    for of in ("p", ".row .formula", ".row .reason .says", "h2", ".shape"):
        ink = light(of, "color")
        contrast = (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05)
        assert contrast >= 4.5, of
    page.close()
