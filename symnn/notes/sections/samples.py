"""Many samples: the gradients over a batch are sums or means of those of each sample."""

from __future__ import annotations

from dataclasses import replace

from symnn.formulas.index import is_decay, line_formulas
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.tex import symbol_tex
from symnn.formulas.tree import Formula, Glyph, Lettered, Relations, Symbol
from symnn.formulas.whole import DEEP, batch_product, sample_sum
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Equations, Paragraph, Row, Section
from symnn.notes.rows import labelled_for


def samples_section(context: Context) -> Section:
    """The gradients of one sample summed over all, and as products of matrices."""
    network, depth = context.network, context.depth
    equal = bool(network.depth_letter) or _layers_equal(context)
    deep = context.rolled and depth > DEEP and equal
    notation = context.labelled(2) if deep else context.notation
    each = replace(notation, each=True)
    if network.mean_loss:  # L is the mean of the samples' own, N L their sum
        notation = replace(notation, scaled=frozenset(context.sweep.names.values()))
    rows: list[Row] = []
    for t in context.forward.leaves_of("parameter"):
        layer = t.layer
        if deep and layer != 2:
            continue
        left, right = _sides(context, t.name, notation, each)
        first = symbol_tex(notation.labelled(lambda _: "0"), "a_2")
        reason = context.say("layers_all", first=first) if deep else ""
        label = f"samples-{context.label(context.sweep.names[t.name])}"
        others = range(1, depth + 1) if deep else ()
        layers = [layer, *(k for k in others if k != layer)]
        rows += labelled_for(
            context, [Row(left, right, each, reason, result=True, label=label)], layers
        )
    said = Paragraph(_said(context, f"dz_{2 if deep else depth}", notation, each))
    return Section(context.say("samples"), (said, Equations(tuple(rows))))


def _said(context: Context, error: str, notation: Notation, each: Notation) -> str:
    """That the samples stand side by side, at the example of the errors of a layer."""
    say, mean = context.say, context.network.mean_loss
    stack = [symbol_tex(each, error, sup=(Glyph(n),)) for n in ("1", notation.count)]
    matrix = rf"\begin{{pmatrix}} {stack[0]} & \cdots & {stack[1]} \end{{pmatrix}}"
    penalty = any(map(is_decay, context.forward.line("L").terms))
    return say(
        "sum_of_samples",
        mean=say("mean" if mean else "sum"),
        once=say("penalty_once") if penalty and not mean else "",
        stacked=f"${symbol_tex(notation, error, batch=True)} = {matrix}$",
    )


def _sides(
    context: Context, name: str, notation: Notation, each: Notation
) -> tuple[Formula, Formula]:
    """The gradient of a parameter over all samples; by entries where it has no matrix form."""
    derivation, sweep, mean = context.derivation, context.sweep, context.network.mean_loss
    one = sweep.gradients[name]
    try:
        total = sample_sum(one, context.per_sample, mean, each)
        many = batch_product(derivation.batch.gradients[name], mean, notation, "columns")
    except NoMatrixFormError:
        sums = derivation.mean_last if mean else derivation.batch
        left, right = line_formulas(sums.gradients[name], notation)
        return Lettered(left, notation), Lettered(right, notation)
    return Symbol(one.lhs.name), Relations((total, Lettered(many, notation)), ("=",))


def _layers_equal(context: Context) -> bool:
    """Whether the gradients of all layers but the first, which reads x, have one form."""
    forms: dict[str, dict[int, object]] = {}
    for t in context.forward.leaves_of("parameter"):
        layer, line = t.layer or 0, context.sweep.gradients[t.name]
        own = forms.setdefault(t.letter, {})
        own[layer] = context.signature(line, layer)
    return all(
        len(own) == context.depth and len({own[k] for k in own if k > 1}) == 1
        for own in forms.values()
    )
