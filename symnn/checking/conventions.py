"""Conventions in which the gradients of a right backpropagation may be written.

A convention is a row of data: its name, the words that say it, where it differs from others,
and how a gradient that is written in it reads in the derivation's own.  To add one, list it in
CONVENTIONS; the first row is the derivation's own.  Every row is tried on all quantities at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symnn.engine.evaluate import Array

if TYPE_CHECKING:
    from symnn.checking.mistakes import ReversePass


@dataclass(frozen=True)
class Convention:
    """A way to write gradients.

    words: what is said of it; {N} is the number of samples.  differs: reverse, tensor -> whether
    the gradient of the tensor is another one than the derivation's.  read: reverse, tensor, a value
    in the convention -> the value in the derivation's own, where it differs.
    """

    name: str
    words: str
    differs: Callable[[ReversePass, str], bool]
    read: Callable[[ReversePass, str, Array], Array]

    def reads(self, reverse: ReversePass, given: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients in the convention, by tensor, as the derivation writes them."""
        return {
            t: self.read(reverse, t, value) if self.differs(reverse, t) else value
            for t, value in given.items()
        }


def _of_one_sample(reverse: ReversePass, tensor: str) -> bool:
    """A value that each sample has its own of, where the loss is a mean over several."""
    axes = reverse.raw[tensor].lhs.axes
    return reverse.network.mean_loss and reverse.count > 1 and any(a.samples for a in axes)


CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        "per batch", "", lambda reverse, tensor: False, lambda reverse, tensor, value: value
    ),
    Convention(
        "per sample",
        "the gradients of each sample's values are those of its own loss, N = {N} times those of "
        "the batch's mean; 1/N stands in the gradients of the parameters",
        _of_one_sample,
        lambda reverse, tensor, value: value / reverse.count,
    ),
)
