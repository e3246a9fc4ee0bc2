# SPDX-License-Identifier: MIT
"""Names that measuring, results and reports have in common."""

#: The allocator that ratios refer to.
BASELINE = "system"
#: What the name of an allocator ends in if checked blocks are on it.
CHECKED = "+checked"


class UsageError(Exception):
    """What the user asked for makes no sense: the program ends with exit code 2."""
