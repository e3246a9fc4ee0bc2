# SPDX-License-Identifier: MIT
"""Copied and synthesised images are the same bytes, whichever the interpreter makes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any, Callable

import _image_model as model
import pytest
from _copied import COPIES, rebuilt
from hypothesis import example, given, settings

from pointers import malloc, sizeof
from pointers._codec import copying, store, synth
from pointers._codec.store import image
from pointers._ffi import fast


def synthesised(obj: Any) -> bytes:
    return image(synth.STORES[type(obj)], sizeof(obj), obj)


def copied(obj: Any) -> bytes:
    assert copying.STORES is not None
    return image(copying.STORES[type(obj)], sizeof(obj), obj)


def check(obj: Any) -> None:
    expected = model.image(obj)
    assert synthesised(obj) == expected
    if COPIES:
        assert copied(obj) == expected


@pytest.fixture(scope="module")
def cache_utf8() -> Callable[[str], int]:
    """Return a function that makes CPython cache the UTF-8 form of a text in its object."""
    if not COPIES:
        pytest.skip("objects are copied on 64-bit CPython alone")
    prototype = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)
    cache: Callable[[str], int] = prototype(("PyUnicode_AsUTF8", ctypes.pythonapi))
    return cache


# The choice of the back end


def test_objects_are_copied_only_on_the_reference_path_of_64_bit_cpython() -> None:
    forced = os.environ.get("POINTERS_IMAGES") == "synth"
    assert store.BACK_END == ("copy" if COPIES and fast is None and not forced else "synth")
    module = copying if store.BACK_END == "copy" else synth
    assert store.STORES is module.STORES


def test_only_cpython_copies() -> None:
    assert (copying.STORES is not None) == COPIES


def test_both_back_ends_store_the_same_types() -> None:
    assert set(synth.STORES) == set(model.IMAGES)
    if COPIES:
        assert list(copying.STORES or ()) == list(synth.STORES)


PROGRAM = """
from pointers import malloc, sizeof
from pointers._codec import store
print(store.BACK_END)
for obj in (None, True, 0, -1, 2**30, 2**64, -(10**50), 1.5, -0.0, 1j, b"", b"bytes", "",
            "text", "\\xe9", "\\u0107\\ud800", "\\U00010307\\udc00"):
    with malloc(sizeof(obj)) as p:
        p <<= obj
        assert type(~p) is type(obj), obj
        assert repr(~p) == repr(obj), obj
        print(p.read().hex())
"""


def run(tmp_path: Path, **environment: str) -> list[str]:
    env = {name: value for name, value in os.environ.items() if name != "POINTERS_IMAGES"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        cwd=tmp_path,  # in the root of the tree, pointers/ would hide the installed package
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_environment_chooses_the_back_end(tmp_path: Path) -> None:
    default = run(tmp_path, POINTERS_FAST="0")
    forced = run(tmp_path, POINTERS_FAST="0", POINTERS_IMAGES="synth")
    assert default[0] == ("copy" if COPIES else "synth")
    assert forced[0] == "synth"
    assert default[1:] == forced[1:]
    assert len(forced) == 18
    assert run(tmp_path, POINTERS_FAST="0", POINTERS_IMAGES="other")[0] == default[0]


ORDINARY_USE = """
import sys
from pointers import *
p = malloc(64)
for obj in (1, 2**100, "text", 1j, [1]):
    p <<= obj
    assert ~p == obj
    p ^= obj
    str(p), repr(p), p.read(), sizeof(obj)
try:
    p <<= "x" * 64
except InvalidSizeError:
    pass
p.view().release()
a = calloc(4, 48)
a[0:4] = [1, "two", 3.0, [4]]
a.tolist()
with Arena() as arena:
    arena.malloc(8)
acquire_stack_alloc(64)(lambda ptr: ptr.move(2**70))
realloc(p, 128)
free(p)
free(a)
for name in ("ctypes", "pointers._codec.copying", "pointers._codec.probe"):
    print(name in sys.modules)
