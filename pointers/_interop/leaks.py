# SPDX-License-Identifier: MIT
"""Blocks that tests of pytest leave behind.

`pointers_pytest.py` is the plugin, which imports this once a test or an option asks for it.
"""

from __future__ import annotations

import gc
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from pointers._alloc.listing import live_blocks
from pointers._ffi import COUNTS_REFERENCES
from pointers._pointer.pointer import Pointer
from pointers._typing import Any

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pointers._alloc.records import BlockInfo

_DROPPED = r"\w+ to \d+ bytes.* was dropped without free\(\)"
_MARKER = "keeps_blocks"


def _handles() -> set[int]:
    """Return the handles of the blocks that live: no other block ever has one of them."""
    return {info.handle for info in live_blocks()}


class Window:
    """What happens to blocks while a test runs."""

    __slots__ = ("allowed", "before", "has_failed")

    #: Handles of the blocks that lived before.
    before: set[int]
    #: Handles of blocks that may stay.
    allowed: set[int]
    #: Whether the test has raised an exception, whose frames keep what they refer to.
    has_failed: bool

    def __init__(self) -> None:
        self.before = _handles()
        self.allowed = set()
        self.has_failed = False

    def allow(self, pointer: Pointer[Any]) -> None:
        """Let the block of a pointer stay."""
        if not isinstance(pointer, Pointer):
            raise TypeError(f"pointer must be a Pointer, not {type(pointer).__name__}")
        self.allowed.add(pointer._block)


def _described(info: BlockInfo) -> str:
    """Return a line about a block that lives."""
    text = f"{info.size} bytes at {info.address:#x}"
    if info.pins:
        text += f", in use by {info.pins} view{'s' * (info.pins > 1)} or what was made of views"
    if info.allocated_at:
        text += f", allocated at {info.allocated_at[0]}"
    return text


def _hint(left: list[BlockInfo]) -> list[str]:
    """Return a line about what would tell more, if any would."""
    if not left or not COUNTS_REFERENCES or any(info.allocated_at for info in left):
        return []
    return ["(python -X tracemalloc tells the lines that allocated blocks)"]


def _fail(texts: list[str]) -> None:
    """Fail with texts, if there are any; titles end in a colon."""
    if texts:
        lines = [text if text.endswith(":") else f"  {text}" for text in texts]
        pytest.fail("\n".join(lines), pytrace=False)


