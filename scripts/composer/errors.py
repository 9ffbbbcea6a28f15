# SPDX-License-Identifier: GPL-2.0
"""The one exception that reaches the user.

Invariant: message is one line, says what is wrong and what to do; details are
further lines (the places of a conflict, one per line).
"""


class ComposeError(Exception):
    """A refusal or a failure that the command line reports."""

    def __init__(self, message, details=()):
        super().__init__(message)
        self.message = message
        self.details = list(details)
