"""Notation: which letter a tensor gets, and how its layer number and indices are attached.

Letters are presentation only.  The names of tensors (``A_1``, ``z_1``, ``mask_1``) stay the
same everywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

GREEK = frozenset(
    {
        *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
        *("lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi"),
        *("psi", "omega"),
    }
)
LAYOUTS = ("sample", "columns", "rows")  # one sample, or one column (row) for each sample
STATES = {"velocity": "v", "m": "m", "v": "v", "m_hat": r"\hat{m}", "v_hat": r"\hat{v}"}
_NAME = re.compile(r"(?P<base>[A-Za-z]+?)(?:_(?P<layer>\d+))?(?:_(?P<rest>[a-z_]+))?$")
_GRADIENT = re.compile(r"d(?:L_d)?(?P<wrt>[A-Za-z](?:_\d+)?|theta|mask_\d+)_*$")


def _plain(number: int) -> str:
    return str(number)


@dataclass(frozen=True)
class Notation:
    """Letters by the base of a name, for one sample and (capitals) for a batch.

    layer: layer number -> its label, "2" or "k+1" where layers are treated in general.
    gradients: name of a gradient -> name of what it is taken of.
    """

    name: str
    letters: Mapping[str, str]
    batch: Mapping[str, str]
    error: str = r"\delta"
    batch_error: str = r"\Delta"
    transpose: str = r"\top"
    layer: Callable[[int], str] = _plain
    gradients: Mapping[str, str] = field(default_factory=dict)

    def labelled(self, layer: Callable[[int], str]) -> Notation:
        """The same letters with other layer labels."""
        return replace(self, layer=layer)

    def of(self, gradients: Mapping[str, str]) -> Notation:
        """The same letters, for a program whose gradients have these names (tensor -> name)."""
        return replace(self, gradients={name: t for t, name in gradients.items()})

    def wrt(self, name: str) -> str | None:
        """What ``name`` is the gradient of the loss with respect to; None if it is none."""
        if name in self.gradients:
            return self.gradients[name]
        found = _GRADIENT.match(name)
        return found["wrt"] if found else None

    def symbol(self, name: str, *, batch: bool = False, sub: str = "", sup: str = "") -> str:
        """A tensor's letter with its layer, further subscripts and a superscript."""
        if name in self.letters:
            return _attach(self._letter(name, batch) or name, _some(sub), sup)
        source = self.wrt(name)
        if source is not None:
            what = _NAME.match(source)
            if what and what["base"] == "z" and not what["rest"]:
                error = self.batch_error if batch else self.error
                return _attach(error, [*self._layer(what["layer"]), *_some(sub)], sup)
            below = self.symbol(source, batch=batch, sub=sub, sup=sup)
            return rf"\frac{{\partial {self.letters['L']}}}{{\partial {below}}}"
        found = _NAME.match(name)
        if not found:
            return _attach(_words(name), _some(sub), sup)
        base, rest = found["base"], found["rest"]
        if rest == "next" or (rest and rest.endswith("_next")):
            return self.symbol(name.removesuffix("_next"), batch=batch, sub=sub, sup=sup)
        if rest in STATES:
            owner = self.symbol(name[: -len(rest) - 1])
            return _attach(STATES[rest], [owner, *_some(sub)], sup)
        letter = self._letter(base, batch)
        if letter is None or (rest and rest.strip("_")):
            return _attach(_words(name), _some(sub), sup)
        return _attach(letter, [*self._layer(found["layer"]), *_some(sub)], sup)

    def _letter(self, base: str, batch: bool) -> str | None:
        table = self.batch if batch and base in self.batch else self.letters
        if base in table:
            return table[base]
        if base.lower() in GREEK:
            return "\\" + base
        return base if len(base) == 1 else None

    def _layer(self, number: str | None) -> list[str]:
        return [self.layer(int(number))] if number else []


def _some(text: str) -> list[str]:
    return [text] if text else []


def _attach(letter: str, subs: list[str], sup: str) -> str:
    below = f"_{{{','.join(subs)}}}" if subs else ""
    return letter + below + (f"^{{({sup})}}" if sup else "")


def _words(name: str) -> str:
    return rf"\mathrm{{{name.strip('_').replace('_', '-')}}}"


AFFINE = Notation(
    name="affine",
    letters={
        "L": "L",
        "x": "x",
        "y": "y",
        "mask": r"\xi",
        "eta": r"\eta",
        "l2": r"\lambda",
        "epsilon": r"\varepsilon",
    },
    # the capital of a would be A, the letter of the weights: the batch of a_k is calligraphic
    batch={
        "x": "X",
        "y": "Y",
        "z": "Z",
        "a": r"\mathcal{A}",
        "e": "E",
        "h": "H",
        "u": "U",
        "mask": r"\Xi",
    },
)

NOTATIONS: dict[str, Notation] = {AFFINE.name: AFFINE}

# what [notes.symbols] may name, and the name of the tensor it stands for; capitals are batches
SYMBOLS = ("A", "b", "z", "a", "x", "y", "L", "delta", "eta", "lambda", "X", "Y", "Z", "Delta")
_CAPITALS = frozenset(
    {
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi"),
        *("Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    }
)
_MARKS = {"hat": r"\hat", "tilde": r"\tilde", "bar": r"\bar"}


def letter_tex(text: str) -> str | None:
    """The TeX of a letter of the user's: "bold W", "hat x", "alpha"; None if it is none.

    The grammar: any of bold, cal, hat, tilde, bar, then a Latin or Greek letter.
    """
    *marks, letter = text.split(" ") if text else [""]
    greek = letter in GREEK or letter in _CAPITALS
    if not greek and not re.fullmatch("[A-Za-z]", letter, re.ASCII):
        return None
    tex = "\\" + letter if greek else letter
    for mark in reversed(marks):
        if mark == "bold":
            tex = rf"\boldsymbol{{{tex}}}" if greek else rf"\mathbf{{{tex}}}"
        elif mark == "cal" and re.fullmatch("[A-Z]", tex, re.ASCII):
            tex = rf"\mathcal{{{tex}}}"
        elif mark in _MARKS:
            tex = rf"{_MARKS[mark]}{{{tex}}}"
        else:
            return None
    return tex if len(marks) <= 2 else None


def with_symbols(notation: Notation, symbols: Mapping[str, str]) -> Notation:
    """The notation with letters of the user's own: name of SYMBOLS -> TeX."""
    letters, batch = dict(notation.letters), dict(notation.batch)
    error, batch_error = notation.error, notation.batch_error
    for key, tex in symbols.items():
        if key == "delta":
            error = tex
        elif key == "Delta":
            batch_error = tex
        elif key in ("X", "Y", "Z"):
            batch[key.lower()] = tex
        else:
            letters["l2" if key == "lambda" else key] = tex
    return replace(notation, letters=letters, batch=batch, error=error, batch_error=batch_error)
