# SPDX-License-Identifier: MIT
"""How long operations race, or are interrupted: ``POINTERS_RACES``, in seconds, is for long runs."""

import os

SECONDS = float(os.environ.get("POINTERS_RACES", "0.4"))
