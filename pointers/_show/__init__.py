# SPDX-License-Identifier: MIT
"""Memory and images made visible."""
