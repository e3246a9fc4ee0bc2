# SPDX-License-Identifier: MIT
"""Fixtures for every test module, and the way to the modules beside them."""

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

# No run depends on an earlier one (what failed is printed, with what repeats it), nor on how busy
# the machine is.  In CI, the examples are the same each time: what is red there is the change's
# own fault.  Everywhere else, each run looks for new ones.
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
ONCE = ("test_bench", "test_clib", "test_dev", "test_packaging")


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    for item in items:
        if item.path.stem.startswith(ONCE):
            item.add_marker(pytest.mark.once)
        # Programs that tests start on the path that a parameter names
        if "fast" in getattr(getattr(item, "callspec", None), "params", ()):
            item.add_marker(pytest.mark.both_paths)


@pytest.fixture(autouse=True, scope="module")
def _collections_take_little_time() -> None:
    """Let the collector pass over what modules share or have left, since many tests collect often.

    What a test itself makes is collected as ever.
    """
    gc.collect()
    getattr(gc, "freeze", int)()


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run_python(tmp_path: Path) -> Run:
    """Run code in a new interpreter, away from the source tree that hides the package.

    Takes (code, *interpreter options, timeout in seconds, environment variables).
    """

    def run(
        code: str, *options: str, timeout: float = 300, **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        if "LD_PRELOAD" in environment and ADDRESS_SANITIZER:
            pytest.skip("a sanitizer has to be preloaded itself")
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
