"""Which layers of a deep network are drawn, and how wide a text is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from symnn.drawing.drawing import SIZES, Canvas, Drawing, Label, Point
from symnn.drawing.mathtext import Text, words
from symnn.engine.ir import Line, Tensor
from symnn.engine.repeats import named, runs, signature
from symnn.language.phrases import Phrases

PLACE = "\0"
CENTIMETRES = 2.54 / 72.27  # of a TeX point


def drawn(
    layers: Mapping[int, Sequence[Line]], budget: int, weigh: bool, tensors: Mapping[str, Tensor]
) -> list[list[int]]:
    """The layers that are drawn, in stretches with a gap between each two.

    A run of equal layers is drawn as its first and its last.  If that is still
    more than the budget allows, only some layers at either end are drawn.  weigh: the budget
    counts lines, not layers.
    """

    def cost(kept: Sequence[int]) -> int:
        return sum(len(layers[k]) for k in kept) if weigh else len(kept)

    every = list(layers)
    if cost(every) <= budget:
        return [every]
    keys = [(k, tuple(signature(x, k, named(x, tensors)) for x in layers[k])) for k in every]
    hidden: set[int] = set()
    for start, length in runs(keys, 4):
        hidden.update(every[start + 1 : start + length - 1])
    for first, last in ((len(every), 0), (3, 2), (2, 2), (2, 1), (1, 1)):
        ends = {*every[:first], *every[len(every) - last :]}
        kept = [k for k in every if k in ends and k not in hidden]
        if cost(kept) <= budget:
            break
    stretches: list[list[int]] = []
    for k in kept:
        if stretches and k == stretches[-1][-1] + 1:
            stretches[-1].append(k)
        else:
            stretches.append([k])
    return stretches


def measure(text: Text, size: str = "normal") -> float:
    """About how wide a text is, in cm."""
    return text.width * SIZES[size] * CENTIMETRES


def phrase(say: Phrases, key: str, name: str, text: Text) -> Text:
    """A phrase that holds a formula; name: of the place that it has there."""
    before, _, after = say(key, **{name: PLACE}).partition(PLACE)
    return words(before) + text + words(after)


def titled(canvas: Canvas, name: str, say: Phrases, net: str, margin: float = 0.1) -> Drawing:
    """The drawing of what is on a canvas, with room for its texts.  net: the network's name."""
    title = say(f"figure_{name}_title", name=say.titled(net))
    return canvas.drawing(name, title, list(_corners(canvas)), margin)


def _corners(canvas: Canvas) -> Iterator[Point]:
    """The corners of the texts, for the box of a drawing."""
    for label in canvas.shapes:
        if isinstance(label, Label):
            long, high = measure(label.text, label.size), SIZES[label.size] * CENTIMETRES
            left = label.x - {"start": 0.0, "middle": long / 2, "end": long}[label.anchor]
            yield from ((left, label.y - high / 2), (left + long, label.y + high / 2))
