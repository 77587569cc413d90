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
    layer_mark: a key of LAYER_MARKS.  single_mark, first_mark: whether a letter that one layer
    alone has, and the letters of layer 1, carry it.  raised: how a transpose follows a
    superscript: "brackets", "joined" or "braces".  orientation: "out_in", "in_out", or
    "by_layout", which is in_out where the samples are rows.  gradients: "partial", "nabla" or
    "d".  mean: where the 1/N of a mean stands, in the "seed" of the sweep or in the gradients
    of the "parameters".  layout: the one that the notes have by default.  layer_letter, count,
    sample, indices: the letters of layers in general, of the number of samples, of a sample, of
    units.  activation: letter of every activation ("": each by its name).  functions: name of a
    function -> TeX.

    The rest is what a program says of it, see :meth:`of`.  sizes: the number of a layer's units,
    where it is a symbol -> the layer.  unmarked: names whose letter carries no label of a
    layer.  each: a sample's gradients are those of its own loss.
    from_zero: whether all indices count from 0; else only those of lines that read beside an axis.
    """

    name: str
    letters: Mapping[str, str]
    batch: Mapping[str, str]
    error: str = r"\delta"
    batch_error: str = r"\Delta"
    layer_mark: str = "subscript"
    single_mark: bool = True
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
    unmarked: frozenset[str] = frozenset()
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
        if self.single_mark:
            return bound
        letters = {t.name: bound.named(t)[:2] for t in known.values() if t.letter and t.layer}
        count = Counter(letters.values())
        return replace(bound, unmarked=frozenset(n for n, c in letters.items() if count[c] == 1))

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
    def one_activation(self) -> bool:
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
        return t.wrt is not None and self.gradients != "partial" and not self.error_of(t.wrt)

    def fraction(self, name: str, component: bool = False) -> bool:
        """Whether the symbol of a gradient is written as a fraction."""
        t = self.tensor(name)
        if t.wrt is None or self.error_of(t.wrt) or self.gradients == "d":
            return False
        return self.gradients == "partial" or component or self.scalar(t.wrt)

    def nabla(self, name: str, component: bool = False) -> bool:
        """Whether the symbol of a gradient begins with a nabla."""
        own = self.prefixed(name) and self.gradients == "nabla"
        return own and not self.fraction(name, component)

    def error_of(self, name: str, batch: bool = False) -> str:
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

    # letters ------------------------------------------------------------------------------

    def scalar(self, name: str) -> bool:
        """Whether a tensor has no axes, so that its letter is that of an entry."""
        t = self.tensors.get(name)
        return t is not None and not t.axes and t.wrt is None

    def named(
        self, t: Tensor, batch: bool = False, component: bool = False
    ) -> tuple[str, str, str]:
        """The letter of a tensor, the word below it, and the label of its layer; "" for none.

        Without a letter of the notation, W_gate is W with the word below it.
        """
        letter = self.styled(LAST[t.letter] if self._own(t) else t.letter, batch, component)
        if letter is not None:
            return letter, "", self.label(t)
        base, _, word = (t.letter or t.name).strip("_").partition("_")
        letter = self.styled(base, batch, component) or words(base)
        return letter, words(word) if word else "", self.label(t)

    def styled(self, base: str, batch: bool = False, component: bool = False) -> str | None:
        """A letter as an array or as one of its components, which is not bold."""
        if not base:
            return None
        table = self.batch if batch and base in self.batch else self.letters
        greek = base.lower() in GREEK
        letter = table.get(base) or ("\\" + base if greek else base if len(base) == 1 else None)
        return _BOLD.sub(r"\1", letter) if letter and component else letter

    def label(self, t: Tensor) -> str:
        """The label of a tensor's layer; "" where its letter carries none."""
        if t.layer is None or t.name in self.unmarked:
            return ""
        if not self.first_mark and t.layer == 1 and self.layer is _plain:
            return ""
        return self.layer(t.layer)

    @property
    def above(self) -> bool:
        """Whether the label of a layer stands above the letter."""
        return self.layer_mark != "subscript"


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


def words(name: str) -> str:
    """A name that has no letter, as it is."""
    return rf"\mathrm{{{name.strip('_').replace('_', '-')}}}"
