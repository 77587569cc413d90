"""The shape of the project: what lies where, what imports what, what is never called."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import symnn
from symnn import extend
from symnn.data.datasets import BUILTIN, load_data
from symnn.nn.losses import LOSSES

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "symnn"
MODULES = sorted(p for p in PACKAGE.rglob("*.py"))
EXAMPLES = sorted((PACKAGE / "examples").glob("*.toml"))

TOP = {
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "Makefile",
    "symnn",
    "templates",
    "generated",
    "tests",
}

# the one place that executes text, and only text that the package built
EXECUTES = PACKAGE / "targets" / "registry.py"
EXECUTORS = {"eval", "exec", "compile", "__import__"}
PARSERS = {"sympify", "parse_expr"}
RUNTIME = PACKAGE / "targets" / "python" / "runtime"  # copied into modules, never imported
# what runs other programs, and those who tell how TeX and a C compiler end
RUNNERS = {
    PACKAGE / "io" / "processes.py",
    PACKAGE / "formats" / "pdf.py",
    PACKAGE / "targets" / "c" / "compiler.py",
    RUNTIME / "c_library.py",
}


def test_the_top_level_holds_only_what_the_design_names() -> None:
    ignored = {line.strip("/ ") for line in (ROOT / ".gitignore").read_text().splitlines()}
    found = {p.name for p in ROOT.iterdir() if not p.name.startswith(".")} - ignored
    assert {name for name in found if not name.endswith(".egg-info")} <= TOP


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_text_is_never_executed(path: Path) -> None:
    calls = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    for call in calls:
        words = {f"{k.arg}={ast.unparse(k.value)}" for k in call.keywords}
        function = ast.unparse(call.func)
        where = f"{path.name}:{call.lineno}: {function}"
        assert function.split(".")[-1] not in PARSERS, where
        assert function not in EXECUTORS or path == EXECUTES, where
        assert function not in ("yaml.load", "os.system", "pickle.load", "pickle.loads"), where
        assert not words & {"allow_pickle=True", "shell=True"}, where


# what reaches the network, reads pickles or starts processes; TeX is the one process
BANNED = {
    *("socket", "ssl", "urllib", "http", "ftplib", "smtplib", "xmlrpc", "socketserver", "asyncio"),
    *("requests", "httpx", "pickle", "cPickle", "dill", "joblib", "marshal", "shelve", "ctypes"),
    *("multiprocessing", "webbrowser", "pty", "code", "runpy", "cffi"),
}


def imported(path: Path) -> set[str]:
    """Every package that a module imports anywhere."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = [alias.name for n in nodes if isinstance(n, ast.Import) for alias in n.names]
    names += [n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)]
    return {name.split(".")[0] for name in names}


@pytest.mark.parametrize(
    "path", [*MODULES, *sorted((ROOT / "generated").glob("*.py"))], ids=lambda p: p.stem
)
def test_nothing_reaches_the_network_or_reads_pickles(path: Path) -> None:
    found = imported(path)
    # a generated module asks the BLAS that NumPy has loaded for one thread, or calls a C file
    copied = path.parent == RUNTIME or path not in MODULES
    assert not found & (BANNED - {"ctypes"} if copied else BANNED)
    assert "subprocess" not in found or path in RUNNERS


# What users write against, by which a change is known as one that breaks their programs.
PUBLIC = {
    symnn: {
        *("Comparison", "Dense", "Dropout", "Input", "Network", "SpecError", "__version__"),
        *("from_torch", "layers", "lines", "load", "network"),
        *("params_from_keras", "params_from_torch"),
    },
    extend: {
        *(
            "Axis",
            "Build",
            "Document",
            "Field",
            "Format",
            "Line",
            "Row",
            "Target",
            "Tensor",
            "Term",
        ),
        *("FORMATS", "LAYERS", "LOSSES", "NOTATIONS", "OPTIMIZERS", "TARGETS"),
        *("derive", "document_of", "helpers", "render", "statement"),
    },
}
# a generated module: name -> arguments of every function, and those that some targets add
MODULE = {
    "initialize": "seed",
    "predict": "params x",
    "loss_and_gradients": "params x y",
    "train": "x y params epochs batch_size learning_rate seed callback",
    "save": "path params force",
    "load": "path",
    "check": "seed entries rtol",
}
CHECKPOINTS = "checkpoint every resume"
ADDED = {"numpy": "", "jax": CHECKPOINTS, "fast": f"reduce {CHECKPOINTS}"}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda m: m.__name__)
def test_the_public_names_are_these_and_are_explained(module: ModuleType) -> None:
    assert set(module.__all__) == PUBLIC[module]
    assert len(module.__all__) == len(PUBLIC[module])
    assert [name for name in module.__all__ if getattr(module, name, None) is None] == []
    if module is extend:
        assert (
            set(re.findall(r"^    (\w+)  ", extend.__doc__ or "", re.MULTILINE)) == PUBLIC[extend]
        )


@pytest.mark.parametrize("path", sorted((ROOT / "generated").glob("*.py")), ids=lambda p: p.stem)
def test_a_generated_module_has_these_functions(path: Path) -> None:
    target = path.stem.rpartition("_")[2]
    added = ADDED.get(target, ADDED["numpy"]).split()
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    found = {n.name: n.args for n in nodes if isinstance(n, ast.FunctionDef)}
    for name, arguments in MODULE.items():
        given = {a.arg for a in (*found[name].args, *found[name].kwonlyargs)} - {"masks", "noise"}
        assert given == {*arguments.split(), *(added if name == "train" else ())}, name
    kinds = {n.name for n in nodes if isinstance(n, ast.ClassDef)}
    more = {"CheckpointError"} if added else set()
    assert {"DivergedError", "Interrupted"} | more <= kinds


def test_templates_hold_no_python_files() -> None:
    assert not list((ROOT / "templates").rglob("*.py"))
    assert not (PACKAGE / "templates.py").exists()


def test_no_file_names_a_place_on_one_machine() -> None:
    places = re.compile(r"/(home|root|tmp|Users)/")
    texts = [p for f in (PACKAGE, ROOT / "templates", ROOT / "generated") for p in f.rglob("*")]
    texts += [ROOT / name for name in TOP if (ROOT / name).is_file()]
    for path in texts:
        if path.is_file() and path.suffix not in (".npz", ".pyc", ".woff2", ".png"):
            assert not places.search(path.read_text(encoding="utf-8")), path


def test_the_changelog_knows_the_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


def test_builtin_data_is_listed_with_its_source() -> None:
    readme = (PACKAGE / "data" / "README.md").read_text()
    for name, row in BUILTIN.items():
        assert f"| `{name}` | {row.file} |" in readme
        assert (PACKAGE / "data" / row.file).is_file()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_data_of_an_example_fits_its_network(path: Path) -> None:
    spec = tomllib.loads(path.read_text(encoding="utf-8"))
    outputs = [layer["units"] for layer in spec["layers"] if layer["type"] == "dense"][-1]
    data = load_data(
        spec["train"]["data"],
        inputs=spec["model"]["inputs"],
        outputs=outputs,
        target=spec["train"].get("target", ()),
        kind=LOSSES[spec["loss"]["name"]].targets,
    )
    assert data.y.shape == (len(data.x), outputs)
    assert spec["output"]["module"] == f"{path.stem}_net"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_teaches(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert all(len(line) <= 100 for line in lines)
    explained = [line for line in lines if " # " in line]
    assert len(explained) >= 12
