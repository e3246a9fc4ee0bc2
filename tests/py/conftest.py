# SPDX-License-Identifier: MIT
"""Fixtures and settings for every test module, and the import path of the modules beside them."""

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import HealthCheck, settings

# Lets the tests import the modules beside them, whose names start with an underscore
sys.path.insert(0, str(Path(__file__).parent))

from _sanitized import ADDRESS_SANITIZER

# No result depends on earlier runs (no database: a failure prints a line that repeats it) or on
# the load of the machine (no deadline).  In CI, the examples are the same each time, so that only
# a change can make a test fail.  Everywhere else, each run tries new examples.
settings.register_profile(
    "pointers",
    database=None,
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("pointers")

# Modules whose tests do not differ by interpreter
ONCE = (
    "test_bench",
    "test_clib",
    "test_crosscheck",
    "test_dev",
    "test_docs",
    "test_packaging",
    "test_pytest_plugin",
    "test_workloads",
)


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    for item in items:
        if item.path.stem.startswith(ONCE):
            item.add_marker(pytest.mark.once)
        # Tests that start programs on both paths, or on the path that a parameter chooses
        params = getattr(getattr(item, "callspec", None), "params", ())
        if "fast" in params or item.path.stem == "test_differential":
            item.add_marker(pytest.mark.both_paths)


@pytest.fixture(autouse=True, scope="module")
def _collections_take_little_time() -> None:
    """Exclude what earlier modules left from collections, of which many tests make many.

    Garbage of the module's own tests is still collected.
    """
    gc.collect()
    getattr(gc, "freeze", int)()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Run code in a new interpreter, outside the source tree, whose folder would hide the package.

    The fixture is a function of (code, *interpreter options, timeout in seconds, **environment).
    """

    def run(
        code: str, *options: str, timeout: float = 300, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        if "LD_PRELOAD" in environment and ADDRESS_SANITIZER:
            pytest.skip("AddressSanitizer has to be the only preloaded library")
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
