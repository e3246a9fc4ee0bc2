# SPDX-License-Identifier: MIT
"""Calls of stack functions, whose memory is a block for as long as they run."""

from __future__ import annotations

from typing import Any, Callable

import pytest
from _machine_contents import Contents
from _machine_model import Block
from _machine_refused import Pointer

from pointers import acquire_stack_alloc


class LeaveError(Exception):
    """The exception that leaves a stack function."""


class Calls(Contents):
    """A world in which operations run inside stack functions."""

    def call(self, size: int, align: int, body: Callable[[Pointer], None], leave: bool) -> None:
        """Run `body` inside a stack function, which then returns, or raises if `leave` is true."""

        def function(ptr: Any) -> str:
            assert ptr.alignment == align
            block = self.born(ptr, Block("stack", size, ptr.capacity))
            inside.append(block)
            assert ptr.capacity == size
            self.check()
            body(self.pointers[-1])
            if leave:
                raise LeaveError
            return "result"

        inside: list[Block] = []
        if leave:
            with pytest.raises(LeaveError):
                acquire_stack_alloc(size, align=align)(function)
        else:
            assert acquire_stack_alloc(size, align=align)(function) == "result"
        self.ended(inside[0])
