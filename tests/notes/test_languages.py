"""The notes in every language: one table of phrases each, and nothing else."""

from __future__ import annotations

import functools
import itertools
import json
import os
import re
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import symnn
from symnn.api import Derivation, Network
from symnn.cli.main import main
from symnn.drawing.svg import svg
from symnn.formats import pdf, tex
from symnn.formats.beamer import beamer
from symnn.formats.figure import figure, printed
from symnn.formats.html import html, words
from symnn.formats.latex import document, fragment, fragment_to_input
from symnn.formats.markdown import github, ipynb
from symnn.formats.quarto import qmd
from symnn.language.english import ENGLISH
from symnn.language.options import DETAILS
from symnn.language.phrases import PHRASES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.document import Box, Document, Equations, Figure, Heading, Paragraph, Table
from symnn.notes.figures import FIGURES
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names

OTHERS = [language for language in PHRASES if language != "en"]
CHINESE = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uff65]")
SETTINGS = {"tag", "tex_program", "page_fonts"}
MATHEMATICS = r"\$[^$]*\$"
NAMES = re.compile("dropout|softmax|sigmoid|Adam|RMSProp|TeX|JavaScript|SymPy")  # in any language


@functools.cache
def derived(name: str) -> Derivation:
    """An example, or the network that uses what no example does."""
    return rich().derive() if name == "rich" else symnn.load(name).derive()


def rich() -> Network:
    layers = [
        symnn.Dense(4, "softmax"),
        symnn.Dropout(0.2),
        symnn.Dense(3, "gelu"),
        symnn.Dense(2, "sigmoid"),
    ]
    loss = {"name": "binary_cross_entropy", "l2": 0.1}
    train = {"optimizer": "adam"}
    return Network(inputs=3, layers=layers, loss=loss, name="rich", train=train)


