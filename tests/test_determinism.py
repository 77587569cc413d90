"""The same spec gives the same bytes, whatever the hash seed, folder, locale or time zone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

CODE = r"""
import sys, symnn
from test_module import FORMULAS
loss = {"name": "huber", "l2": 0.1}
layers = [symnn.Dense(3, "hat"), symnn.Dropout(0.5), symnn.Dense(2, "gelu")]
own = symnn.Network(inputs=2, layers=layers, activations=FORMULAS, loss=loss, name="\u00dcn\u00ef")
nets = [own, *map(symnn.load, ("digits", "norm_loss", "deep", "logistic_regression"))]
for k, net in enumerate(nets):
    with open(f"{k}.py", "w", encoding="utf-8", newline="") as file:
        file.write(net.generate())
    for suffix in (".tex", ".md", ".html", ".ipynb"):
        net.derive().save(f"{k}{suffix}", detail="full")
"""
PLACES = {
    "plain": {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": "UTC"},
    "other seed": {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu"},
    # where there is no such locale, C's; Turkish has another lower case of I
    "other place": {"PYTHONHASHSEED": "77", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
    "not UTF-8": {"PYTHONHASHSEED": "random", "LC_ALL": "C", "PYTHONUTF8": "0",
                  "PYTHONCOERCECLOCALE": "0", "TZ": "Pacific/Apia"},
}  # fmt: skip


def written(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """Name -> digest of the files written in a folder."""
    folder.mkdir(parents=True)
    path = os.pathsep.join(
        [str(Path(__file__).parent / "targets" / "python"), os.environ.get("PYTHONPATH", "")]
    )
    subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        check=True,
    )
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    found = written(tmp_path_factory.mktemp("a") / "plain", PLACES["plain"])
    assert len(found) == 25
    return found


@pytest.mark.parametrize("place", [name for name in PLACES if name != "plain"])
def test_the_bytes_are_the_same_everywhere(
    place: str, wanted: dict[str, str], tmp_path: Path
) -> None:
    found = written(tmp_path / "a folder" / "é", PLACES[place])
    assert {name for name in wanted if found.get(name) != wanted[name]} == set()
