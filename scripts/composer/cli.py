# SPDX-License-Identifier: GPL-2.0
"""The command line of the composer.

Invariant: an error is one line 'compose: error: ...' (conflicts add indented
lines) with exit code 1; wrong usage is exit code 2; an interrupt 130.
"""

import argparse
import signal
import sys

from . import check, compose, config, overlay, refresh, save, tree, writing, worktree
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


def cmd_tree(project, args):
    """Make or update the editing tree: one commit per patch, on branch 'series'.

    The tree is a git worktree of the base repository, for a person to edit:
    amend, reorder, add and drop commits, then run 'compose save'. Work in it
    that is not saved is never overwritten, unless --discard says so.
    """
    if not project.out.exists():
        print(f"compose: checking out {project.shown(project.out)} ...", file=sys.stderr)
    with writing.lock(project):
        tip = tree.make(project, args.discard)
    print(tip)
    return 0


def cmd_save(project, args):
    """Split the commits of the editing tree back into patches/ and overlay files.

    A file that a commit adds becomes an overlay file, every other change stays
    in the patch. A patch keeps its file name when its commit is amended,
    rebased or moved; a new commit gets the next free number of the section of
    the commit before it. To choose a name, in the editing tree:
        git notes --ref=composer append -m 'name: 0110-area-slug.patch' COMMIT
    """
    with writing.lock(project):
        _print_changed(save.save(project, args.force))
    return 0


def cmd_refresh(project, args):
    """Re-emit patches/ in normal form from the composed commits.

    With --check, change nothing; list the files that would change and exit 1
    if there are any.
    """
    base = resolve(base_git(project), project.base_rev)
    with ObjectStore(project) as store:
        contents = refresh.refreshed(project, store, base)
    if args.check:
        stale = refresh.changed(contents)
        for path in stale:
            print(project.shown(path))
        if stale:
            raise ComposeError(f"{len(stale)} patch file(s) are not in normal form: "
                               "run 'compose refresh'")
        return 0
    with writing.lock(project), worktree.follows(project):
        _print_changed(refresh.write(project, contents))
    return 0


def _print_changed(names):
    for name in names:
        print(name)


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
    sub = add("tree", cmd_tree)
    sub.add_argument("--discard", action="store_true",
                     help="throw away what the editing tree has and patches/ has not")
    sub = add("save", cmd_save)
    sub.add_argument("--force", action="store_true",
                     help="overwrite changes that patches/ got since the tree was made")
    sub = add("refresh", cmd_refresh)
    sub.add_argument("--check", action="store_true", help="only tell what would change")
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
