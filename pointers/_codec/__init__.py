# SPDX-License-Identifier: MIT
"""Python objects as images, and images as Python objects."""
