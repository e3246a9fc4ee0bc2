# SPDX-License-Identifier: MIT
"""Allocators, and the functions that allocate."""
