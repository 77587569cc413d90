"""Conventions in which the gradients of a right backpropagation may be written.

A convention is a row of data: its name, the words that say it, where it can be told from others,
and how a gradient that is written in it reads in the derivation's own.  To add one, list it in
CONVENTIONS; the first row is the derivation's own.  Every row is tried on all quantities at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from symnn.engine.evaluate import Array

if TYPE_CHECKING:
    from symnn.checking.mistakes import Chain


@dataclass(frozen=True)
class Convention:
    """A way to write gradients.

    words: what is said of it; {N} is the number of samples.  differs: chain, tensor -> whether
    the gradient of the tensor is another one than the derivation's.  read: chain, tensor, a value
    in the convention -> the value in the derivation's own, where it differs.
    """

    name: str
    words: str
    differs: Callable[[Chain, str], bool]
    read: Callable[[Chain, str, Array], Array]

    def reads(self, chain: Chain, given: Mapping[str, Array]) -> dict[str, Array]:
        """Gradients in the convention, by tensor, as the derivation writes them."""
        return {
            t: self.read(chain, t, value) if self.differs(chain, t) else value
            for t, value in given.items()
        }


def _of_one_sample(chain: Chain, tensor: str) -> bool:
    """A value that each sample has its own of, where the loss is a mean over several."""
    axes = chain.raw[tensor].lhs.axes
    return chain.network.mean_loss and chain.count > 1 and any(a.samples for a in axes)


CONVENTIONS: tuple[Convention, ...] = (
    Convention("per batch", "", lambda chain, tensor: False, lambda chain, tensor, value: value),
    Convention(
        "per sample",
        "the gradients of each sample's values are those of its own loss, N = {N} times those of "
        "the batch's mean; 1/N stands in the gradients of the parameters",
        _of_one_sample,
        lambda chain, tensor, value: value / chain.count,
    ),
)
