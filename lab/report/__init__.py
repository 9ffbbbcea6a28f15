# SPDX-License-Identifier: GPL-2.0
"""The demo's report: one static page from demo.json and the guests' stats.

  svg    shapes, scales and text of a chart
  charts the three charts of the demo
  iommu  the chart of the last bench, if there is one
  page   the page around them

No script, no font, no image from anywhere else; every number of a chart also
stands in a table.
"""
