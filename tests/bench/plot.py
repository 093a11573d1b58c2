"""Bar charts as SVG, without any library."""

import html

ROW, LEFT, WIDTH, RIGHT, TOP = 22, 260, 420, 110, 40


def bars(title, values, unit):
    """One horizontal bar a name, the longest first."""
    rows = sorted(((name, value) for name, value in values.items() if value), key=lambda row: -row[1])
    largest = max((value for _, value in rows), default=1)
    height = TOP + ROW * len(rows) + 10
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}" '
             'font-family="sans-serif" font-size="13">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="24" font-size="16">{html.escape(title)}</text>']  # fmt: skip
    for i, (name, value) in enumerate(rows):
        y, length = TOP + ROW * i, max(1, round(WIDTH * value / largest))
        parts.append(f'<text x="{LEFT - 8}" y="{y + 15}" text-anchor="end">{html.escape(name)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{y + 3}" width="{length}" height="{ROW - 6}" fill="#4477aa"/>')
        parts.append(f'<text x="{LEFT + length + 6}" y="{y + 15}">{value:,} {html.escape(unit)}</text>')
    return "\n".join(parts + ["</svg>"]) + "\n"
