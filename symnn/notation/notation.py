"""Notation: how the symbol of a tensor is written, its layer, its indices and its transpose.

A notation is presentation only.  The names of tensors (``A_1``, ``z_1``, ``mask_1``) and their
axes stay the same everywhere else.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symnn.engine.ir import Tensor

GREEK = frozenset(
    {
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi"),
        *("psi", "omega"),
    }
)
# how the number of a layer is attached
LAYER_MARKS = {
    "subscript": "{}",
    "superscript": "{}",
    "superscript_parentheses": "({})",
    "superscript_brackets": "[{}]",
}
STATES = {"velocity": "v", "m": "m", "v": "v", "m_hat": r"\hat{m}", "v_hat": r"\hat{v}"}
LAST = {"z": "scores", "a": "output"}  # letters of the last layer, where it has its own
_NAME = re.compile(r"(?P<base>[A-Za-z]+?)(?:_(?P<layer>\d+))?(?:_(?P<rest>[a-z_]+))?$")
_GRADIENT = re.compile(r"d(?:L_d)?(?P<wrt>[A-Za-z](?:_\d+)?|theta|mask_\d+)_*$")
_KINDS = {"A": "weights", "b": "bias", "z": "pre-activation", "a": "activation"}
ACCENTED = re.compile(r"\\(hat|tilde|bar)\b")
_BOLD = re.compile(r"\\(?:mathbf|boldsymbol)\{([^{}]*)\}")


def _plain(number: int) -> str:
    return str(number)


@dataclass(frozen=True)
class Notation:
    """Letters by the base of a name, for one sample and (capitals) for a batch, and their marks.

    letters, batch: "scores" and "output" are those of the last layer's z and a, where they are
    not z and a.  error: of the gradient by z; "" where it is written like every gradient.
    layer_mark: a key of LAYER_MARKS.  sole_mark, first_mark: whether a letter that one layer
    alone has, and the letters of layer 1, carry it.  raised: how a transpose follows a
    superscript: "brackets", "joined" or "braces".  orientation: "out_in", "in_out", or
    "by_layout", which is in_out where the samples are rows.  gradients: "partial", "nabla" or
    "d".  mean: where the 1/N of a mean stands, in the "seed" of the sweep or in the gradients
    of the "parameters".  layout: the one that the notes have by default.  layer_letter, count,
    sample, indices: the letters of layers in general, of the number of samples, of a sample, of
    units.  activation: letter of every activation ("": each by its name).  functions: name of a
    function -> TeX.

    The rest is what a program says of it, see :meth:`of`.  sizes: the number of a layer's units,
    where it is a symbol -> the layer.  each: a sample's gradients are those of its own loss.
    from_zero: whether all indices count from 0; else only those of lines that read beside an axis.
    """

    name: str
    letters: Mapping[str, str]
    batch: Mapping[str, str]
    error: str = r"\delta"
    batch_error: str = r"\Delta"
    layer_mark: str = "subscript"
    sole_mark: bool = True
    first_mark: bool = True
    raised: str = "brackets"
    orientation: str = "out_in"
    hadamard: str = r"\odot"
    transpose: str = r"\top"
    gradients: str = "partial"
    mean: str = "seed"
    layout: str = "sample"
    layer_letter: str = "k"
    count: str = "N"
    sample: str = "n"
    indices: str = "ijlpruvw"
    activation: str = ""
    functions: Mapping[str, str] = field(default_factory=dict)
    layer: Callable[[int], str] = _plain
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    sizes: Mapping[sp.Symbol, int] = field(default_factory=dict)
    scaled: frozenset[str] = frozenset()
    sole: frozenset[str] = frozenset()
    last: int = 0
    activations: Mapping[str, str] = field(default_factory=dict)
    each: bool = False
    from_zero: bool = False

    # what a program says ------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<Notation {self.name!r}>"

    def labelled(self, layer: Callable[[int], str]) -> Notation:
        """The same letters with other layer labels: number -> "2", or "k+1" in general."""
        return replace(self, layer=layer)

    def counting_from_zero(self) -> Notation:
        """The same letters with all indices from 0, as lines have them."""
        return replace(self, from_zero=True)

    def of(
        self,
        tensors: Iterable[Tensor],
        scaled: Iterable[str] = (),
        activations: Mapping[str, str] | None = None,
    ) -> Notation:
        """The same letters, for a program with these tensors.

        scaled: names of gradients of N L, not of L.  activations: name of a pre-activation -> name
        of the function that is applied to it.
        """
        known = {t.name: t for t in tensors}
        numbers = [t.layer for t in known.values() if t.kind == "pre-activation" and t.layer]
        axes = [a for t in known.values() for a in t.axes if a.layer is not None]
        bound = replace(
            self,
            tensors=known,
            sizes={a.size: a.layer or 0 for a in axes if isinstance(a.size, sp.Symbol)},
            scaled=frozenset(scaled),
            last=max(numbers, default=0),
            activations=dict(activations or {}),
        )
        if self.sole_mark:
            return bound
        letters = {t.name: bound._named(t)[0] for t in known.values() if t.letter and t.layer}
        count = Counter(letters.values())
        return replace(bound, sole=frozenset(n for n, c in letters.items() if count[c] == 1))

    def tensor(self, name: str) -> Tensor:
        """The tensor of this name, with a letter and the number of a layer.

        Where no program is bound, or one that gives it no letter, they are what its name says.
        """
        t = self.tensors.get(name)
        if t is None:
            return _read(name)
        if t.letter or t.of or t.wrt:
            return t
        said = _read(name)
        return replace(t, letter=said.letter, layer=said.layer)

    @property
    def alike(self) -> bool:
        """Whether all layers have one activation, so that its letter needs no mark."""
        return len(set(self.activations.values())) <= 1

    @property
    def ends(self) -> bool:
        """Whether the last layer has letters of its own."""
        return any(word in self.letters for word in LAST.values())

    def own(self, name: str) -> bool:
        """Whether a tensor has a letter of the last layer's own."""
        return self._own(self.tensor(name))

    def _own(self, t: Tensor) -> bool:
        word = LAST.get(t.letter, "")
        return (
            word in self.letters
            and t.kind != "next"
            and t.layer is not None
            and (t.layer == self.last)
        )

    def prefixed(self, name: str) -> bool:
        """Whether the symbol of a gradient is more than a letter: dW, but not \\delta."""
        t = self.tensor(name)
        return t.wrt is not None and self.gradients != "partial" and not self._error(t.wrt)

    def fraction(self, name: str, component: bool = False) -> bool:
        """Whether the symbol of a gradient is written as a fraction."""
        t = self.tensor(name)
        if t.wrt is None or self._error(t.wrt) or self.gradients == "d":
            return False
        return self.gradients == "partial" or component or self._scalar(t.wrt)

    def nabla(self, name: str, component: bool = False) -> bool:
        """Whether the symbol of a gradient begins with a nabla."""
        own = self.prefixed(name) and self.gradients == "nabla"
        return own and not self.fraction(name, component)

    def _error(self, name: str, batch: bool = False) -> str:
        """The letter of the gradient by a pre-activation; "" where it has none, or is another."""
        own = self.tensor(name).kind == "pre-activation"
        return (self.batch_error if batch else self.error) if own else ""

    def turned(self, name: str, layout: str) -> bool:
        """Whether the printed matrix is the transpose of the tensor: weights, and what is theirs.

        The tensor of the weights has a row for each output.
        """
        t = self.tensor(name)
        while owner := t.wrt or t.of:
            t = self.tensor(owner)
        return t.kind == "weights" and self.inward(layout)

    def inward(self, layout: str) -> bool:
        """Whether the matrix of the weights has a row for each input."""
        rows = layout == "rows" and self.orientation == "by_layout"
        return rows or self.orientation == "in_out"

    def upright(self, layout: str) -> bool:
        """Whether what belongs to no sample is a row, such as the bias in Z = XW + 1b."""
        return layout == "rows" and self.inward(layout)

    # symbols ------------------------------------------------------------------------------

    def symbol(
        self,
        name: str,
        *,
        batch: bool = False,
        sub: str = "",
        sup: str = "",
        component: bool = False,
        transposed: bool = False,
        inline: bool = False,
    ) -> str:
        """A tensor's letter with its layer, further subscripts and a sample's superscript.

        component: of one entry, whose letter is not bold.  inline: fractions on one line.
        """
        t = self.tensor(name)
        component = component or bool(sub) or self._scalar(name)
        how = _How(sub, sup, batch, component, transposed)
        if t.wrt is not None:
            return self._gradient(t, t.wrt, how, inline)
        above = _some(sup and f"({sup})")
        if t.kind == "next" and t.of:
            return self.symbol(
                t.of, batch=batch, sub=sub, sup=sup, component=component, transposed=transposed
            )
        if t.kind in STATES and t.of:
            return self._flipped(
                _attach(STATES[t.kind], [self.symbol(t.of), *_some(sub)], above), how
            )
        if self._letter(t.letter, batch) is None:
            return self._flipped(_attach(_words(name), _some(sub), above), how)
        letter, layer = self._named(t, how)
        return self._marked(letter, layer, how)

    def _scalar(self, name: str) -> bool:
        t = self.tensors.get(name)
        return t is not None and not t.axes and t.wrt is None

    def applied(self, name: str, tex: str, argument: str | None, primes: str) -> str:
        """A function's symbol; argument: the tensor that it is applied to, if it is one."""
        tex = self.functions.get(name, tex)
        if not self.activation or argument is None or self.activations.get(argument) != name:
            return tex + (f"^{{{primes}}}" if primes else "")
        layer = self.tensor(argument).layer
        mark = "" if self.alike or layer is None else self.layer(layer)
        text = _attach(self.activation, *self._places(mark))
        if not primes:
            return text
        if not mark:
            return f"{text}^{{{primes}}}"
        return f"{text[:-1]}{primes}}}" if self._above() else f"{text}^{{{primes}}}"

    def _flipped(self, text: str, how: _How) -> str:
        """The transpose of a symbol, where it is asked for."""
        if not how.transposed:
            return text
        return f"{f'({text})' if '^' in text else text}^{{{self.transpose}}}"

    def _gradient(self, t: Tensor, source: str, how: _How, inline: bool) -> str:
        if error := self._error(source, how.batch):
            return self._marked(error, self._label(self.tensor(source)), how)
        if self.gradients == "d":
            letter, label = self._named(self.tensor(source), how)
            return self._marked(f"d{letter}", label, how)
        loss = self.letters["L"] + (f"^{{({how.sup})}}" if self.each and how.sup else "")
        component = how.component or self._scalar(source)
        below = self.symbol(source, batch=how.batch, sub=how.sub, sup=how.sup, component=component)
        top = rf"({self.count} {loss})" if t.name in self.scaled else loss
        if self.gradients == "nabla" and not component:
            text = rf"\nabla_{{{below}}} {top}"
            return f"({text})^{{{self.transpose}}}" if how.transposed else text
        if inline:
            return rf"\partial {top}/\partial {below}"
        text = rf"\frac{{\partial {top}}}{{\partial {below}}}"
        return rf"\left({text}\right)^{{{self.transpose}}}" if how.transposed else text

    def _named(self, t: Tensor, how: _How | None = None) -> tuple[str, str]:
        """The letter of a tensor, and the label of its layer ("" for none)."""
        letter = self._styled(LAST[t.letter] if self._own(t) else t.letter, how or _How())
        return letter or _words(t.name), self._label(t)

    def _styled(self, base: str, how: _How) -> str | None:
        """A letter as an array or as one of its components, which is not bold."""
        letter = self._letter(base, how.batch)
        return _BOLD.sub(r"\1", letter) if letter and how.component else letter

    def _letter(self, base: str, batch: bool) -> str | None:
        if not base:
            return None
        table = self.batch if batch and base in self.batch else self.letters
        if base in table:
            return table[base]
        if base.lower() in GREEK:
            return "\\" + base
        return base if len(base) == 1 else None

    def _label(self, t: Tensor) -> str:
        if t.layer is None or t.name in self.sole:
            return ""
        if not self.first_mark and t.layer == 1 and self.layer is _plain:
            return ""
        return self.layer(t.layer)

    def _above(self) -> bool:
        return self.layer_mark != "subscript"

    def _places(self, mark: str) -> tuple[list[str], list[str]]:
        """A layer's mark, below or above."""
        marks = [LAYER_MARKS[self.layer_mark].format(mark)] if mark else []
        return ([], marks) if self._above() else (marks, [])

    def _marked(self, letter: str, layer: str, how: _How) -> str:
        below, above = self._places(layer)
        below += _some(how.sub)
        above += _some(how.sup and f"({how.sup})")
        joint = "," if self.layer_mark == "superscript" else ""
        if not how.transposed:
            return _attach(letter, below, above, joint, self._above())
        if not above or (self.raised == "joined" and not joint):
            return _attach(letter, below, [*above, self.transpose], "", self._above())
        text = _attach(letter, below, above, joint, self._above())
        if self.raised != "braces":
            return f"({text})^{{{self.transpose}}}"
        # TeX drops the braces around a letter with an accent, if nothing else is in them
        alone = "{}" if ACCENTED.match(letter) else ""
        return f"{{{alone}{text}}}^{{{self.transpose}}}"


