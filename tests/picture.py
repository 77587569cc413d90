"""The picture at the top of the README: a printed page, where the derivation of xor begins.

    python tests/picture.py     writes generated/xor_page.png; needs pdflatex and poppler-utils

It is made of generated/xor.tex, and carries a digest of it, by which a stale picture is known
where there is no TeX.
"""

from __future__ import annotations

import hashlib
import re
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from symnn.formats.pdf import compile_pdf

GENERATED = Path(__file__).resolve().parent.parent / "generated"
SOURCE, PICTURE = GENERATED / "xor.tex", GENERATED / "xor_page.png"
HEADING = ("The", "gradients,", "by", "the", "chain", "rule")
DPI, MARGIN = 110, 14  # points around what is shown
SIGNATURE, KEY = b"\x89PNG\r\n\x1a\n", b"Source digest\0"


def digest(tex: bytes) -> bytes:
    """What a picture says of its source."""
    return hashlib.sha256(tex).hexdigest()[:16].encode()


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of every chunk of a PNG.  Raises ValueError if it is damaged."""
    if not png.startswith(SIGNATURE):
        raise ValueError("not a PNG")
    at = len(SIGNATURE)
    while at < len(png):
        (size,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        content = png[at + 8 : at + 8 + size]
        if chunk(kind, content) != png[at : at + 12 + size]:
            raise ValueError(f"the chunk {kind!r} is damaged")
        yield kind, content
        at += 12 + size


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def marked(png: bytes, source: bytes) -> bytes:
    """The PNG with the digest of its source, after its first chunk."""
    first, *rest = (chunk(*each) for each in chunks(png))
    return SIGNATURE + first + chunk(b"tEXt", KEY + digest(source)) + b"".join(rest)


def source_digest(png: bytes) -> bytes:
    """The digest that a picture carries.  Raises ValueError where it has none."""
    for kind, content in chunks(png):
        if kind == b"tEXt" and content.startswith(KEY):
            return content.removeprefix(KEY)
    raise ValueError("the picture does not name its source")


def window(pdf: Path) -> tuple[int, tuple[float, float, float, float]]:
    """The page of HEADING, and what is shown of it: left, top, right, bottom in points."""
    text = subprocess.run(["pdftotext", "-bbox", pdf, "-"], capture_output=True, check=True).stdout
    pattern = r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>'
    for number, page in enumerate(text.decode().split("<page ")[1:], 1):
        words = re.findall(pattern, page)
        boxes = [tuple(map(float, box)) for *box, _ in words]
        for k in range(len(words)):
            if tuple(word for *_, word in words[k : k + len(HEADING)]) == HEADING:
                shown = [box for box in boxes if box[1] >= boxes[k][1]]
                left, top, right, bottom = zip(*shown, strict=True)
                return number, (min(left), min(top), max(right), max(bottom))
    raise ValueError(f"no page has the heading {' '.join(HEADING)}")


def main() -> None:
    """Make the picture."""
    source = SOURCE.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        pdf = Path(folder) / "notes.pdf"
        pdf.write_bytes(compile_pdf(source.decode()))
        page, (left, top, right, bottom) = window(pdf)
        scale = DPI / 72
        place = {"x": left - MARGIN, "y": top - MARGIN}
        size = {"W": right - left + 2 * MARGIN, "H": bottom - top + 2 * MARGIN}
        crop = [w for k, v in {**place, **size}.items() for w in (f"-{k}", str(round(v * scale)))]
        pages = ["-f", str(page), "-l", str(page), "-r", str(DPI), "-singlefile"]
        made = Path(folder) / "page"
        subprocess.run(["pdftoppm", "-png", *pages, *crop, pdf, made], check=True)
        PICTURE.write_bytes(marked(made.with_suffix(".png").read_bytes(), source))
    print(f"wrote {PICTURE.name}: {PICTURE.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
