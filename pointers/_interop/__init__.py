# SPDX-License-Identifier: MIT
"""Memory and functions of other libraries."""
