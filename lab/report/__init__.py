# SPDX-License-Identifier: GPL-2.0
"""The demo's report: one static page from demo.json and the guests' books.

  svg    shapes, scales and text of a chart
  charts the three charts
  page   the page around them

No script, no font, no image from anywhere else; every number of a chart also
stands in a table.
"""
