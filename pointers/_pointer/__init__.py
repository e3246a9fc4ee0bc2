# SPDX-License-Identifier: MIT
"""The classes of pointers, and what their operations do."""
