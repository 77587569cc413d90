"""Options and the summary of the random networks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

NETWORKS = 40


class Errors:
    """The largest error of the cases that ran."""

    def __init__(self) -> None:
        self.cases = 0
        self.largest = 0.0
        self.case = ""

    def add(self, case: str, error: float) -> None:
        """Count a case."""
        self.cases += 1
        if error >= self.largest:
            self.largest, self.case = error, case


FOUND = pytest.StashKey[Errors]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--networks", type=int, default=NETWORKS, metavar="N", help="number of random networks"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FOUND] = Errors()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "network_seed" in metafunc.fixturenames:
        metafunc.parametrize("network_seed", range(metafunc.config.getoption("networks")))
    if "sampled_seed" in metafunc.fixturenames:  # every third of them
        metafunc.parametrize("sampled_seed", range(0, metafunc.config.getoption("networks"), 3))


@pytest.fixture
def errors(request: pytest.FixtureRequest) -> Callable[[str, float], None]:
    """Where a case notes its largest error."""
    return request.config.stash[FOUND].add


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    found = config.stash[FOUND]
    if found.cases:
        terminalreporter.write_line(
            f"{found.cases} random networks; largest scaled error {found.largest:.1e} "
            f"({found.case})"
        )
