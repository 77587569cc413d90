"""Equal blocks in the notes: told once, true of each."""

from __future__ import annotations

import re

import pytest

import symnn
from symnn.derivation.lines import LinesDerivation
from symnn.engine import repeats
from symnn.notes import blocks
from symnn.notes.document import Equations, Paragraph, Table
from symnn.notes.equations import tell_lines
from symnn.notes.options import NotesOptions


def transformer(count: int) -> LinesDerivation:
    x = h = symnn.Input("x", t=3, c=4)
    for _ in range(count):
        h = symnn.layers.TransformerBlock(heads=2, units=5)(h)
    return symnn.network(symnn.layers.Add()(symnn.Dense(4)(h), x), loss="mse").derive()


def recurrent(count: int) -> LinesDerivation:
    h = symnn.Input("x", t=3, c=4)
    for _ in range(count):
        h = symnn.layers.LSTM(4, steps="all")(h)
    return symnn.network(symnn.Dense(2)(h), loss="mse").derive()


def at(text: str, number: int) -> str:
    """The TeX of a row for layer \\ell = number."""

    def shifted(found: re.Match[str]) -> str:
        return str(number + int(found[1] or 0))

    return re.sub(r"\\ell([+-]\d+)?(?![a-z])", shifted, text)


@pytest.mark.parametrize("build", [transformer, recurrent])
def test_what_is_told_once_is_what_each_block_would_be_told(
    build: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    derivation = build(3)  # type: ignore[operator]
    options = NotesOptions(detail="full", figures=False)
    notes = tell_lines(derivation, options)
    monkeypatch.setattr(blocks, "rolled", lambda items, *more: list(items))
    plain = tell_lines(derivation, options)
    assert not any(r"\ell" in row.tex for row in plain.rows())

    def same(tex: str, reason: str) -> tuple[str, str]:
        """Without the order of terms and factors, and with one letter for the units."""
        tex = re.sub(r"([jk])_\{\d\}", r"\1", tex).replace(",", "").replace("k", "j")
        return "".join(sorted(tex)), "".join(sorted(reason))

    written = {same(row.tex, row.reason) for row in plain.rows()}
    assert all(row.checked for row in plain.sections[1].rows())
    general = [row for row in notes.rows() if row.also]
    assert len(general) > 20
    for section in notes.sections:
        numbers: list[int] = []
        for block in section.blocks:
            if isinstance(block, Paragraph) and r"\ell =" in block.text:
                numbers = [int(k) for k in re.findall(r"\d+", block.text.split(r"\ell =")[1])]
            for row in block.rows if isinstance(block, Equations) else ():
                if r"\ell" not in row.tex:
                    assert same(row.tex, row.reason) in written
                    continue
                for number in numbers:
                    assert same(at(row.tex, number), at(row.reason, number)) in written
                assert not row.label or len(row.labels) == len(numbers)
    # a tick of all is one of each, with the largest of the errors
    errors = {row.label: row.error for row in plain.rows() if row.label and row.error is not None}
    ticked = [row for row in general if row.checked and not row.repeats]
    assert ticked
    assert all(row.error == max(errors[label] for label in row.labels) for row in ticked)


def test_twelve_blocks_take_the_room_of_three() -> None:
    three, twelve = (
        tell_lines(transformer(count), NotesOptions(figures=False, ticks=False))
        for count in (3, 12)
    )
    assert len([*twelve.rows()]) == len([*three.rows()])
    [table] = [b for b in twelve.sections[0].blocks if isinstance(b, Table)]
    assert [row for row in table.rows if r"\ell+1" in row[0]] == [
        (rf"$W_{{\mathrm{{{mark}}},\ell+1}}$", shape, r"parameter, $\ell = 1, 6, \ldots, 56$")
        for mark, shape in (
            *((m, r"$2 \times 2 \times 4$") for m in "qkv"),
            ("o", r"$4 \times 2 \times 2$"),
        )
    ]
    [first, *_] = (b.text for b in twelve.sections[0].blocks if r"\ell" in getattr(b, "text", ""))
    assert "each of the $11$ equal blocks" in first  # they begin within the first layer by layer


def test_what_lies_far_away_keeps_its_number() -> None:
    """Every block of a decoder reads what the encoder gives."""
    x, y = symnn.Input("x", t=3, c=4), symnn.Input("u", s=3, e=4)
    first, h = symnn.Dense(4)(x), y
    for _ in range(4):
        h = symnn.layers.Add()(h, symnn.layers.Attention()(h, first))
    notes = tell_lines(
        symnn.network(h, loss="mse").derive(), NotesOptions(figures=False, ticks=False)
    )
    [row] = [row for row in notes.sections[0].rows() if row.label == "k-3"]
    assert row.also == ("k-4", "k-5")
    assert r"z_{1,tj}^{(n)}" in row.tex and r"W_{\mathrm{k},\ell" in row.tex


def test_rows_that_differ_are_written_out() -> None:
    h = symnn.Input("x", t=3, c=4)
    for heads in (1, 2, 4):
        h = symnn.layers.TransformerBlock(heads=heads, units=5)(h)
    notes = tell_lines(
        symnn.network(h, loss="mse").derive(), NotesOptions(figures=False, ticks=False)
    )
    scores = [row for row in notes.sections[0].rows() if row.label.startswith("S-")]
    assert len(scores) == 3 and not any(row.also for row in scores)


def test_a_repeat_needs_equal_kinds() -> None:
    lines = [*transformer(3).lines.program.lines]
    tensors = transformer(3).lines.program.tensors
    every = repeats.rolled(lines, lambda line: (line,), tensors)
    assert any(isinstance(own, repeats.Repeat) for own in every)
    apart = repeats.rolled(lines, lambda line: (line,), tensors, id)
    assert not any(isinstance(own, repeats.Repeat) for own in apart)
