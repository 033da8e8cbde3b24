"""A run whose workers lose a result fails and names the test."""

import shutil
import subprocess
import sys
from pathlib import Path

CONFTEST = """
from result_check import ResultCheck

def pytest_configure(config):
    config.pluginmanager.register(ResultCheck())

def pytest_runtest_protocol(item):
    return True if item.name == "test_lost" else None
"""
TESTS = "import pytest\ndef test_kept(): pass\n@pytest.mark.skip\ndef test_skipped(): pass\n"


def run(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_some.py").write_text(tests)
    shutil.copy(Path(__file__).with_name("result_check.py"), folder)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "1", "-q", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
    )


def test_a_lost_result_fails_the_run_and_is_named(tmp_path: Path) -> None:
    ended = run(tmp_path, TESTS + "def test_lost(): pass\n")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "NO RESULT: test_some.py::test_lost" in ended.stdout


def test_a_complete_run_passes(tmp_path: Path) -> None:
    ended = run(tmp_path, TESTS)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "NO RESULT" not in ended.stdout
