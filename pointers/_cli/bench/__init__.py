# SPDX-License-Identifier: MIT
"""``python -m pointers bench``: allocators compared on the workloads of the C core.

Each module may use only those before it: `libraries` and `allocators` say what
is compared, `program` runs one measurement in a child process, `plan` chooses
the cases, `runner` runs them in rounds, `summary` has the statistics, `schema`,
`machine`, `document` and `history` are the JSON, `figures` writes numbers,
`table`, `_rich`, `show` and `progress` serve the terminal, `svg`, `style`,
`panels`, `curves`, `glance`, `report_tables` and `report` the HTML, `command`
the command line.
"""
