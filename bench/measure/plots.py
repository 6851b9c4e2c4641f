"""Figures as pictures: SVG, light and dark."""

import math
from html import escape

WIDTH, LABEL, LINE = 860, 360, 26
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 }
.bar { fill: #8aa0b8 } .ours { fill: #2f6fb3 } .rule { stroke: #999; stroke-dasharray: 3 3 } .grid { stroke: #9996 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .bar { fill: #66788c } .ours { fill: #5b9be0 } }
"""


def shares(rows, title, file):
    """A bar for each row's share of the bare route it stands beside, ours in another colour."""
    bars = [(row["name"].split(":")[0], row["ratio"], f"{row['ratio']:.3f}  ({row['value']:,.0f} {row['unit']})") for row in rows]
    height = LINE * (len(bars) + 2)
    room = WIDTH - LABEL - 200
    parts = [f'<text class="title" x="8" y="{LINE - 8}">{escape(title)}</text>']
    for at, (label, share, text) in enumerate(bars):
        y, long = LINE * (at + 1), max(1, share * room)
        kind = "ours" if label.startswith("Symbolon") else "bar"
        parts.append(f'<text x="{LABEL - 8}" y="{y + 17}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect class="{kind}" x="{LABEL}" y="{y + 4}" width="{long:.1f}" height="{LINE - 8}"/>')
        parts.append(f'<text x="{LABEL + long + 6:.1f}" y="{y + 17}">{escape(text)}</text>')
    parts.append(f'<line class="rule" x1="{LABEL + room}" x2="{LABEL + room}" y1="{LINE}" y2="{height - LINE}"/>')
    parts.append(f'<text x="{LABEL + room}" y="{height - 9}" text-anchor="middle">1 = the bare route</text>')
    write(file, title, height, parts)


def over_time(points, events, title, file):
    """Times in milliseconds, on a scale of powers of ten, at the seconds at which they began; and what happened meanwhile."""
    left, top, wide, high = 84, 2 * LINE, WIDTH - 108, 300
    began, last = points[0][0], points[-1][0]
    most = math.ceil(math.log10(max(took for _, took in points)))
    across = lambda at: left + wide * (at - began) / (last - began)
    up = lambda took: top + high * (1 - math.log10(max(took, 1)) / most)
    parts = [f'<text class="title" x="8" y="{LINE - 8}">{escape(title)}</text>']
    for power in range(most + 1):
        y = up(10**power)
        parts.append(f'<line class="grid" x1="{left}" x2="{left + wide}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{10**power:,} ms</text>')
    for second in range(0, int(last - began) + 1, 5):
        parts.append(f'<text x="{across(began + second):.1f}" y="{top + high + 20}" text-anchor="middle">{second} s</text>')
    for at, text in events:
        parts.append(f'<line class="rule" x1="{across(at):.1f}" x2="{across(at):.1f}" y1="{top}" y2="{top + high}"/>')
        parts.append(f'<text x="{across(at) + 4:.1f}" y="{top - 6}">{escape(text)}</text>')
    parts += [f'<circle class="ours" cx="{across(at):.1f}" cy="{up(took):.1f}" r="2"/>' for at, took in points]
    write(file, title, top + high + 32, parts)


def write(file, title, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">'
    with open(file, "w") as out:
        out.write("\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""]))
