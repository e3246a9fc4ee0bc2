# SPDX-License-Identifier: MIT
"""Results: what a measurement says, its statistics, and the JSON.

It uses neither of the other two folders.
"""
