# SPDX-License-Identifier: MIT
"""Seconds for which operations race, or are interrupted; ``POINTERS_RACES`` sets them."""

import os

SECONDS = float(os.environ.get("POINTERS_RACES", "0.4"))
