"""The interactive page: it loads nothing, runs no text of the user, and typesets every equation."""

from __future__ import annotations

import functools
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import symnn
from symnn.api import Derivation
from symnn.formats.html import html, katex_style, words
from symnn.language.options import DETAILS, METHODS
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names

VENDOR = Path(symnn.__file__).parent / "vendor" / "katex"
TYPESET = """
const katex = require(process.argv[1]);
const texts = JSON.parse(require("fs").readFileSync(0, "utf8"));
const failed = [];
for (const tex of texts) {
  try { katex.renderToString(tex, { strict: "error", throwOnError: true }); }
  catch (error) { failed.push(tex + "   " + error.message); }
}
console.log(JSON.stringify(failed));
"""


@functools.cache
def derived(name: str) -> Derivation:
    return symnn.load(name).derive()


def formulas(
    name: str,
    layout: str,
    detail: str,
    notation: str,
    story: str = "reference",
    method: str = "chain",
) -> set[str]:
    """Every piece of mathematics of the notes."""
    options = {"layout": layout, "detail": detail, "notation": notation, "story": story}
    notes = tell(derived(name), NotesOptions(**options, method=method))
    found: set[str] = set()
    for block in [b for section in notes.sections for b in section.blocks]:
        texts = [getattr(block, name, "") for name in ("text", "caption", "title")]
        texts += getattr(block, "texts", ())
        for row in getattr(block, "rows", ()):
            if isinstance(row, tuple):
                texts += row
            else:
                found |= {row.sides[0], row.relation, row.sides[1], row.shape}
                texts.append(row.reason)
        found |= {tex for text in texts for math, tex in words(text) if math}
    return found - {""}


def test_katex_typesets_every_formula_in_strict_mode() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    cases = list(itertools.product(example_names(), LAYOUTS, DETAILS, NOTATIONS))
    told = itertools.product(
        ("xor", "digits"), LAYOUTS, ("full",), NOTATIONS, ("tutorial",), METHODS
    )
    texts = sorted(set().union(*(formulas(*case) for case in (*cases, *told))))
    assert len(texts) > 2000
    command = [node, "-e", TYPESET, str(VENDOR / "katex.min.js")]
    done = subprocess.run(
        command, input=json.dumps(texts), text=True, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def without_code(page: str) -> str:
    """The page without its scripts and styles."""
    return re.sub(r"<(script|style)>.*?</\1>", "", page, flags=re.DOTALL)


def test_the_page_loads_nothing_and_is_small() -> None:
    text = html(symnn.load("digits").derive())
    assert len(text.encode()) < 1_000_000
    assert text.splitlines()[0] == "<!doctype html>"
    assert not re.search(r"<(link|img|iframe|script)|https?://(?!opensource)", without_code(text))
    assert not re.search(r"@import|url\((?!data:)", katex_style())
    assert "default-src &#39;none&#39;" in text and "url(data:font/woff2" in katex_style()


def test_every_level_is_in_the_page_and_the_chosen_one_is_shown() -> None:
    text = html(symnn.load("xor").derive(), NotesOptions(detail="answer"))
    shown = re.findall(r'<article id="level-(\w+)" class="level"( hidden)?>', text)
    assert shown == [("answer", ""), ("textbook", " hidden"), ("full", " hidden")]


def test_text_of_the_user_stays_text() -> None:
    title = "</title><script>alert('x')</script>"
    net = symnn.Network(
        inputs=1, layers=[symnn.Dense(1)], loss="sse", name=title, description="<img src=x>"
    )
    text = without_code(html(net.derive()))
    assert "<script" not in text and "<img" not in text
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(("notation", "language"), [("affine", "en"), ("ng", "en"), ("ng", "zh")])
def test_the_scripts_run_and_typeset(tmp_path: Path, notation: str, language: str) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = tmp_path / "notes.html"
    text = html(symnn.load("xor").derive(), NotesOptions(notation=notation, language=language))
    path.write_text(text, encoding="utf-8")

    def shown(fragment: str) -> str:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        done = subprocess.run(
            [*command, f"--user-data-dir={tmp_path / 'profile'}", f"{path.as_uri()}#{fragment}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    notes, worksheet = shown("textbook"), shown("full,worksheet")
    assert notes.count('class="katex-mathml"') > 40
    assert notes.count("data-symbol=") > 40  # symbols that say what they mean
    assert "katex-error" not in without_code(notes) + without_code(worksheet)
    assert re.search(r'<body class="[^"]*worksheet', worksheet)
    assert re.search(r'<button[^>]*data-level="full" aria-pressed="true"', worksheet)
    assert len(re.findall(r'class="row[^"]* hidden"', worksheet)) > 5
