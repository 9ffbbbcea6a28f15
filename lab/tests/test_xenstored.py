# SPDX-License-Identifier: GPL-2.0
"""Debian's xenstore daemon: which files of its packages go into the guest."""

import os
import tempfile
import unittest
from unittest import mock

from cvmlab import xenstored
from cvmlab.errors import LabError


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name

    def put(self, *names):
        for name in names:
            path = os.path.join(self.root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            open(path, "w", encoding="utf-8").close()

    def programs(self):
        with mock.patch.object(xenstored.debian, "run", return_value="say /x/p_1_amd64.deb\n"), \
             mock.patch.object(xenstored.debian, "unpack", return_value=("p_1", self.root)):
            return xenstored.programs()

    def test_same_place_in_the_guest(self):
        self.put(*xenstored.FILES)
        found = self.programs()
        self.assertEqual(sorted(found), sorted(xenstored.FILES))
        for name, path in found.items():
            self.assertEqual(path, os.path.realpath(os.path.join(self.root, name)))

    def test_merged_usr(self):
        self.put(*("usr/" + name.removeprefix("usr/") for name in xenstored.FILES))
        self.assertEqual(sorted(self.programs()), sorted(xenstored.FILES))

    def test_missing_file_is_named(self):
        self.put(*xenstored.FILES[1:])
        with self.assertRaisesRegex(LabError, xenstored.FILES[0]):
            self.programs()
