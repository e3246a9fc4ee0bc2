# SPDX-License-Identifier: MIT
"""Blocks that tests of pytest leave behind.

`pointers_pytest.py` is the plugin, which imports this once a test or an option asks for it.
"""

from __future__ import annotations

import gc
import re
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

_DROPPED = re.compile(r"\w+ to (\d+) bytes.* was dropped without free\(\)")
_MARKER = "keeps_blocks"


class Window:
    """What happens to blocks while a test runs."""

    __slots__ = ("allowed", "before", "collects", "dropped", "has_failed")

    #: Handles of the blocks that lived before.
    before: set[int]
    #: Handles of blocks that may stay.
    allowed: set[int]
    #: Sizes of blocks whose pointers were dropped without `free`, and texts that tell of them.
    dropped: list[tuple[int, str]]
    #: Whether a collection is under way that finds what the test has dropped.
    collects: bool
    #: Whether the test has raised an exception, whose frames keep what they refer to.
    has_failed: bool

    def __init__(self) -> None:
        self.before = {info.handle for info in live_blocks()}
        self.allowed = set()
        self.dropped = []
        self.collects = False
        self.has_failed = False

    def allow(self, pointer: Pointer[Any]) -> None:
        """Let the block of a pointer stay."""
        if not isinstance(pointer, Pointer):
            raise TypeError(f"pointer must be a Pointer, not {type(pointer).__name__}")
        self.allowed.add(pointer._block)


@contextmanager
def _hears_of_dropped(window: Window) -> Iterator[None]:
    """Let a window hear of pointers that are dropped, and nobody else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("always", _DROPPED.pattern, ResourceWarning)
        shown = warnings.showwarning

        def show(
            message: Any,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: Any = None,
            line: str | None = None,
        ) -> None:
            found = _DROPPED.match(str(message)) if category is ResourceWarning else None
            if found is None:
                shown(message, category, filename, lineno, file, line)
            else:
                # A line at which the collector runs has nothing to do with the block
                where = "in a cycle of objects" if window.collects else f"at {filename}:{lineno}"
                text = f"{message}, {where}"
                window.dropped.append((int(found.group(1)), text))

        warnings.showwarning = show
        yield


def _collect() -> None:
    """Let go of all that nobody refers to."""
    for _ in range(1 if COUNTS_REFERENCES else 3):  # PyPy runs finalizers after a collection
        gc.collect()


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
        # Handles and sizes of blocks that are none of the test's that runs: of earlier tests, and
        # of fixtures that serve several tests
        self._known: dict[int, int] = {}
        self._of_fixtures: dict[Any, set[int]] = {}
        self._ended: list[tuple[str, set[int]]] = []
        self._windows: list[Window] = []

    @contextmanager
    def watch(self) -> Iterator[Window]:
        """Watch blocks while a `with` block runs."""
        window = Window()
        self._windows.append(window)
        try:
            with _hears_of_dropped(window):
                yield window
        finally:
            self._windows.remove(window)
            for outer in self._windows:
                outer.allowed |= window.allowed

    def check(self, window: Window, item: pytest.Item) -> None:
        """Fail if a test has left blocks, those of fixtures that serve several tests excepted."""
        _fail(self._of_test(window, item))

    def _of_test(self, window: Window, item: pytest.Item) -> list[str]:
        """Return a title and lines about what a test has left; nothing if that is nothing."""
        left = self._left(window)
        if left or not COUNTS_REFERENCES:
            window.collects = COUNTS_REFERENCES
            _collect()
            window.collects = False
            left = self._left(window)
        self._known.update((info.handle, info.size) for info in left)
        texts = [*map(_described, left), *(text for _, text in window.dropped)]
        # The exception of a test that has failed is what has to be told, and keeps its blocks
        if not texts or window.has_failed:
            return []
        return [f"{item.nodeid} has left {len(texts)} of its blocks:", *texts, *_hint(left)]

    def _left(self, window: Window) -> list[BlockInfo]:
        """Return the blocks of a test that live."""
        live = list(live_blocks())
        handles = {info.handle for info in live}
        for handle in [handle for handle in self._known if handle not in handles]:
            # The pointer of a block that has been told of may be dropped later on
            size = self._known.pop(handle)
            told = next((each for each in window.dropped if each[0] == size), None)
            if told is not None:
                window.dropped.remove(told)
        known = set().union(window.before, window.allowed, self._known, *self._of_fixtures.values())
        return [info for info in live if info.handle not in known]

    def _of_ended(self, item: pytest.Item) -> list[str]:
        """Return the same of fixtures that serve several tests, and have ended."""
        ended, self._ended = self._ended, []
        if not ended:
            return []
        _collect()
        live = {info.handle: info for info in live_blocks()}
        left, texts = [], []
        for name, handles in ended:
            for handle in sorted(handles & live.keys()):
                left.append(live[handle])
                texts.append(f"{_described(live[handle])}, of fixture {name}")
        self._known.update((info.handle, info.size) for info in left)
        if not texts or not self.watches_all:
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
        before = {info.handle for info in live_blocks()}
        try:
            return (yield)
        finally:
            made = {info.handle for info in live_blocks()} - before
            self._of_fixtures.setdefault(fixturedef, set()).update(made)

    def pytest_fixture_post_finalizer(self, fixturedef: pytest.FixtureDef[Any]) -> None:
        """Note that such a fixture has ended."""
        handles = self._of_fixtures.pop(fixturedef, None)
        if handles:
            self._ended.append((f"{fixturedef.argname!r} of scope {fixturedef.scope}", handles))
