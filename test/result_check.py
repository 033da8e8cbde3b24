"""A run in several processes fails if one of its tests has no result."""

from __future__ import annotations

from collections.abc import Collection

import pytest


class ResultCheck:
    """Compares the tests that the workers of pytest-xdist collect with those that they report.

    A plugin of the process that starts the workers: without it a run that lost results would pass.
    """

    def __init__(self) -> None:
        self._expected: set[str] = set()
        self._reported: set[str] = set()
        self._missing: list[str] = []

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Collection[str]) -> None:
        """Expect a result of each collected test; all workers collect the same ones."""
        self._expected |= set(ids)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a result: of the call, or of a setup that skipped or failed."""
        if report.when == "call" or not report.passed:
            self._reported.add(report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Fail a run that ended as if it were complete."""
        if exitstatus == pytest.ExitCode.OK:
            self._missing = sorted(self._expected - self._reported)
        if self._missing:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the tests without a result."""
        for name in self._missing:
            terminalreporter.write_line(f"NO RESULT: {name}")
