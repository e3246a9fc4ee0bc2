# SPDX-License-Identifier: MIT
"""The plugin of pytest: tests that leave blocks of memory behind fail.

It is no part of the package, which it would import into every run of pytest: the package is
imported once a test, or an option, asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pointers._interop.leaks import Leaks, Window

_NAME = "pointers-leaks"


def _leaks(config: pytest.Config) -> Leaks:
    """Return the part of the plugin that watches tests, which has hooks of its own."""
    from pointers._interop.leaks import Leaks

    found = config.pluginmanager.get_plugin(_NAME)
    if not isinstance(found, Leaks):
        found = Leaks()
        config.pluginmanager.register(found, _NAME)
    return found


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Add the option."""
    # Pytest compiles each module of a package with a plugin anew, for the sake of assertions in it:
    # there are none in this one, whose import would take three times as long
    getattr(pluginmanager.rewrite_hook, "_must_rewrite", set()).discard("pointers")
    parser.getgroup("pointers").addoption(
        "--pointers-leaks",
        action="store_true",
        help="fail each test that leaves blocks of memory (of the package pointers) behind",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Add the marker; and watch every test, if the option asks for it."""
    config.addinivalue_line(
        "markers", "keeps_blocks: what this test leaves of blocks is none of --pointers-leaks"
    )
    if config.getoption("pointers_leaks"):
        _leaks(config).watches_all = True


@pytest.fixture
def no_leaked_blocks(request: pytest.FixtureRequest) -> Iterator[Window]:
    """Fail the test if blocks that it has allocated live at its end, or were never freed.

    `no_leaked_blocks.allow(pointer)` lets a block stay.
    """
    leaks = _leaks(request.config)
    with leaks.watch() as window:
        yield window
        leaks.check(window, request.node)