class Leaks:
    """The plugin that watches tests."""

    def __init__(self) -> None:
        self.watches_all = False
        self._windows: list[Window] = []
        # Texts about the pointers that were dropped without `free`, by the handles of their blocks
        self._dropped: dict[int, str] = {}
        # Handles of blocks that others are told of than the test that runs
        self._known: set[int] = set()
        # The same of fixtures that serve several tests, and of those that have ended, with names
        self._of_fixtures: dict[Any, set[int]] = {}
        self._ended: list[tuple[str, set[int]]] = []
        # Whether a collection is under way that finds what has been dropped
        self._collects = False

    @contextmanager
    def watch(self) -> Iterator[Window]:
        """Watch blocks while a `with` block runs."""
        if not self._windows:
            # What lives by now is from before the window; of what has ended, only fixtures that
            # serve more tests are yet to be told
            self._known.clear()
            kept = self._dropped.keys() & set().union(*self._of_fixtures.values())
            self._dropped = {handle: self._dropped[handle] for handle in kept}
        window = Window()
        self._windows.append(window)
        try:
            with self._hears_of_dropped():
                yield window
        finally:
            self._windows.remove(window)
            for outer in self._windows:
                outer.allowed |= window.allowed

    @contextmanager
    def _hears_of_dropped(self) -> Iterator[None]:
        """Hear of pointers that are dropped, and let nobody else hear of them."""
        with warnings.catch_warnings():
            warnings.filterwarnings("always", _DROPPED, ResourceWarning)
            shown = warnings.showwarning

            def show(
                message: Any,
                category: type[Warning],
                filename: str,
                lineno: int,
                file: Any = None,
                line: str | None = None,
            ) -> None:
                handle = getattr(message, "_block", None)
                if handle is None or category is not ResourceWarning:
                    shown(message, category, filename, lineno, file, line)
                else:
                    # A line at which the collector runs has nothing to do with the block
                    where = "in a cycle of objects" if self._collects else f"at {filename}:{lineno}"
                    self._dropped[handle] = f"{message}, {where}"

            warnings.showwarning = show
            yield

    def _collect(self) -> None:
        """Let go of all that nobody refers to."""
        self._collects = COUNTS_REFERENCES
        for _ in range(1 if COUNTS_REFERENCES else 3):  # PyPy runs finalizers after a collection
            gc.collect()
        self._collects = False

    def check(self, window: Window, item: pytest.Item) -> None:
        """Fail if a test has left blocks, those of fixtures that serve several tests excepted."""
        _fail(self._of_test(window, item))

    def _of_test(self, window: Window, item: pytest.Item) -> list[str]:
        """Return a title and lines about what a test has left; nothing if that is nothing."""
        left = self._left(window)
        if left or not COUNTS_REFERENCES:
            self._collect()
            left = self._left(window)
        self._known.update(info.handle for info in left)
        dropped = self._dropped.keys() - self._not_of(window)
        self._known |= dropped
        texts = [*map(_described, left), *(self._dropped[handle] for handle in sorted(dropped))]
        # The exception of a test that has failed is what has to be told, and keeps its blocks
        if not texts or window.has_failed:
            return []
        return [f"{item.nodeid} has left {len(texts)} of its blocks:", *texts, *_hint(left)]

    def _not_of(self, window: Window) -> set[int]:
        """Return the handles of blocks that are none of a test's."""
        fixtures = self._of_fixtures.values()
        return set().union(window.before, window.allowed, self._known, *fixtures)

    def _left(self, window: Window) -> list[BlockInfo]:
        """Return the blocks of a test that live."""
        known = self._not_of(window)
        return [info for info in live_blocks() if info.handle not in known]

    def _of_ended(self, item: pytest.Item) -> list[str]:
        """Return the same of fixtures that serve several tests, and have ended."""
        ended, self._ended = self._ended, []
        if not ended or not self.watches_all:
            return []
        self._collect()
        live = {info.handle: info for info in live_blocks()}
        left, texts = [], []
        for name, handles in ended:
            for handle in sorted(handles & live.keys()):
                left.append(live[handle])
                texts.append(f"{_described(live[handle])}, of fixture {name}")
            dropped = (handles & self._dropped.keys()) - live.keys()
            texts.extend(f"{self._dropped[each]}, of fixture {name}" for each in sorted(dropped))
        if not texts:
            return []
        title = f"fixtures that ended after {item.nodeid} have left {len(texts)} blocks:"
        return [title, *texts, *_hint(left)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Watch a test, its fixtures included."""
        if not self.watches_all or item.get_closest_marker(_MARKER):
            return (yield)
        with self.watch():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, object, object]:
        """Note that a test has failed, or was skipped: the exception keeps its frames."""
        if call.excinfo is not None:
            for window in self._windows:
                window.has_failed = True
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Look at what is there once all fixtures of a test have ended."""
        result = yield
        texts = self._of_ended(item)  # first, so that the test is not told of their blocks
        if self._windows:
            texts += self._of_test(self._windows[0], item)
        _fail(texts)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any]
    ) -> Generator[None, object, object]:
        """Note the blocks of fixtures that serve several tests."""
        if fixturedef.scope == "function":
            return (yield)
        before = _handles() | self._dropped.keys()
        try:
            return (yield)
        finally:
            # Without those of fixtures that this one has asked for meanwhile
            others = set().union(*self._of_fixtures.values())
            made = (_handles() | self._dropped.keys()) - before - others
            self._of_fixtures.setdefault(fixturedef, set()).update(made)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note that such a fixture has ended."""
        handles = self._of_fixtures.pop(fixturedef, None)
        if handles:
            self._known |= handles
            self._ended.append((f"{fixturedef.argname!r} of scope {fixturedef.scope}", handles))
