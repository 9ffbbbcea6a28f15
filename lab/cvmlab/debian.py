# SPDX-License-Identifier: GPL-2.0
"""Kernels in Debian packages: unpacked, never modified.

Debian's own cloud kernels are found from the metapackage of a suite
(linux-image-cloud-amd64), downloaded and verified by scripts/fetch, and
unpacked below the cache folder. A package that scripts/deb made is unpacked
there, too. Modules are decompressed for the guest's insmod; their order comes
from what each says it depends on (.modinfo), because in Debian's own packages
there is no modules.dep before they are installed.
"""

import contextlib
import glob
import lzma
import os
import re
import shutil
import subprocess
import tempfile

from . import bzimage, devices
from .errors import LabError, Skip
from .initramfs import LAB, cache_dir, sha256

FETCH = os.path.join(os.path.dirname(LAB), "scripts", "fetch")
META = "linux-image-cloud-amd64"
# What makes a guest of each platform, in the kernel's own configuration.
NEEDS = {"sev": ("CONFIG_AMD_MEM_ENCRYPT",), "tdx": ("CONFIG_INTEL_TDX_GUEST",),
         "hv": ("CONFIG_HYPERV",), "hv-vbs": ("CONFIG_HYPERV", "CONFIG_AMD_MEM_ENCRYPT")}
# disk or NIC of the guest test -> modules it needs where they are not built in
DISKS = {name: devices.MODULES[name] for name in ("virtio-blk", "nvme")}
VMBUS_DISKS = {"hv-scsi": devices.HV_SCSI}
VMBUS_NICS = {"hv_netvsc": devices.HV_NET}


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


def unpack(packages, mark=""):
    """Unpack .deb files, once, into a folder named after the first and mark.

    Return: (the first one's name and version, the folder's path).
    """
    file = os.path.basename(packages[0]).removesuffix(".deb")
    name = file.rpartition("_")[0]
    root = os.path.join(cache_dir(), "lab", file + mark)
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


def unpack_built(*packages):
    """Unpack packages that may be built anew under the same name, together.

    Return: the folder's path.
    """
    for package in packages:
        if not os.path.isfile(package):
            raise LabError(f"no package at {package}")
    mark = "." + "-".join(sha256(package)[:12] for package in packages)
    _, root = unpack(packages, mark)
    for other in glob.glob(glob.escape(root.removesuffix(mark)) + ".*"):
        if other != root:
            shutil.rmtree(other, ignore_errors=True)
    return root


class Modules:
    """The modules of one kernel, below a folder such as / or a package's."""

    def __init__(self, root, name):
        self.root, self.name = root, name
        self.release = self._release()

    def _release(self):
        folders = [path for top in ("lib/modules/*", "usr/lib/modules/*")
                   for path in glob.glob(os.path.join(glob.escape(self.root), top))]
        if len(folders) != 1:
            raise LabError(f"{self.name} holds {len(folders) or 'no'} folders lib/modules/RELEASE, "
                           "not one: name that of the kernel")
        self.module_dir = folders[0]
        return os.path.basename(folders[0])

    def suit(self, image):
        """Raise LabError unless they are those of the kernel in image."""
        release = bzimage.release(image)
        if release != self.release:
            raise LabError(f"{self.name} holds the modules of {self.release}, "
                           f"but the kernel is {release}")

    def require_all(self, wanted, folder):
        """As modules(), which must all be there."""
        paths, missing = self.modules(wanted, folder)
        if missing:
            raise LabError(f"{self.name} has no module {', '.join(missing)}, "
                           "nor is it built in")
        return paths

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


class Kernel(Modules):
    """An unpacked kernel: the image package, and what belongs to it."""

    def __init__(self, packages):
        name, root = unpack(packages)
        super().__init__(root, name)
        self.image = self._only("vmlinuz-*", "vmlinuz")
        self.config = _config(self._only("config-*", "config"))

    def _only(self, *names):
        """The one file of that name below boot or next to the modules."""
        found = only(self.root, *names)
        if not found:
            raise LabError(f"{self.name} holds no {names[0]}: the package's layout is new")
        return found

    def require(self, platform):
        """Raise Skip where the configuration lacks the platform."""
        for option in NEEDS[platform]:
            if self.config.get(option) not in ("y", "m"):
                raise Skip(f"{option} is not set in Debian's {self.release}")


def only(root, *names):
    """The one file of that name below boot or next to the modules, or ""."""
    for name in names:
        found = [path for top in ("boot", "usr/lib/modules/*", "lib/modules/*")
                 for path in glob.glob(os.path.join(glob.escape(root), top, name))]
        if len(found) == 1:
            return found[0]
    return ""


def built_image(package):
    """The kernel in a package that scripts/deb made.  Return: its path."""
    image = only(unpack_built(package), "vmlinuz-*", "vmlinuz")
    if not image:
        raise LabError(f"{os.path.basename(package)} holds no kernel: "
                       "name a package linux-image")
    return image


def files(package):
    """What a package installs: {path in the guest: host file}."""
    root = unpack_built(package)
    return {os.path.relpath(path, root): path for here, _, names in os.walk(root)
            for path in (os.path.join(here, name) for name in names) if os.path.isfile(path)}


def modules_of(paths):
    """The Modules in packages, or in one folder: an installed system's / or
    one such as /lib/modules/RELEASE."""
    path = paths[0]
    name = os.path.basename(path.rstrip("/")) or path
    if all(path.endswith(".deb") for path in paths):
        return Modules(unpack_built(*paths), name)
    if len(paths) > 1:
        raise LabError(f"--modules {' '.join(paths)}: one folder, or packages (.deb)")
    if not os.path.isdir(path):
        raise LabError(f"--modules {path}: neither a folder nor a package (.deb)")
    if os.path.isfile(os.path.join(path, "modules.order")):
        return _ReleaseFolder(path, name)
    return Modules(path, name)


class _ReleaseFolder(Modules):
    """A folder as lib/modules/RELEASE."""

    def _release(self):
        self.module_dir = os.path.abspath(self.root)
        return os.path.basename(self.module_dir)


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