@dataclass(frozen=True)
class _How:
    """What a symbol carries beside its layer."""

    sub: str = ""
    sup: str = ""
    batch: bool = False
    component: bool = False
    transposed: bool = False


def _read(name: str) -> Tensor:
    """What the name of a tensor says by itself, by the rule that the engine names tensors by."""
    if found := _GRADIENT.match(name):
        return Tensor(name, role="gradient", of="L", wrt=found["wrt"])
    parts = _NAME.match(name)
    if parts is None:
        return Tensor(name, letter=name)
    base, layer, rest = parts["base"], parts["layer"], (parts["rest"] or "").strip("_")
    if name.endswith("_next"):
        return Tensor(name, of=name.removesuffix("_next"), kind="next")
    if rest:
        return Tensor(name, of=f"{base}_{layer}" if layer else base, kind=rest)
    if not layer:
        return Tensor(name, letter=name.strip("_"))
    return Tensor(name, kind=_KINDS.get(base, ""), letter=base, layer=int(layer))


def _some(text: str) -> list[str]:
    return [text] if text else []


def _attach(
    letter: str, below: list[str], above: list[str], joint: str = "", above_first: bool = False
) -> str:
    low = f"_{{{','.join(below)}}}" if below else ""
    high = f"^{{{joint.join(above)}}}" if above else ""
    return letter + (high + low if above_first else low + high)


def _words(name: str) -> str:
    return rf"\mathrm{{{name.strip('_').replace('_', '-')}}}"
