"""Windows that convolutions and pooling move along an axis."""

from __future__ import annotations

from symnn.nn.graph import Index, ShapeError


def place(a: Index, k: Index, stride: int, dilation: int, padding: int) -> str:
    """Where a window at a reads with its place k: stride*a + dilation*k - padding."""
    first = f"{stride}*{a.letter}" if stride > 1 else a.letter
    second = f"{dilation}*{k.letter}" if dilation > 1 else k.letter
    return f"{first} + {second}" + (f" - {padding}" if padding else "")


def windows(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """How many windows fit; ShapeError for none, and where all that they read is padding."""
    count = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if count < 1:
        raise ShapeError(f"a kernel of {kernel} does not fit into {size} values")

    def meets(k: int) -> bool:
        """Whether some window reads a value with its place k."""
        shift = dilation * k - padding
        first = -(min(0, shift) // stride)  # the first window that is not before the values
        return first < count and stride * first + shift < size

    if not any(map(meets, range(kernel))):
        text = f"with a padding of {padding} all windows of {kernel} lie outside of {size} values"
        raise ShapeError(f"{text}: take a smaller padding or stride")
    return count
