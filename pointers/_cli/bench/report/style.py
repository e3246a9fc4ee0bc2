# SPDX-License-Identifier: MIT
"""The look of the report: one colour and one shape for each allocator, in light and in dark.

The colours are Okabe's and Ito's, which people of every colour vision tell
apart, darker where a light ground wants it.  Shapes say the same again.
"""

from __future__ import annotations

import zlib

from pointers._cli.bench.report.svg import Mark
from pointers._cli.bench.result.names import CHECKED

#: Name, colour on a light ground, on a dark one, shape.
_COLOURS = (
    ("direct", "#7a7a7a", "#9a9a9a", "down"),
    ("system", "#1a1a1a", "#f2f2f2", "square"),
    ("arena", "#d98c00", "#e69f00", "up"),
    ("pool", "#008f68", "#1fbf92", "circle"),
    ("guard", "#d55e00", "#ee7b2b", "diamond"),
    ("mimalloc", "#0072b2", "#4aa8e0", "hexagon"),
    ("jemalloc", "#b8608f", "#dd92bb", "pentagon"),
    ("tcmalloc", "#2f9bd0", "#7cc8f0", "right"),
    ("other0", "#8a7f00", "#e8dc50", "left"),
    ("other1", "#6a4fb0", "#b39ae8", "up"),
    ("other2", "#8c4a2f", "#d29a7e", "circle"),
)
_KNOWN = {name: shape for name, _, _, shape in _COLOURS}
_N_OTHERS = 3


def mark(allocator: str) -> Mark:
    """Return how an allocator is drawn: the same in every report."""
    checked = allocator.endswith(CHECKED)
    base = allocator[: -len(CHECKED)] if checked else allocator
    if base not in _KNOWN:
        base = f"other{zlib.crc32(base.encode()) % _N_OTHERS}"
    return Mark(base, _KNOWN[base], checked)


def _variables(column: int) -> str:
    return "".join(f"--{colour[0]}:{colour[column]};" for colour in _COLOURS)


_DARK = (
    "--ground:#15171a;--ink:#e6e6e6;--soft:#a3a8ae;--rule:#33383e;--band:#1d2024;--one:#8b9198;"
    + _variables(2)
)

CSS = (
    ":root{color-scheme:light dark;"
    "--ground:#ffffff;--ink:#1b1d20;--soft:#5b6168;--rule:#dfe2e6;--band:#f4f5f7;--one:#70767d;"
    + _variables(1)
    + "}\n"
    + "@media(prefers-color-scheme:dark){:root{"
    + _DARK
    + "}}\n"
    + "\n".join(f".c-{name}{{--c:var(--{name})}}" for name in _KNOWN)
    + """
*{box-sizing:border-box}
body{margin:0 auto;max-width:1280px;padding:24px 20px 60px;background:var(--ground);
color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:26px;line-height:1.2;margin:0 0 4px}
h2{font-size:19px;margin:40px 0 4px;padding-top:12px;border-top:1px solid var(--rule)}
p,ul{max-width:76ch;margin:6px 0 12px}
.soft{color:var(--soft)}
.warning{border-left:4px solid var(--guard);padding:4px 12px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:14px 22px}
.wide{display:grid;grid-template-columns:repeat(auto-fill,minmax(500px,1fr));gap:18px 22px}
@media(max-width:560px){.panels,.wide{grid-template-columns:1fr}}
figure{margin:0;min-width:0;display:flex;flex-direction:column;justify-content:space-between}
.one{max-width:760px}
figcaption{font-weight:600;font-size:14px}
figcaption span{display:block;font-weight:400;color:var(--soft);font-size:12.5px}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:11px;fill:var(--ink)}
svg .tick,svg .axis{fill:var(--soft)}
svg .tick{font-size:10px}
svg .strong{font-weight:600}
svg .value{font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .unit{stroke:var(--one);stroke-width:1.4}
svg .band{fill:var(--band)}
svg .whisker{stroke:var(--c);stroke-width:2;stroke-linecap:round;opacity:.55}
svg .curve{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round}
svg .curve.hollow{stroke-dasharray:5 3}
svg .leader{stroke:var(--c);stroke-width:.8;opacity:.7}
svg .mark{fill:var(--c);stroke:var(--ground);stroke-width:.8}
svg .mark.hollow{fill:var(--ground);stroke:var(--c);stroke-width:1.6}
svg .bar{fill:var(--c)}
svg .bar.hollow{fill:var(--ground);stroke:var(--c);stroke-width:1.4}
svg .earlier{stroke:var(--soft);stroke-width:1.4;opacity:.8}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:12.5px;font-variant-numeric:tabular-nums;margin:8px 0}
caption{text-align:left;color:var(--soft);padding-bottom:4px}
th,td{padding:3px 7px;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child,th.left,td.left{text-align:left}
thead th{border-bottom:2px solid var(--rule)}
td.none{color:var(--soft)}
td.faster{background:rgba(0,114,178,var(--a))}
td.slower{background:rgba(230,140,0,var(--a))}
details{margin:10px 0}
summary{cursor:pointer;font-weight:600}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;font-size:14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
@media print{details{display:block}}
"""
)
