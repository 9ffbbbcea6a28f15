# SPDX-License-Identifier: GPL-2.0
"""Pieces of an SVG chart.

Colours are CSS classes, so that the page can give them for light and dark;
what a colour means is always said in words beside it too.
"""

import html
import math


def escape(value):
    return html.escape(str(value), quote=True)


def text(x, y, content, cls="label", anchor="start"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" class="{cls}" text-anchor="{anchor}">'
            f"{escape(content)}</text>")


def rect(x, y, width, height, cls, tip=""):
    title = f"<title>{escape(tip)}</title>" if tip else ""
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" '
            f'height="{height:.1f}" class="{cls}">{title}</rect>')


def line(x1, y1, x2, y2, cls="grid"):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{cls}"/>'


def polyline(points, cls):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" class="{cls}"/>'


def ticks(top, count=4):
    """Round axis values 0 .. at least top, about count of them."""
    if top <= 0:
        return [0, 1]
    raw = top / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw)
    step = max(step, 1) if top >= 4 else step
    return [step * i for i in range(math.ceil(top / step) + 1)]


def number(value):
    """As short as it is exact enough: 1492, 1 492 000, 0.5."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.1f}"
    return f"{int(value):,}".replace(",", "\u202f")


def chart(name, title, description, width, height, parts):
    """A whole <svg> that a screen reader announces by title and description."""
    return (f'<svg role="img" viewBox="0 0 {width} {height}" '
            f'aria-labelledby="{name}-t {name}-d">'
            f'<title id="{name}-t">{escape(title)}</title>'
            f'<desc id="{name}-d">{escape(description)}</desc>'
            + "".join(parts) + "</svg>")
