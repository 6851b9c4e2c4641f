"""Rows as pictures: bars in SVG, light and dark."""

from html import escape

WIDTH, LABEL, LINE = 860, 360, 26
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #222 }
.title { font-weight: 600 }
.bar { fill: #8aa0b8 } .ours { fill: #2f6fb3 } .rule { stroke: #999; stroke-dasharray: 3 3 }
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
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title, quote=True)}">'
    with open(file, "w") as out:
        out.write("\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""]))
