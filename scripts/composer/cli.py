# SPDX-License-Identifier: GPL-2.0
"""The command line of the composer.

Invariant: an error is one line 'compose: error: ...' (conflicts add indented
lines) with exit code 1; wrong usage is exit code 2; an interrupt 130.
"""

import argparse
import signal
import sys

from . import check, compose, config, overlay
from .errors import ComposeError
from .git import ObjectStore, base_git, resolve
from .series import load, load_patches


def cmd_commit(project, args):
    """Compose all patches into commits and print the tip's id."""
    git = base_git(project)
    base = resolve(git, project.base_rev)
    series = load(project)
    patches = load_patches(project, series)
    overlay.require_single_claims(patches)
    if args.upto:
        names = compose.upto_names(series.names(), args.upto)
        patches = patches[:len(names)]
    with ObjectStore(project) as store:
        done = compose.compose(store, project, base, patches)
    tip = done[-1].commit if done else base
    git.run("update-ref", f"{project.ref_prefix}/{'upto' if args.upto else 'commit'}", tip)
    if args.list:
        for one in done:
            print(f"{one.patch.name}\t{one.commit}\t{' '.join(one.files())}")
    else:
        print(tip)
    return 0


def cmd_check(project, _args):
    """Check that patches, series, overlay files and covers fit together."""
    git = base_git(project)
    found = check.problems(project, git, resolve(git, project.base_rev))
    for line in found:
        print(f"compose: error: {line}", file=sys.stderr)
    return 1 if found else 0


def _parser():
    parser = argparse.ArgumentParser(
        prog="compose",
        description="Turn the patches and overlay files of this repository into real "
                    "commits and mails, and back.")
    parser.add_argument("--project", default="linux", choices=config.NAMES,
                        help="which patched tree (default: linux)")
    parser.add_argument("--root", metavar="DIR",
                        help="top of the checkout (default: the one this script is in)")
    parser.add_argument("--base-repo", metavar="DIR",
                        help="git repository of the base (default: $CACHE/PROJECT.git)")
    parser.add_argument("--base-rev", metavar="REV",
                        help="commit of the base in it (default: base)")
    parser.add_argument("--out", metavar="DIR",
                        help="the editing tree (default: out/PROJECT)")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, **options):
        sub = commands.add_parser(
            name, help=function.__doc__.strip().split("\n")[0],
            description=function.__doc__.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        sub.set_defaults(function=function)
        return sub

    sub = add("commit", cmd_commit)
    sub.add_argument("--list", action="store_true",
                     help="print 'patch<TAB>commit<TAB>files' per patch instead of the tip")
    sub.add_argument("--upto", metavar="NNNN", help="stop after the patch with this number")
    add("check", cmd_check)
    return parser


def _terminated(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    """Run one command; return the exit code."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        project = config.project(args.project, args.root, args.base_repo,
                                 args.base_rev, args.out)
        return args.function(project, args)
    except ComposeError as err:
        print(f"compose: error: {err.message}", file=sys.stderr)
        for line in err.details:
            print(f"    {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("compose: error: interrupted", file=sys.stderr)
        return 130
    except OSError as err:
        print(f"compose: error: {err.filename or ''}: {err.strerror}", file=sys.stderr)
        return 1
