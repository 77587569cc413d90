"""Accepted hostile text is inert: the TeX prints its characters, the page runs no script of it.

That a generated module differs in one string literal alone is in test_module.py.
"""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

import symnn
from symnn.formats import pdf, tex
from symnn.formats.html import html as interactive
from symnn.formats.latex import document
from symnn.notes.labels import prefix_of

NAMES = {
    "tex": r"\input{/etc/hostname}\write18{id} $x_1^2$ 100% #1 & ~\end{document} ^^5cdef \x{\x}",
    "catcodes": r"\catcode`\%=12 \csname input\endcsname \openin5=x \special{ps:x} \loop\repeat",
    "ligatures": "a--b---c ``q'' ?` !` << >> ,, \"x\" fi ffl 'y' |z| [1] {2} <a> -- - '' \\\\ //",
    "templates": "{{ 7 * 7 }}{% raw %}{# x #}<< x >><% y %>${1+1}#{2}{{{{}}}}%%",
    "python": "'''\"\"\"; __import__('os').system('id') #\\N{DIGIT ONE} \\x41 f'{x}' %s {0}",
    "page": "</title></script><script>document.documentElement.dataset.ran=1</script>",
    "attributes": '" onload="document.documentElement.dataset.ran=2" x=\'<!-- ]]> -->',
    "image": "<img src=x onerror=document.documentElement.dataset.ran=3><svg/onload=alert(1)>",
    "katex": r"\href{javascript:alert(1)}{x} \htmlData{ran=4}{y} \(z\) $$w$$ \[v\] `u` [t](s)",
    "entities": "&lt;b&gt; &amp;amp; &#60;script&#62; %3Cscript%3E \\u003cscript\\u003e",
    "letters": "Réseau XOR (2-4-1), 50% œ ß Ł",
}


def network(name: str) -> symnn.Network:
    return symnn.Network(
        inputs=2,
        layers=[symnn.Dense(2, "tanh"), symnn.Dense(1)],
        loss="sse",
        name=name,
        description=name,
    )


def without_spaces(text: str) -> str:
    """What stands on the paper, with ligatures of the font as their letters; lines may break."""
    plain = unicodedata.normalize("NFKC", text).replace("\N{HYPHEN}", "-")
    return re.sub(r"\s+", "", plain)


@pytest.mark.parametrize("kind", NAMES)
def test_the_tex_prints_the_very_characters(kind: str, tmp_path: Path) -> None:
    for program in ("pdflatex", "pdftotext"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    path = tmp_path / "notes.pdf"
    path.write_bytes(pdf.compile_pdf(document(network(NAMES[kind]).derive())))
    command = ["pdftotext", "-l", "1", "-enc", "UTF-8", "-raw", path.name, "-"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    found, wanted = (without_spaces(t) for t in (done.stdout.decode(), NAMES[kind]))
    assert found.count(wanted) == 2, done.stdout.decode()[:600]  # the title, the description


@pytest.mark.parametrize("kind", NAMES)
def test_the_tex_of_a_name_is_that_of_a_plain_name(kind: str) -> None:
    """But for its labels, of letters and digits, and for the escaped text, which has no control
    word that reads, writes or defines.
    """
    texts = []
    for net in map(network, (NAMES[kind], "XXXX")):
        prefix = prefix_of(net.spec.output.module)
        assert re.fullmatch("symnn-[A-Za-z0-9-]+-", prefix)
        text = document(net.derive()).replace(f":{prefix}", ":PREFIX-")
        texts.append(re.sub(r"pdftitle=\{[A-Za-z0-9 .]*\}", "", text))
    hostile, plain = texts
    assert "pdftitle" not in plain + hostile
    text = tex.breakable(NAMES[kind])
    assert hostile.replace(text, "XXXX") == plain
    words = set(re.findall(r"\\[a-zA-Z]+", text)) - {r"\hspace"}
    assert all(re.fullmatch(r"\\text[a-z]+", word) for word in words)


PAGES = [kind for kind in NAMES if kind not in ("ligatures", "letters", "catcodes")]


@pytest.mark.parametrize("policy", [True, False])
def test_the_page_runs_no_script_of_a_name(policy: bool, tmp_path: Path) -> None:
    """With the page's policy, and by its escapes alone; every hostile name in turn, in one page."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    text = " ".join(NAMES[kind] for kind in PAGES)
    net = symnn.Network(
        inputs=1, layers=[symnn.Dense(1)], loss="sse", name=NAMES["page"], description=text
    )
    page = interactive(net.derive())
    if not policy:
        page, count = re.subn(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
        assert count == 1
    # a script of the test's own shows that scripts do run where there is no policy
    probe = "<script>document.documentElement.dataset.probe=1</script></body>"
    path = tmp_path / "notes.html"
    path.write_text(page.replace("</body>", probe), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    root = re.search(r"<html[^>]*>", done.stdout)
    assert root and "data-ran" not in root[0]
    assert ("data-probe" in root[0]) == (not policy)
    body = re.sub(r"<(script|style)>.*?</\1>", "", done.stdout, flags=re.DOTALL)
    bare = re.sub(r'"[^"]*"', '""', body)  # what stands inside an attribute's value is text
    assert not re.search(r"<(script|img|svg)[^>]*(onerror|onload|dataset)", bare)
    assert not re.search(r'<a [^>]*href="\s*javascript:', body)
    assert not re.search(r"<[^>]* data-ran", bare)
    shown = html.unescape(re.sub(r"<[^>]*>", "", body))
    assert NAMES["page"] in shown and text in shown


@pytest.mark.parametrize("kind", NAMES)
def test_the_page_of_a_name_is_that_of_a_plain_name(kind: str) -> None:
    hostile, plain = (interactive(network(n).derive()) for n in (NAMES[kind], "XXXX"))
    assert hostile.replace(escaped(NAMES[kind]), "XXXX") == plain


def escaped(text: str) -> str:
    return html.escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
