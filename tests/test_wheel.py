"""The wheel: it holds every file, and what is installed from it runs anywhere."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("sympy", "mpmath", "numpy", "jinja2", "markupsafe", "click")


def files(folder: str, below: str) -> set[str]:
    """The files of a folder, by the names that they have in the wheel."""
    paths = (p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file())
    return {
        f"{below}/{path.as_posix()}"
        for path in paths
        if not any(part == "__pycache__" or part.startswith(".") for part in path.parts)
    }


# one test, so that the wheel is built and installed once
def test_what_is_installed_from_the_wheel_runs_in_another_folder(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="nothing builds the wheel")
    pytest.importorskip("pip", reason="nothing installs the wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("symnn-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files("symnn", "symnn") | files("templates", "symnn/templates")

    environment = tmp_path / "environment"
    venv.create(environment, symlinks=os.name != "nt")
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", str(programs / "python"), "install"]
    offline = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, *offline, str(wheel)], check=True, capture_output=True)
    (package,) = environment.glob("**/site-packages/symnn")
    # what symnn needs is that of these tests
    places = {str(Path(importlib.import_module(name).__file__ or "").parents[1]) for name in NEEDED}
    package.parent.joinpath("needed.pth").write_text("\n".join(sorted(places)), encoding="utf-8")

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}

    def run(program: str, *words: str) -> str:
        done = subprocess.run(
            [str(programs / program), *words],
            cwd=elsewhere,
            env=clean,
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    said = "import symnn.extend; print(symnn.__version__, symnn.__file__)"
    version, place = run("python", "-c", said).split(" ", 1)
    assert Path(place.strip()).parent.samefile(package)
    assert run("symnn", "--version").split()[-1] == version
    assert run("symnn", "guide", "new-layer").startswith("# Add a layer\n")
    run("symnn", "new", "my.toml")
    run("symnn", "derive", "my.toml", "-o", "my.html")
    run("symnn", "derive", "my.toml", "-o", "my.tex", "--language", "zh")
    run("symnn", "train", "my.toml", "--epochs", "3")
    for target in ("plain", "jax"):
        run("symnn", "generate", "my.toml", "--target", target, "-o", f"{target}.py")
    assert json.loads(run("symnn", "check", "my.toml", "--json"))
    run("python", "xor_net.py", "check")
