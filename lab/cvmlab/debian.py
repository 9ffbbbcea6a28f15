# SPDX-License-Identifier: GPL-2.0
"""Debian's own cloud kernels: fetched by apt, unpacked, never modified.

A package is found from the metapackage of a suite (linux-image-cloud-amd64),
downloaded and verified by scripts/fetch, and unpacked below the cache folder.
Modules are decompressed for the guest's insmod; their order comes from what
each says it depends on (.modinfo), because modules.dep is made only when a
package is installed.
"""

import contextlib
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

from .errors import LabError, Skip
from .initramfs import LAB, cache_dir

FETCH = os.path.join(os.path.dirname(LAB), "scripts", "fetch")
META = "linux-image-cloud-amd64"
# What makes a guest of each platform, in the kernel's own configuration.
NEEDS = {"sev": ("CONFIG_AMD_MEM_ENCRYPT",), "tdx": ("CONFIG_INTEL_TDX_GUEST",),
         "hv": ("CONFIG_HYPERV",), "hv-vbs": ("CONFIG_HYPERV", "CONFIG_AMD_MEM_ENCRYPT")}
# disk or NIC of the guest test -> modules it needs where they are not built in
DISKS = {"virtio-blk": ("virtio_pci", "virtio_blk"), "nvme": ("nvme",)}
VMBUS_DISKS = {"hv-scsi": ("hv_vmbus", "hv_storvsc", "sd_mod")}
VMBUS_NICS = {"hv_netvsc": ("hv_vmbus", "hv_netvsc")}


def run(*argv):
    """Run a command.  Return: its stdout; LabError with its last line."""
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=False)
    except OSError as err:
        raise LabError(f"cannot run {argv[0]}: {err.strerror}") from None
    if done.returncode:
        lines = (done.stderr.strip() or "no message").splitlines()
        raise LabError(f"{os.path.basename(argv[0])} {' '.join(argv[1:])}: {lines[-1]}")
    return done.stdout


def image_of(depends):
    """The image package that a metapackage's Depends line names."""
    match = re.search(r"\blinux-image-\d[^\s,|]*", depends)
    if not match:
        raise LabError(f"{META} depends on no kernel image, but on: {depends.strip()}")
    return match.group()


def parts_of(depends):
    """The packages that an image package is split into (since the
    7.x ones: base, binary, modules); none for a package in one piece."""
    return re.findall(r"\blinux-(?:base|binary|modules)-\d[^\s,|]*", depends)


def fetch(suite):
    """The kernel of a suite.  Return: paths of its .deb files, image first."""
    def get(package):
        path = run(FETCH, "deb", suite, package).split()[-1]
        return path, run("dpkg-deb", "-f", path, "Depends")
    _, depends = get(META)
    image, depends = get(image_of(depends))
    return [image, *(get(part)[0] for part in parts_of(depends))]


def unpack(packages):
    """Unpack .deb files, once, into a folder named after the first.

    Return: (the first one's name and version, the folder's path).
    """
    file = os.path.basename(packages[0]).removesuffix(".deb")
    name = file.rpartition("_")[0]
    root = os.path.join(cache_dir(), "lab", file)
    if not os.path.isdir(root):
        os.makedirs(os.path.dirname(root), exist_ok=True)
        part = tempfile.mkdtemp(prefix=".unpack-", dir=os.path.dirname(root))
        try:
            for package in packages:
                run("dpkg-deb", "-x", package, part)
            os.chmod(part, 0o755)
            with contextlib.suppress(OSError):      # another was quicker
                os.rename(part, root)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        if not os.path.isdir(root):
            raise LabError(f"cannot make {root}")
    return name, root


class Kernel:
    """An unpacked kernel: the image package, and what belongs to it."""

    def __init__(self, packages):
        self.name, self.root = unpack(packages)
        self.image = self._only("vmlinuz-*", "vmlinuz")
        self.config = _config(self._only("config-*", "config"))
        self.release = self._release()

    def _only(self, *names):
        """The one file of that name below boot or next to the modules."""
        for name in names:
            found = [path for top in ("boot", "usr/lib/modules/*", "lib/modules/*")
                     for path in glob.glob(os.path.join(self.root, top, name))]
            if len(found) == 1:
                return found[0]
        raise LabError(f"{self.name} holds no {names[0]}: the package's layout is new")

    def _release(self):
        folders = [path for top in ("lib/modules/*", "usr/lib/modules/*")
                   for path in glob.glob(os.path.join(self.root, top))]
        if len(folders) != 1:
            raise LabError(f"{self.name} holds {len(folders)} folders of modules, not one")
        self.module_dir = folders[0]
        return os.path.basename(folders[0])

    def require(self, platform):
        """Raise Skip where the configuration lacks the platform."""
        for option in NEEDS[platform]:
            if self.config.get(option) not in ("y", "m"):
                raise Skip(f"{option} is not set in Debian's {self.release}")

    def modules(self, wanted, folder):
        """Decompress modules and what they depend on into folder.

        Return: (paths in load order, wanted modules that are neither built in
        nor there).
        """
        index = self._index()
        order, missing = [], []
        for name in wanted:
            if not _load_order(name, index, order):
                missing.append(name)
        paths = []
        for name in order:
            path = os.path.join(folder, name + ".ko")
            with open(path, "wb") as file:
                file.write(index[name]())
            paths.append(path)
        return paths, missing

    def _index(self):
        """{module: function that returns its bytes; None where built in}."""
        index = {}
        builtin = os.path.join(self.module_dir, "modules.builtin")
        if os.path.isfile(builtin):
            with open(builtin, encoding="utf-8") as file:
                for line in file:
                    index[_module_name(line.strip())] = None
        for here, _, files in os.walk(self.module_dir):
            for name in files:
                if name.endswith((".ko", ".ko.xz")):
                    index[_module_name(name)] = _Reader(os.path.join(here, name))
        return index


class _Reader:
    """A module's bytes, decompressed, read once."""

    def __init__(self, path):
        self.path = path
        self.data = None

    def __call__(self):
        if self.data is None:
            with (lzma.open if self.path.endswith(".xz") else open)(self.path, "rb") as file:
                self.data = file.read()
        return self.data


def _module_name(path):
    return os.path.basename(path).partition(".ko")[0].replace("-", "_")


def depends(data):
    """The modules that a module's .modinfo says it needs."""
    match = re.search(rb"\0depends=([^\0]*)\0", data)
    names = match.group(1).decode("ascii", "replace") if match else ""
    return [name.replace("-", "_") for name in names.split(",") if name]


def _load_order(name, index, order):
    """Append name to order, after what it needs.  Return: False if missing."""
    if name not in index:
        return False
    if index[name] is None or name in order:
        return True
    found = all([_load_order(need, index, order) for need in depends(index[name]())])
    order.append(name)
    return found


def _config(path):
    """A kernel configuration: {option: value}."""
    try:
        with open(path, encoding="utf-8") as file:
            pairs = (line.strip().partition("=") for line in file if line.startswith("CONFIG_"))
            return {name: value for name, _, value in pairs}
    except OSError as err:
        raise LabError(f"cannot read {path}: {err.strerror}") from None
