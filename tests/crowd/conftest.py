"""What the crowds print when all is over, so that it can be quoted."""

import pytest

_lines: list[str] = []


@pytest.fixture
def tell():
    """Say a figure at the end of the run."""
    return _lines.append


def pytest_terminal_summary(terminalreporter):
    """Print the figures of the crowds."""
    if _lines:
        terminalreporter.section("at the same time")
        for line in _lines:
            terminalreporter.line(line)