"""


@pytest.mark.parametrize("path", ["0", "1"])
def test_ctypes_is_imported_only_where_objects_are_copied(run_python: Any, path: str) -> None:
    done = run_python(ORDINARY_USE, POINTERS_FAST=path, POINTERS_IMAGES="")
    copied = COPIES and (path == "0")
    assert (done.returncode, done.stdout.split()) == (0, [str(copied)] * 3), done.stderr


# Images of both back ends


@settings(deadline=None, max_examples=1000)
@given(model.values)
@example(2**63)
@example(-(2**63) - 1)
@example(model.float_of(0x7FF0000000000001))
@example("\ud83d\ude00")
def test_both_back_ends_make_the_image_of_the_model(obj: Any) -> None:
    check(obj)


@settings(deadline=None, max_examples=200)
@given(model.texts)
def test_caches_inside_a_text_do_not_change_its_image(
    cache_utf8: Callable[[str], int], text: str
) -> None:
    expected = model.image(text)
    for used in (hash, sys.intern, cache_utf8, lambda obj: (hash(obj), sys.intern(obj))):
        obj = rebuilt(text)
        assert copied(obj) == expected
        try:
            used(obj)
        except UnicodeEncodeError:  # an unpaired surrogate has no UTF-8 form
            assert used is cache_utf8
        assert copied(obj) == expected
        assert synthesised(obj) == expected


@pytest.mark.parametrize("text", ["caf\xe9" * 4, "\u0107" * 4, "\U00010307" * 4], ids=ascii)
def test_the_fixture_really_caches_utf8(cache_utf8: Callable[[str], int], text: str) -> None:
    obj = rebuilt(text)
    before = sys.getsizeof(obj)
    assert cache_utf8(obj)
    assert sys.getsizeof(obj) > before, "nothing was cached, so that other tests prove nothing"
    assert copied(obj) == model.image(text)
    with malloc(sizeof(obj)) as p:
        p <<= obj
        assert ~p == text


@settings(deadline=None, max_examples=100)
@given(model.binaries)
def test_a_cached_hash_does_not_change_the_image_of_bytes(obj: bytes) -> None:
    hash(obj)
    check(obj)


@pytest.mark.parametrize("obj", [True, False, None], ids=repr)
def test_images_of_singletons(obj: Any) -> None:
    check(obj)


def test_images_of_cached_ints() -> None:
    for obj in range(-300, 300):
        check(obj)


def test_images_of_cached_texts_and_bytes() -> None:
    for point in range(0x180):
        check(chr(point))
    for byte in range(256):
        check(bytes([byte]))
    for name in ("", "__init__", "append", "self", "utf-8"):
        check(name)
        check(sys.intern(name))
    check(b"")


def test_images_of_literals_slices_and_computed_values() -> None:
    for obj in ("literal"[2:5], "liter\u0107l"[:3], b"literal"[1:], str(10**30), repr(1.5)):
        check(obj)
    for obj in (int("7" * 60), 10**60 // 7, -(10**30) % 2**61, 2**80 >> 70, True + True):
        check(obj)


def test_images_of_ints_whose_leading_digits_were_subtracted() -> None:
    # The object of a difference is allocated with more digits than its value has
    for k in range(1, 10):
        check(2 ** (30 * k) - 1 - (2 ** (30 * k) - 2**15))
        check(-(2 ** (30 * k)) + 2 ** (30 * k) - 7)


@pytest.mark.skipif(
    not COPIES or sys.version_info >= (3, 12), reason="only CPython up to 3.11 has such texts"
)
@pytest.mark.parametrize("text", ["abc", "caf\xe9", "\u0107abc", "\U00010307", "\ud800"], ids=ascii)
@pytest.mark.parametrize("ready", [False, True])
def test_images_of_texts_that_are_not_compact(text: str, ready: bool) -> None:
    api = ctypes.pythonapi
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_ssize_t)(
        ("PyUnicode_FromUnicode", api)
    )
    letters_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object)(("PyUnicode_AsUnicode", api))
    wide = (ctypes.c_uint32 * len(text))(*map(ord, text))
    assert ctypes.sizeof(ctypes.c_wchar) == 4
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        obj = make(None, len(text))
        ctypes.memmove(letters_of(obj), wide, ctypes.sizeof(wide))
    if ready:
        assert obj == text
    assert type(obj) is str
    with malloc(len(model.image(text))) as p:
        p <<= obj  # before a comparison or a load converts the object
        assert p.read() == model.image(text)
        assert ~p == text == obj
    assert copied(obj) == model.image(text)


@pytest.mark.parametrize("room", [0, 1, 15, 16, 23])
def test_a_store_beyond_its_bound_writes_nothing(room: int) -> None:
    back_ends = [synth.STORES] + ([copying.STORES] if COPIES else [])
    for stores in back_ends:
        assert stores is not None
        for obj in (1, True, 1.5, 1j, b"", "", "\u0107"):
            with malloc(64) as p:
                assert stores[type(obj)](p._block, 0, room, obj) < 0
                assert p.read() == bytes(64)
                assert stores[type(obj)](p._block, 64 - sizeof(obj) + 1, 64, obj) < 0
                assert p.read() == bytes(64)
                assert stores[type(obj)](p._block, 64 - sizeof(obj), 64, obj) == sizeof(obj)
                assert p.read() == bytes(64 - sizeof(obj)) + model.image(obj)


# The choice of the back end after the probe

OTHERS: dict[type, Any] = {
    type(None): True,  # too large for the block, so that the store fails
    bool: None,
    int: -1,
    float: -1.5,
    complex: 1j,
    bytes: b"?",
    str: "?",
}


@pytest.mark.parametrize("kind", list(OTHERS), ids=lambda kind: kind.__name__)
def test_copying_functions_that_make_wrong_images_are_not_used(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = OTHERS[kind]

    def wrong(block: int, offset: int, room: int, obj: Any) -> int:
        return synth.STORES[type(other)](block, offset, room, other)

    broken = {**synth.STORES, kind: wrong}
    failing = {**synth.STORES, kind: lambda *_args: -1}
    assert store._round_trips(synth.STORES)
    monkeypatch.setattr(store, "fast", None)
    monkeypatch.delenv("POINTERS_IMAGES", raising=False)
    for stores in (broken, failing):
        assert not store._round_trips(stores)
        monkeypatch.setattr(copying, "STORES", stores)
        assert store._choose() == ("synth", synth.STORES)


def test_without_copies_images_are_synthesised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "fast", None)
    monkeypatch.delenv("POINTERS_IMAGES", raising=False)
    assert store._choose()[0] == ("copy" if COPIES else "synth")
    monkeypatch.setattr(copying, "STORES", None)
    assert store._choose() == ("synth", synth.STORES)
