"""Right backpropagations in every convention, drawn and compared: none may be called wrong.

    python tests/submissions.py [how many, 1000] [from which seed, 0]

Networks, types and conventions are drawn by tests/support/submissions.py; the suite takes the first
hundred.  Prints what was called wrong, and exits with 1 if anything was.
"""

from __future__ import annotations

import sys
import time

from support.submissions import right


def main(count: int = 1000, first: int = 0) -> int:
    """Compare submissions; the number of false alarms decides the exit status."""
    started, alarms = time.monotonic(), 0
    for seed in range(first, first + count):
        made = right(seed)
        found = made.net.compare(*made.arguments)
        if not found.ok:
            alarms += 1
            print(f"seed {seed}, {made.words}:\n{found}\n", flush=True)
    taken = time.monotonic() - started
    print(f"{alarms} false alarms in {count} right submissions; {taken:.0f} s")
    return 1 if alarms else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
