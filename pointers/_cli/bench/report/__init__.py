# SPDX-License-Identifier: MIT
"""Reports: the tables of the terminal and the HTML page, made of a result.

It may use `result`, and nothing of `measure`.
"""
