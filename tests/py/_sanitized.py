# SPDX-License-Identifier: MIT
"""Whether the tests run under AddressSanitizer, which takes address space and malloc for itself."""

import os

ADDRESS_SANITIZER = "libasan" in os.environ.get("LD_PRELOAD", "")
