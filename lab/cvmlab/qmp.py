# SPDX-License-Identifier: GPL-2.0
"""QEMU's machine protocol: greeting, capabilities, one command at a time.

Events that come before an answer are kept for wait_event(); a command that QEMU
does not know, or that fails, raises QmpError with QEMU's own words.
"""

import json
import select
import time


class QmpError(Exception):
    """An error answer; .kind is QEMU's class, such as CommandNotFound."""

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class Qmp:
    def __init__(self, sock, timeout=20):
        sock.settimeout(timeout)
        self.sock = sock
        self.file = sock.makefile("rwb", buffering=0)
        self.ready = False
        self.events = []

    def _receive(self):
        line = self.file.readline()
        if not line:
            raise QmpError("Closed", "QEMU closed its monitor")
        return json.loads(line)

    def _negotiate(self):
        if self.ready:
            return
        if "QMP" not in self._receive():
            raise QmpError("Greeting", "QEMU's monitor did not greet")
        self.ready = True
        self.execute("qmp_capabilities")

    def execute(self, command, **arguments):
        """Run one command.  Return: its "return" value."""
        self._negotiate()
        message = {"execute": command}
        if arguments:
            message["arguments"] = arguments
        try:
            self.file.write(json.dumps(message).encode() + b"\n")
            while True:
                answer = self._receive()
                if "return" in answer:
                    return answer["return"]
                if "error" in answer:
                    raise QmpError(answer["error"]["class"], answer["error"]["desc"])
                self.events.append(answer)
        except OSError as err:
            raise QmpError("Closed", f"QEMU's monitor: {err}") from None

    def wait_event(self, name, seconds, **data):
        """Wait for an event with that data; earlier ones count since the last
        forget_events().  Return: False if it did not come in time."""
        end = time.monotonic() + seconds

        def matches(event):
            return event.get("event") == name and \
                data.items() <= event.get("data", {}).items()
        try:
            while not any(matches(event) for event in self.events):
                # a socket that timed out once cannot be read again: ask first
                if not select.select([self.sock], [], [], max(0, end - time.monotonic()))[0]:
                    return False
                self.events.append(self._receive())
        except OSError as err:
            raise QmpError("Closed", f"QEMU's monitor: {err}") from None
        return True

    def forget_events(self):
        self.events.clear()

    def close(self):
        self.file.close()
        self.sock.close()
