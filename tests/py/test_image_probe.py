# SPDX-License-Identifier: MIT
"""The probe tells whether images can be copied from this interpreter's objects."""

from __future__ import annotations

import sys
import types
from typing import Any, Callable

import pytest
from _copied import COPIES, copies_only, rebuilt

from pointers._codec import copying
from pointers._codec import probe as probe_module

Copy = Callable[[int, int], bytes]


@pytest.fixture
def copy() -> Copy:
    found = copying._make_copy()
    if found is None or not COPIES:
        pytest.skip("objects are copied on 64-bit CPython alone")
    return found


def test_the_probe_knows_this_interpreter(copy: Copy) -> None:
    layout = probe_module.probe(copy)
    assert layout is not None
    assert layout.header == object.__basicsize__
    assert copy(id(1.5) + layout.header, 0) == b""
    text = rebuilt("some text")
    assert copy(id(text) + layout.ascii_data, 10) == b"some text\0"


@pytest.mark.parametrize(
    "fake",
    [
        lambda _address, count: bytes(count),
        lambda _address, count: b"\xff" * count,
        lambda _address, count: bytes(range(256))[:count],
        lambda _address, _count: b"",
        lambda address, count: (address * 0x9E3779B97F4A7C15 % 2**256).to_bytes(32, "little")[
            :count
        ],
    ],
    ids=["zeros", "ones", "steps", "nothing", "noise"],
)
def test_the_probe_refuses_other_memory(fake: Copy) -> None:
    assert probe_module.probe(fake) is None


@pytest.mark.parametrize("shift", [1, 2, 4, 8, 12, 16])
def test_the_probe_refuses_shifted_fields(copy: Copy, shift: int) -> None:
    assert probe_module.probe(lambda address, count: copy(address - shift, count)) is None


def test_the_probe_needs_every_sample(copy: Copy) -> None:
    answers = 0

    def counted(address: int, count: int) -> bytes:
        nonlocal answers
        answers += 1
        return copy(address, count)

    assert probe_module.probe(counted) is not None
    assert answers >= 14
    for wrong in range(answers):
        answers = 0

        def flipped(address: int, count: int) -> bytes:
            data = counted(address, count)
            # All bits, since some words have bits that the probe ignores
            return bytes(b ^ 0xFF for b in data) if answers == wrong + 1 else data  # noqa: B023

        assert probe_module.probe(flipped) is None, f"answer {wrong}"
        answers = 0

        def last_byte_flipped(address: int, count: int) -> bytes:
            data = counted(address, count)
            if answers != wrong + 1 or count == 4:  # noqa: B023 - a state word, or a digit
                return data
            return data[:-1] + bytes([data[-1] ^ 1])

        four = {answer for answer, count in enumerate(_counts(copy)) if count == 4}
        assert (probe_module.probe(last_byte_flipped) is None) == (wrong not in four)


def _counts(copy: Copy) -> list[int]:
    counts: list[int] = []
    probe_module.probe(lambda address, count: counts.append(count) or copy(address, count))  # type: ignore[func-returns-value]
    return counts


class System:
    """A replacement of the module sys with some attributes changed."""

    def __init__(self, **facts: Any) -> None:
        self.__dict__.update(facts)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


@pytest.mark.parametrize(
    "facts",
    [
        {"implementation": types.SimpleNamespace(name="pypy")},
        {"implementation": types.SimpleNamespace(name="graalpy")},
        {"int_info": types.SimpleNamespace(bits_per_digit=15, sizeof_digit=2)},
        {"int_info": types.SimpleNamespace(bits_per_digit=15, sizeof_digit=4)},
        {"int_info": types.SimpleNamespace(bits_per_digit=30, sizeof_digit=8)},
        {"int_info": types.SimpleNamespace(bits_per_digit=60, sizeof_digit=8)},
        {"getsizeof": lambda obj: sys.getsizeof(obj) - 8},
        {"getsizeof": lambda _obj: 24},
        {"getsizeof": lambda _obj: 0},
        {"byteorder": "big" if sys.byteorder == "little" else "little"},
    ],
    ids=str,
)
def test_the_probe_refuses_other_interpreters(
    copy: Copy, facts: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_module, "sys", System())
    assert probe_module.probe(copy) is not None
    monkeypatch.setattr(probe_module, "sys", System(**facts))
    assert probe_module.probe(copy) is None


def test_the_probe_refuses_32_bits(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    calcsize, pack = probe_module.struct.calcsize, probe_module.struct.pack
    monkeypatch.setattr(
        probe_module,
        "struct",
        types.SimpleNamespace(pack=pack, calcsize=lambda form: calcsize(form) // 2),
    )
    assert probe_module.probe(copy) is None


@copies_only
def test_nothing_is_copied_if_the_probe_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert copying._find_stores() is not None
    monkeypatch.setattr(copying, "probe", lambda _copy: None)
    assert copying._find_stores() is None
