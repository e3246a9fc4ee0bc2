# SPDX-License-Identifier: MIT
"""Fixtures for every test module, and the way to the modules beside them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable

import pytest

# Lets the tests import the modules beside them, whose names start with an underscore
sys.path.insert(0, str(Path(__file__).parent))

# Modules whose tests do not differ by interpreter
ONCE = ("test_bench", "test_clib", "test_dev", "test_packaging")


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    for item in items:
        if item.path.stem.startswith(ONCE):
            item.add_marker(pytest.mark.once)


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Run code in a new interpreter, away from the source tree that hides the package.

    Takes (code, *interpreter options, timeout in seconds, environment variables).
    """

    def run(
        code: str, *options: str, timeout: float = 120, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *options, "-c", textwrap.dedent(code)],
            capture_output=True,
            text=True,
            timeout=timeout,
            env={**os.environ, **environment},
            cwd=tmp_path,
            check=False,
        )

    return run