def placeholders(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def texts(notes: Document) -> Iterator[str]:
    """Everything that the notes say, apart from what the user wrote."""
    for section in notes.sections:
        yield section.title
        for block in section.blocks:
            match block:
                case Paragraph(text) | Heading(text):
                    yield text
                case Box(title, parts):
                    yield from (title, *parts)
                case Table(header, rows):
                    yield from itertools.chain(header, *rows)
                case Figure(drawing, caption):
                    yield caption
                    shapes: tuple[Any, ...] = (*drawing.nodes, *drawing.labels)
                    yield from (shape.text.tex for shape in shapes)
                case Equations(rows):
                    for row in rows:
                        yield row.reason
                        yield from (f"${side}$" for side in row.sides)


def english(text: str) -> list[str]:
    """Runs of words in Latin letters outside of mathematics, and words within \\text."""
    within = re.findall(r"\\text\{([^}]*)\}", text)
    spoken = " ".join([re.sub(MATHEMATICS, " $ ", text), *within])
    return re.findall(r"[A-Za-z]{2,}(?:[\s,.;:()]+[A-Za-z]+){2,}|\b(?:if|otherwise)\b", spoken)


# the tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", OTHERS)
def test_a_language_says_what_english_says(language: str) -> None:
    table = PHRASES[language]
    assert list(table) == list(ENGLISH), set(table) ^ set(ENGLISH)
    for key, phrase in table.items():
        assert placeholders(phrase) == placeholders(ENGLISH[key]), key
        assert phrase.count("$") % 2 == 0, key


@pytest.mark.parametrize("language", OTHERS)
def test_the_mathematics_of_a_phrase_is_that_of_the_english_one(language: str) -> None:
    for key, phrase in PHRASES[language].items():
        found, want = (sorted(re.findall(MATHEMATICS, p)) for p in (phrase, ENGLISH[key]))
        # a language may write a digit as a formula, or the letter of a symbol within its words
        assert [f for f in want if "\\" in f and f not in found] == [], key


def test_chinese_uses_its_own_punctuation_and_terms() -> None:
    table = PHRASES["zh"]
    for key in table.keys() - SETTINGS:
        spoken = re.sub(MATHEMATICS + r"|\{\w+\}|\\,", "", table[key])
        assert not re.search(r"[,;:!?()]|\.(?!\d)", spoken), key
        assert not re.search(r"[A-Za-z]{2,}", NAMES.sub("", spoken)), key
        assert not re.search(r"[\u4e00-\u9fff]\$|\$[\u4e00-\u9fff]", table[key]), key
        assert not CHINESE.search("".join(re.findall(MATHEMATICS, table[key]))), key
    said = "".join(table.values())
    terms = "前向传播 反向传播 链式法则 激活函数 损失函数 梯度下降 学习率 逐元素积 预激活 误差项"
    assert [term for term in terms.split() if term not in said] == []


def test_a_language_is_one_more_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is said comes from the table: with every phrase in guillemets, nothing is left."""
    settings = {*SETTINGS, *(key for key in ENGLISH if key.startswith("join_"))}
    table = {
        k: p if k in settings or not english(re.sub("[{}]", "", p)) else f"«{p}»"
        for k, p in ENGLISH.items()
    }
    monkeypatch.setitem(PHRASES, "xx", table)  # type: ignore[arg-type]
    cases: list[tuple[str, dict[str, str]]] = [
        ("xor", {"detail": "full", "story": "tutorial"}),
        ("rich", {"method": "differential"}),
        ("deep", {"detail": "answer"}),
    ]
    for name, options in cases:
        said = list(texts(tell(derived(name), NotesOptions(language="xx", **options))))
        assert sum("«" in text for text in said) > 3
        for text in said:
            while "«" in text:  # a phrase may stand within a phrase
                text, before = re.sub("«[^«»]*»", "", text), text
                assert text != before, before
            assert english(text) == []


# the documents -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*example_names(), "rich"])
def test_no_english_is_left_in_chinese_notes(name: str) -> None:
    cases = [(layout, detail, "affine") for layout in LAYOUTS for detail in DETAILS]
    cases += [("columns", "textbook", notation) for notation in NOTATIONS]
    for layout, detail, notation in cases:
        figures = (layout, detail) == ("sample", "textbook")
        options = {"layout": layout, "detail": detail, "notation": notation, "figures": figures}
        if detail == "full":
            options |= {"story": "tutorial", "method": "differential"}
        notes = tell(derived(name), NotesOptions(language="zh", **options))
        said = [text for text in texts(notes) if text]
        assert [found for text in said for found in english(text)] == []
        assert sum(bool(CHINESE.search(text)) for text in said) > 15
        for text in said:
            for formula in re.findall(MATHEMATICS, text):
                assert not CHINESE.search(re.sub(r"\\text\{[^}]*\}", "", formula)), formula


def test_english_is_found_where_there_is_some() -> None:
    notes = tell(derived("xor"))
    assert sum(bool(english(text)) for text in texts(notes)) > 10
    assert not any(CHINESE.search(text) for text in texts(notes))


@pytest.mark.parametrize("language", PHRASES)
@pytest.mark.parametrize("name", ["xor", "rich"])
def test_the_equations_are_the_same_in_every_language(name: str, language: str) -> None:
    def equations(notes: Document) -> list[tuple[str, str, str]]:
        blocks = [b for section in notes.sections for b in section.blocks]
        rows = [row for b in blocks if isinstance(b, Equations) for row in b.rows]
        return [(r.sides[0], re.sub(r"\\text\{[^}]*\}", "", r.sides[1]), r.relation) for r in rows]

    told = (
        tell(derived(name), NotesOptions(detail="full", language=lang)) for lang in (language, "en")
    )
    assert equations(next(told)) == equations(next(told))


def test_every_format_is_in_chinese() -> None:
    options = NotesOptions(language="zh", detail="full")
    for printer in (document, fragment, html, github, ipynb, beamer, qmd):
        text = printer(derived("rich"), options)
        if printer is ipynb:
            cells = json.loads(text)["cells"]
            text = "\n".join(c["source"] for c in cells if c["cell_type"] == "markdown")
            text = re.sub(r"\(attachment:[^)]*\)", "", text)
        if printer is html:
            text = re.sub(r"<(script|style)>.*?</\1>|<!--.*?-->", "", text, flags=re.DOTALL)
            labels = re.findall(r'aria-label="([^"]*)"', text)
            assert labels and all(CHINESE.search(label) for label in labels)
            text = re.sub(r'<span class="math">[^<]*</span>|<[^>]*>', " ", text)
        if printer in (document, beamer):
            text = text.partition("\\begin{document}")[2]
        assert len(CHINESE.findall(text)) > 500, printer
        assert not re.search(r"\b(the|network|layer|chain rule|Figure|Detail)\b", text), printer
        text.encode("utf-8")
        assert "\r" not in text
    page = html(derived("xor"), options)
    assert '<html lang="zh-CN">' in page
    assert "font: 1.0625rem/1.5 PingFang SC, Noto Sans CJK SC, Microsoft YaHei, sans-serif" in page
    assert '<html lang="en">' in html(derived("xor"))


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_in_chinese(name: str) -> None:
    net = Network.from_spec(symnn.load("xor").spec)
    chinese = symnn.load(
        {
            "model": {"inputs": 2, "name": "xor"},
            "layers": [{"type": "dense", "units": 1, "activation": "sigmoid"}],
            "loss": {"name": "sse"},
            "notes": {"language": "zh"},
        }
    )
    drawing = figure(chinese, name)
    assert drawing is not None and CHINESE.search(drawing.title)
    assert drawing.title in svg(drawing)
    text = printed(drawing, ".tex", language="zh")
    assert isinstance(text, str) and "% !TEX program = xelatex\n" in text and "{ctex}" in text
    other = figure(net, name)
    assert other is not None and not CHINESE.search(str(other))


def test_the_command_line_and_the_spec_choose_the_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> object:
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        return stop.value.code

    assert run("derive", "xor", "--language", "zh", "-o", "flag.tex") == 0
    assert run("new", "own.toml", "--example", "xor") == 0
    spec = (tmp_path / "own.toml").read_text(encoding="utf-8")
    assert "\n[notes]\n" in spec and "language" not in spec
    changed = spec.replace("\n[notes]\n", '\n[notes]\nlanguage = "zh"\n')
    (tmp_path / "own.toml").write_text(changed, encoding="utf-8")
    assert run("derive", "own.toml", "-o", "spec.tex") == 0
    flag, own = ((tmp_path / f"{n}.tex").read_bytes() for n in ("flag", "spec"))
    assert flag == own and "反向传播".encode() in flag
    assert run("derive", "xor", "--language", "xx") == 2


def test_what_is_printed_does_not_depend_on_the_locale() -> None:
    command = [sys.executable, "-m", "symnn", "derive", "xor", "--language", "zh", "--fragment"]
    surroundings = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(command, env=surroundings, capture_output=True, check=True)
    mark, text = done.stdout.decode("utf-8").split("\n", 1)
    assert mark.startswith("% Generated by symnn")
    assert text == fragment_to_input(derived("xor"), NotesOptions(language="zh"))


# the user's own words ------------------------------------------------------------------------


def test_the_text_of_the_user_is_unchanged_and_inert() -> None:
    name, description = "软最大 <b> $x$ 100% 龘", "一个网络，& \\end{document}；“引号”"
    net = Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", name=name, description=description)
    text = document(net.derive(), NotesOptions(language="zh"))
    # 龘 and the quotation marks are not in the font that TeX Live has
    assert r"软最大 \textless{}b\textgreater{} \$x\$ 100\% U+9F98" in text
    assert r"一个网络，\& \textbackslash{}end\{document\}；U+201C引号U+201D" in text
    assert r"\hypersetup{pdftitle={软最大  b   x  100   }}" in text
    page = html(net.derive(), NotesOptions(language="zh"))
    assert "软最大 &lt;b&gt; $x$ 100% 龘" in page and "“引号”" in page


def test_english_notes_say_the_code_points() -> None:
    assert tex.escape("中") == "U+4E2D" and tex.escape("中，龘", "xelatex") == "中，U+9F98"


# TeX -----------------------------------------------------------------------------------------


def test_missing_tex_names_the_packages_of_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    for language, program, package in (
        ("en", "pdflatex", "texlive-latex-base"),
        ("zh", "xelatex", "texlive-xetex texlive-lang-chinese texlive-fonts-recommended"),
    ):
        with pytest.raises(pdf.TexError) as error:
            pdf.compile_pdf(document(derived("xor"), NotesOptions(language=language)))
        assert str(error.value).startswith(f"pdf: {program} is not installed")
        assert package in error.value.hint and ".html" in error.value.hint


def needs_chinese_tex() -> None:
    """Skip where xelatex, ctex or the fonts are not there."""
    if shutil.which("xelatex") is None or shutil.which("kpsewhich") is None:
        pytest.skip("xelatex is not installed")
    command = ["kpsewhich", "ctex.sty", "FandolSong-Regular.otf", "tikz.sty", "booktabs.sty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    if len(found.splitlines()) < 4:
        pytest.skip("xelatex is there, but not ctex, its fonts or TikZ")


@pytest.mark.parametrize(("name", "layout"), [("digits", "sample"), ("rich", "rows")])
def test_chinese_notes_compile_and_nothing_runs_off_the_page(
    name: str, layout: str, tmp_path: Path
) -> None:
    needs_chinese_tex()
    text = document(derived(name), NotesOptions(language="zh", layout=layout, detail="full"))
    (tmp_path / "notes.tex").write_text(text, encoding="utf-8")
    command = ["xelatex", "-no-shell-escape", "-interaction=nonstopmode", "notes.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "notes.log").read_text(encoding="utf-8", errors="replace")
    assert not [w for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(w) > 2]
    assert "Missing character" not in log


def test_a_chinese_pdf_holds_its_words(tmp_path: Path) -> None:
    needs_chinese_tex()
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    name = "中文 & \\input{/etc/passwd} 🙂"
    net = Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", name=name)
    net.derive().save(tmp_path / "notes.pdf", language="zh")
    command = ["pdftotext", str(tmp_path / "notes.pdf"), "-"]
    said = subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")
    said = re.sub(r"\s", "", said)
    assert said.startswith(r"中文&\input{/etc/passwd}U+1F642")
    for words_ in ("损失函数的梯度", "梯度下降", "图1", "反向传播"):
        assert words_ in said


def test_katex_typesets_the_chinese_within_formulas() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    found: set[str] = set()
    for name, detail in itertools.product([*example_names(), "rich"], DETAILS):
        for text in texts(tell(derived(name), NotesOptions(detail=detail, language="zh"))):
            found |= {part for is_math, part in words(text) if is_math}
    script = (
        "const katex = require(process.argv[1]);"
        "for (const tex of JSON.parse(require('fs').readFileSync(0, 'utf8')))"
        " katex.renderToString(tex, { strict: 'error', throwOnError: true });"
    )
    assert any(CHINESE.search(formula) for formula in found)
    katex = Path(symnn.__file__).parent / "vendor" / "katex" / "katex.min.js"
    subprocess.run(
        [node, "-e", script, str(katex)], input=json.dumps(sorted(found)), text=True, check=True
    )
