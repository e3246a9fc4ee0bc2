# SPDX-License-Identifier: MIT
"""Lets the tests import the modules beside them, whose names start with an underscore."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
