# SPDX-License-Identifier: MIT
"""Measuring: what is compared, which cases there are, and the rounds in which they run.

It may use `result`, and nothing of `report`.
"""
