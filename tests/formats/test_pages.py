"""Where the pages of the printed notes end."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import symnn
from symnn.formats.latex import document
from symnn.formats.pdf import compile_pdf
from symnn.notes.options import NotesOptions

FEW = 3  # rows of a last page that is nearly empty


@pytest.fixture(autouse=True)
def needs_tex() -> None:
    for program in ("pdflatex", "pdftotext"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def rows_by_page(folder: Path, count: int) -> list[int]:
    """How many of this many rows stand on each page, after one more run in the folder."""
    start, begin, _ = document(symnn.load("xor").derive(), NotesOptions(figures=False)).partition(
        r"\begin{document}"
    )
    text = start + begin + "\nrow\\par" * count + "\n\\end{document}\n"
    (folder / "notes.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "notes.tex"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(
        ["pdftotext", "notes.pdf", "-"], cwd=folder, check=True, capture_output=True, text=True
    )
    return [page.count("row") for page in done.stdout.split("\f")[:-1]]


def test_a_last_page_of_a_few_rows_takes_some_of_those_before_it(tmp_path: Path) -> None:
    full = rows_by_page(tmp_path, 100)[0]
    for pages in (6, 2):
        (tmp_path / "notes.aux").unlink()
        count = (pages - 1) * full + FEW
        assert rows_by_page(tmp_path, count) == [full] * (pages - 1) + [FEW]
        found = rows_by_page(tmp_path, count)
        *before, last = found
        given = full // 4 - FEW
        assert len(found) == pages and full // 4 <= last <= full // 4 + len(before)
        assert before[:-3] == [full] * len(before[:-3])  # three pages share what is given
        assert min(before) >= full - given // len(before[-3:]) - 2
        assert rows_by_page(tmp_path, count) == found  # and it stays so
    # what was found for two pages is of no use for four
    count = 3 * full + FEW
    for _ in range(3):
        found = rows_by_page(tmp_path, count)
    assert len(found) == 4 and found[-1] >= full // 4
    assert rows_by_page(tmp_path, FEW) == [FEW]


def test_a_last_page_that_holds_enough_leaves_the_others_full(tmp_path: Path) -> None:
    full = rows_by_page(tmp_path, 100)[0]
    for last in (full // 3, full):  # a last page that is full is the last one
        for _ in range(2):
            assert rows_by_page(tmp_path, full + last) == [full, last]


def test_the_pdf_does_not_end_in_a_page_of_a_few_lines(tmp_path: Path) -> None:
    pdf = compile_pdf(document(symnn.load("deep").derive(), NotesOptions(detail="answer")))
    (tmp_path / "notes.pdf").write_bytes(pdf)
    command = ["pdftotext", "-bbox", "notes.pdf", "-"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    *_, last = done.stdout.split("<page ")
    lows = sorted(map(float, re.findall(r'yMax="([\d.]+)"', last)))
    height = float(re.findall(r'height="([\d.]+)"', last)[0])
    assert lows[-2] > 0.25 * height  # the lowest is the number of the page
