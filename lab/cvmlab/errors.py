# SPDX-License-Identifier: GPL-2.0
"""Errors that a person can mend: one line that says what was wrong, exit 2."""


class LabError(Exception):
    """Wrong input or a missing tool.  The text is one line for the user."""


class Skip(Exception):
    """This host or kernel cannot run the test; the text is the reason."""
