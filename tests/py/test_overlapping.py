# SPDX-License-Identifier: MIT
"""Copies from a view of a block into the same block."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from pointers import malloc, memcpy, memmove

COPIES: dict[str, Callable[[Any, Any, int], object]] = {
    "write": lambda ptr, view, _n: ptr.write(view),
    "memmove": memmove,
    "memcpy": memcpy,
}


# A copy of the largest size lets other threads run meanwhile
@pytest.mark.parametrize("n", [1, 15, 100, 4097, 200_000])
@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("shift", [1, 7, -1, -7, 0])
def test_a_view_of_the_same_block_is_copied_as_by_memmove(n: int, copy: str, shift: int) -> None:
    data = bytes(i * 167 % 251 for i in range(n))
    with malloc(n + 16) as p:
        source = p + 8
        source.write(data)
        target = p + (8 + shift)
        with source.view() as view:
            COPIES[copy](target, view[:n], n)
        assert target.read(n) == data
