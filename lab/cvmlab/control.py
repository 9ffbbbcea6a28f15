# SPDX-License-Identifier: GPL-2.0
"""The control channel: the guest's requests on its second serial port.

The guest writes lines, and waits for the answer of those that have one:

    | TEXT                       output of the test (KTAP); no answer
    fact KEY VALUE...            a figure of the guest; no answer
    hello UPTIME                 user space is reached; "ok N", N = boots so far
    mark NAME                    "ok" when the stats have been read
    verify DISK AREA SHA256      "ok", or "no WHY"; AREA is read or written
    figure MARK PATH             "ok NUMBER" out of the stats of an earlier mark, or "no WHY"
    judged FROM TO               "ok": the test itself judged the violations between two marks
    unplug DEVICE                "ok" when QEMU has taken the device away, or "no WHY"
    plug DEVICE                  "ok" when QEMU has it again, or "no WHY"
    link DEVICE on|off           "ok" when QEMU has (dis)connected a NIC, or "no WHY"
    exit CODE                    the test has ended; "ok"

Because the guest waits for "ok", the figures of a mark belong to what ran
before it.  Test output does not go through the console, where kernel messages
would cut lines in half.
"""

import select
import time


class Channel:
    """Serves one guest.  hooks is an object with the methods
    output(text), fact(key, value), hello(uptime), mark(name),
    verify(disk, area, sha256), figure(mark, path), judged(mark, mark),
    unplug(device), plug(device) and link(device, state).  All of the last
    return (ok, why), as mark and verify do; figure (ok, number or why)."""

    def __init__(self, sock, hooks, log_path):
        self.sock = sock
        self.hooks = hooks
        self.log = open(log_path, "w", encoding="utf-8")
        self.buffer = b""
        self.exit_code = None

    def close(self):
        self.log.close()

    def serve(self, deadline, alive):
        """Handle requests until the guest said exit, QEMU is gone or the
        deadline (time.monotonic) has passed.  Return: False on deadline."""
        while self.exit_code is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            ready, _, _ = select.select([self.sock], [], [], min(left, 0.5))
            if ready:
                try:
                    data = self.sock.recv(65536)
                except ConnectionError:
                    return True
                if not data:
                    return True
                self._feed(data)
            elif not alive():
                return True
        return True

    def _feed(self, data):
        self.buffer += data
        *lines, self.buffer = self.buffer.split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace").rstrip("\r"))

    def _answer(self, ok, why=""):
        self._reply("ok" if ok else f"no {why or 'failed'}")

    def _reply(self, text):
        print("> " + text, file=self.log, flush=True)
        try:
            self.sock.sendall(text.encode() + b"\n")
        except ConnectionError:
            pass            # QEMU is gone: serve() notices

    def _line(self, line):
        print(line, file=self.log, flush=True)
        if line.startswith("|"):
            self.hooks.output(line[2:])
            return
        word, _, rest = line.partition(" ")
        handler = getattr(self, "_do_" + word, None)
        if handler is None:
            if line.strip():
                self._answer(False, f"unknown request '{word}'")
            return
        handler(rest.split())

    def _do_hello(self, words):
        self._reply(f"ok {self.hooks.hello(float(words[0]) if words else 0.0)}")

    def _do_fact(self, words):
        if words:
            self.hooks.fact(words[0], " ".join(words[1:]))

    def _do_mark(self, words):
        if len(words) != 1:
            self._answer(False, "mark takes one name")
            return
        self._answer(*self.hooks.mark(words[0]))

    def _do_verify(self, words):
        if len(words) != 3:
            self._answer(False, "verify takes disk, area and sha256")
            return
        self._answer(*self.hooks.verify(*words))

    def _do_figure(self, words):
        if len(words) != 2:
            self._answer(False, "figure takes a mark and a path")
            return
        found, answer = self.hooks.figure(*words)
        self._reply(f"ok {answer}" if found else f"no {answer}")

    def _do_judged(self, words):
        if len(words) != 2:
            self._answer(False, "judged takes two marks")
            return
        self._answer(*self.hooks.judged(*words))

    def _do_unplug(self, words):
        if len(words) != 1:
            self._answer(False, "unplug takes one device")
            return
        self._answer(*self.hooks.unplug(words[0]))

    def _do_plug(self, words):
        if len(words) != 1:
            self._answer(False, "plug takes one device")
            return
        self._answer(*self.hooks.plug(words[0]))

    def _do_link(self, words):
        if len(words) != 2:
            self._answer(False, "link takes a device and on or off")
            return
        self._answer(*self.hooks.link(*words))

    def _do_exit(self, words):
        self._answer(True)
        self.exit_code = int(words[0]) if words and words[0].isdigit() else 255
