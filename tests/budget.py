"""What the project may weigh: prints the lines of every room, and fails where a bound is exceeded.

    python tests/budget.py

A change that needs more raises the bound in its own commit, and says what it buys.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REST = "# --- the rest is the same in every module"
# everything that a user needs who loads xor, derives it, prints it and generates its module
USED = """
import sys, symnn
net = symnn.load("xor")
net.derive().latex()
net.generate()
print(*(m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] == "symnn"), sep="\\n")
"""
BOUNDS = {
    "README.md": 150,
    "generated/xor.py": 670,
    "generated/xor.py, the derivation": 200,
    "symnn, Python": 43_500,
    "symnn, what load, derive, latex and generate import": 16_250,
    "templates": 3_330,
    "public names": 14,
}


def lines(*paths: Path) -> int:
    """The lines of files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def measured() -> dict[str, int]:
    """What is bounded, by the names of BOUNDS."""
    module = (ROOT / "generated" / "xor.py").read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", USED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    names = subprocess.run(
        [sys.executable, "-c", "import symnn; print(len(symnn.__all__))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return {
        "README.md": lines(ROOT / "README.md"),
        "generated/xor.py": len(module.splitlines()),
        "generated/xor.py, the derivation": len(module.partition(REST)[0].splitlines()),
        "symnn, Python": lines(*(ROOT / "symnn").rglob("*.py")),
        "symnn, what load, derive, latex and generate import": lines(
            *map(Path, done.stdout.split())
        ),
        "templates": lines(*(p for p in (ROOT / "templates").rglob("*") if p.is_file())),
        "public names": int(names.stdout),
    }


def main() -> int:
    rooms: Counter[str] = Counter()
    for path in (ROOT / "symnn").rglob("*.py"):
        inside = path.relative_to(ROOT / "symnn").parts
        rooms[inside[0] if len(inside) > 1 else "(top)"] += lines(path)
    for room, count in sorted(rooms.items(), key=lambda item: -item[1]):
        print(f"{count:>7,}  {room}")
    found = measured()
    over = [name for name, bound in BOUNDS.items() if found[name] > bound]
    for name, bound in BOUNDS.items():
        print(f"{found[name]:>7,} of at most {bound:,}: {name}{'  TOO MUCH' * (name in over)}")
    return 1 if over else 0


if __name__ == "__main__":
    raise SystemExit(main())
