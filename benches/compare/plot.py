"""Draws the CPU time of a sample, or of a line of a log: a panel for each workload, a bar for each server, in the look of
the other pictures.

Beside a bar stands its figure and, of a server that lost more than a hundredth, how much that was in the worst run.
"""

import statistics
from html import escape

INK, FAINT, LINE = "#24292f", "#57606a", "#d0d7de"
OURS, OTHER = "#0969da", "#afb8c1"
WIDTH, MARGIN, NAMES, FIGURES = 960, 24, 130, 120
BAR, GAP, HEAD = 18, 6, 34
FONT = "-apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"


def drawn(results):
    """The picture of `{workload: {server: [figures, ...]}}`, two panels in a row; each has a scale of its own."""
    panels = {workload: list(medians(rows)) for workload, rows in results.items()}
    bars_of = [len(bars) for bars in panels.values()]
    # A row of panels is as high as the higher of its two.
    rows = [HEAD + max(bars_of[first:first + 2]) * (BAR + GAP) + GAP for first in range(0, len(panels), 2)]
    tops = [56 + sum(rows[:number]) for number in range(len(rows) + 1)]
    height = tops[-1] + 12
    said = [f"{workload}: {', '.join(words(*bar) for bar in bars)}" for workload, bars in panels.items()]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title text" '
        f'font-family="{FONT}">',
        '  <title id="title">CPU seconds per million samples, or lines of logs, of hekad and other servers</title>',
        f'  <desc id="text">{escape("; ".join(said))}</desc>',
        "  <!-- A ground of its own keeps the picture readable on a light and on a dark page. -->",
        f'  <rect x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="10" fill="#ffffff" stroke="{LINE}"/>',
        text(MARGIN, 34, "CPU seconds per million samples, flushes included (LOGS: lines); less is better", FAINT, 14, 600),
    ]
    for number, (workload, bars) in enumerate(panels.items()):
        parts += panel(MARGIN + number % 2 * WIDTH // 2, tops[number // 2], workload, bars)
    return "\n".join([*parts, "</svg>", ""])


def medians(rows):
    """Servers with the median of their CPU time, where there is one, and the worst loss."""
    for name, figures in rows.items():
        found = [row["cpu"] for row in figures if row["cpu"] is not None]
        if found:
            yield name, statistics.median(found), max(row["lost"] for row in figures)


def panel(left, top, workload, bars):
    yield text(left, top + 20, workload, INK, 13, 600)
    most = max((value for _, value, _ in bars), default=0) or 1
    room = WIDTH // 2 - 2 * MARGIN - NAMES - FIGURES
    for number, (name, value, lost) in enumerate(bars):
        y = top + HEAD + number * (BAR + GAP)
        length = max(room * value / most, 1)
        is_ours = name.startswith("hekad")
        yield text(left + NAMES - 8, y + 13, name, INK, 12, 600 if is_ours else 400, "end")
        colour = OURS if is_ours else OTHER
        yield f'  <rect x="{left + NAMES}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        yield text(left + NAMES + length + 6, y + 13, words("", value, lost), INK, 12)


def words(name, value, lost):
    """A bar in words."""
    return f"{name} {value:.2f}{f', lost {lost * 100:.0f} %' if lost > 0.01 else ''}".strip()


def text(x, y, said, colour, size, weight=400, anchor="start"):
    return (f'  <text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
            f'text-anchor="{anchor}">{escape(said)}</text>')
