"""Options of the long runs, and the summary of what they measured."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

NETWORKS = 20
STRINGS = 1500


class Errors:
    """The largest error of the cases that ran, per oracle."""

    def __init__(self) -> None:
        self.cases: dict[str, int] = {}
        self.largest: dict[str, tuple[float, str]] = {}

    def add(self, oracle: str, case: str, error: float) -> None:
        """Count a case."""
        self.cases[oracle] = self.cases.get(oracle, 0) + 1
        self.largest[oracle] = max(self.largest.get(oracle, (0.0, "")), (error, case))

    def merge(self, other: Errors) -> None:
        """Count the cases of another process."""
        for oracle, count in other.cases.items():
            self.cases[oracle] = self.cases.get(oracle, 0) + count
            self.largest[oracle] = max(self.largest.get(oracle, (0.0, "")), other.largest[oracle])

    def lines(self) -> list[str]:
        """The summary, a line per oracle."""
        return [
            f"{oracle}: {count} networks, largest scaled error {error:.1e} ({case})"
            for oracle, count in self.cases.items()
            for error, case in [self.largest[oracle]]
        ]


FOUND = pytest.StashKey[Errors]()
NOTES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--networks", type=int, default=NETWORKS, metavar="N", help="number of random networks"
    )
    parser.addoption(
        "--fuzz", type=int, default=STRINGS, metavar="N", help="number of random formulas"
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # a shell starts what runs in the background so; the programs that tests start inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[FOUND] = Errors()
    config.stash[NOTES] = []
    if not config.getoption("hypothesis_profile", None):
        # the same examples in every run; --networks says how many where a test does not
        settings.register_profile(
            "symnn",
            derandomize=True,
            deadline=None,
            max_examples=config.getoption("networks"),
            suppress_health_check=list(HealthCheck),
        )
        settings.load_profile("symnn")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "network_seed" in metafunc.fixturenames:
        metafunc.parametrize("network_seed", range(metafunc.config.getoption("networks")))
    if "sampled_seed" in metafunc.fixturenames:  # every third of them
        metafunc.parametrize("sampled_seed", range(0, metafunc.config.getoption("networks"), 3))


@pytest.fixture
def errors(request: pytest.FixtureRequest) -> Callable[[str, str, float], None]:
    """Where a case notes the oracle and its largest error."""
    return request.config.stash[FOUND].add


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Where a test leaves a line of the summary."""
    return request.config.stash[NOTES].append


def pytest_sessionfinish(session: pytest.Session) -> None:
    # a worker of pytest-xdist hands what it noted to the process that prints the summary
    if hasattr(session.config, "workeroutput"):
        noted = session.config.stash[FOUND]
        session.config.workeroutput["noted"] = (noted.cases, noted.largest)
        session.config.workeroutput["notes"] = session.config.stash[NOTES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    output = getattr(node, "workeroutput", {})
    if "noted" in output:
        noted = Errors()
        noted.cases, noted.largest = output["noted"]
        node.config.stash[FOUND].merge(noted)
        node.config.stash[NOTES].extend(output["notes"])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in [*config.stash[FOUND].lines(), *config.stash[NOTES]]:
        terminalreporter.write_line(line)
