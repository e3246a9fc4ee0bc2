# SPDX-License-Identifier: MIT
"""``python -m pointers bench``: allocators compared on the workloads of the C core.

`measure` makes a result, `report` shows one, and both know `result` alone: a
report can be made of a file that another machine has written.  `command` is the
command line, which brings them together.
"""
