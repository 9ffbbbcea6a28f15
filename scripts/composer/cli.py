# SPDX-License-Identifier: GPL-2.0
"""The command line of the composer.

Invariant: an error is one line 'compose: error: ...' (conflicts add indented
lines) with exit code 1; wrong usage is exit code 2; an interrupt 130.
"""

import argparse
import inspect
import json
import signal
import sys
from pathlib import Path

from . import (amcheck, bundle, check, compose, config, listing, mails, rebase, refresh,
               save, tree, worktree, writing)
from .errors import ComposeError
from .git import ObjectStore, base_git, resolve
from .series import load, load_patches


def cmd_commit(project, args):
    """Compose all patches into commits and print the tip's id."""
    git = base_git(project)
    base = resolve(git, project.base_rev)
    series = load(project)
    patches = load_patches(project, series)
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
    if not found:
        series = load(project)
        found = mails.reference_problems(project, series, load_patches(project, series))
    for line in found:
        print(f"compose: error: {line}", file=sys.stderr)
    return 1 if found else 0


def cmd_tree(project, args):
    """Make or update the editing tree: one commit per patch, on branch 'series'.

    The tree is a git worktree of the base repository, for a person to edit:
    amend, reorder, add and drop commits, then run 'compose save'. Work in it
    that is not saved is never overwritten, unless --discard says so.
    """
    with writing.lock(project):
        tip = tree.make(project, args.discard)
    print(tip)
    return 0


def cmd_save(project, args):
    """Split the commits of the editing tree back into patches/ and overlay files.

    A file that a commit adds becomes an overlay file, in the form that the last
    commit gives it. Every other change stays in its commit's patch, also that of
    a file which an earlier commit adds. A patch keeps its file name when its
    commit is amended, rebased or moved; a new commit gets the next free number
    of the section of the commit before it. To choose a name, in the editing tree:
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


def cmd_mails(project, args):
    """Write the series as mails with cover letters to out/mails/.

    Per section: SECTION/ with a file per mail, SECTION.mbox with all of them,
    and SECTION.to-cc with those whom get_maintainer.pl names. The author is
    the person in git's configuration (user.name and user.email), or the stored
    one where there is none. Nothing is ever sent.

    A reference to another patch, {1310} in a cover or a changelog, comes out as
    its place in the section or as its subject.
    """
    person = None if args.stored_author else mails.submitter(project)
    if args.signoff and person is None:
        raise ComposeError("no Signed-off-by without a person: set user.name and user.email "
                           "of the submitter in git's configuration")
    base = resolve(base_git(project), project.base_rev)
    series = load(project)
    options = mails.Options(_mail_folder(project, args), person, args.signoff, args.section,
                            not args.no_to_cc)
    with writing.lock(project), ObjectStore(project) as store:
        folders = mails.write(project, store, base, series, load_patches(project, series), options)
    for folder in folders:
        print(project.shown(folder))
    if folders and project.name == "linux" and options.recipients and \
            not folders[0].with_name(folders[0].name + ".to-cc").exists():
        print("compose: note: no lists of recipients: the base has no MAINTAINERS and "
              "scripts/get_maintainer.pl", file=sys.stderr)
    return 0


def cmd_am_check(project, args):
    """Apply the written mails with git am and compare with 'commit'.

    Takes out/mails as it is: each section on what it needs, then all of them in
    order on the base. Compares the tree and the changelog of every commit. With
    --b4, 'b4 am' and 'b4 shazam' take the mbox of each section as well.
    """
    count = amcheck.run(project, resolve(base_git(project), project.base_rev),
                        _mail_folder(project, args), args.b4)
    print(f"git am {'and b4 ' if args.b4 else ''}took {count} mail(s); "
          "every tree and changelog is as composed")
    return 0


def cmd_bundle(project, args):
    """Write the series as a git bundle: out/cvm-io.bundle.

    Branches series/VERSION and section/NAME, each section on what it needs,
    and the tag of the release. The bundle is fetched on top of the base commit;
    how others make that is printed and stands in the tag. With --check, fetch
    it into a repository that has only the base, and compare.
    """
    if project.name != "linux":
        raise ComposeError(f"no bundle of project '{project.name}': only the kernel's is made")
    file = Path(args.file).absolute() if args.file else project.out.parent / "cvm-io.bundle"
    base = resolve(base_git(project), project.base_rev)
    series = load(project)
    with writing.lock(project), ObjectStore(project) as store:
        made = bundle.Bundle(project, store, base, series, load_patches(project, series),
                             args.release)
        made.make(file)
        if args.check:
            made.check(file)
    print(project.shown(file))
    for name, commit in {**made.heads, made.tag: made.heads[made.branch]}.items():
        print(f"  {commit[:12]}  {name}")
    if not args.check:
        print(f"\n{made.recipe(project.shown(file))}", end="", file=sys.stderr)
    return 0


def _number(text):
    if not text.isascii() or not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of a release: use 1, 2, ...")
    return int(text)


def _mail_folder(project, args):
    return Path(args.folder).absolute() if args.folder else project.mails


def cmd_files(project, args):
    """List the files that the series touches: path, kind, patch.

    The kind is "overlay" where the patch adds the file, "growth" where it
    changes a file that an earlier patch adds, else "edit".
    """
    rows = listing.touched(project)
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print(f"{row['path']}\t{row['kind']}\t{row['patch']}")
    return 0


def cmd_rebase(project, args):
    """Apply the series to another base, in the editing tree.

    Stops at a patch that does not apply: says which file and hunk, and leaves
    the tree with the patches before it committed and this one applied as far
    as it goes. Mend it there, then --continue; or --abort. At the end
    'compose save' writes the result to patches/.
    """
    with writing.lock(project):
        if args.abort:
            rebase.abort(project)
            return 0
        if args.proceed:
            tip = rebase.proceed(project)
        else:
            tip = rebase.start(project, args.onto_rev, args.onto_repo)
    print(tip)
    print(f"compose: the series applies; look at {project.shown(project.out)}, then run "
          "'compose save'", file=sys.stderr)
    return 0


def _print_changed(names):
    for name in names:
        print(name)


def _places(parser, after=False, base=True):
    """The options that say where things are; they may stand after the command too."""
    def add(name, **options):
        parser.add_argument(name, default=argparse.SUPPRESS if after else None, **options)

    add("--project", choices=config.NAMES, help="which patched tree (default: linux)")
    add("--root", metavar="DIR", help="top of the checkout (default: this script's)")
    if base:
        add("--base-repo", metavar="DIR",
            help="git repository of the base (default: $CACHE/PROJECT.git)")
        add("--base-rev", metavar="REV", help="commit of the base in it (default: base)")
    add("--out", metavar="DIR", help="the editing tree (default: out/PROJECT)")


def _parser():
    parser = argparse.ArgumentParser(
        prog="compose",
        description="Turn the patches and overlay files of this repository into real "
                    "commits and mails, and back.")
    _places(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name, function, **options):
        text = inspect.cleandoc(function.__doc__)
        sub = commands.add_parser(
            name, help=text.split("\n")[0].rstrip("."), description=text,
            formatter_class=argparse.RawDescriptionHelpFormatter, **options)
        sub.set_defaults(function=function)
        # rebase has its own --base-rev and --base-repo: those of the new base.
        _places(sub, after=True, base=function is not cmd_rebase)
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
    sub = add("mails", cmd_mails)
    who = sub.add_mutually_exclusive_group()
    who.add_argument("--signoff", action="store_true",
                     help="add the Signed-off-by of the person in git's configuration")
    who.add_argument("--stored-author", action="store_true",
                     help="leave the stored author, whatever git's configuration says")
    sub.add_argument("--section", metavar="NAME", help="only this one (default: all)")
    sub.add_argument("--no-to-cc", action="store_true", help="leave out the lists of recipients")
    sub.add_argument("--folder", metavar="DIR", help="write there (default: out/mails)")
    sub = add("am-check", cmd_am_check)
    sub.add_argument("--b4", action="store_true", help="with b4 as well")
    sub.add_argument("--folder", metavar="DIR", help="take the mails from there")
    sub = add("bundle", cmd_bundle)
    sub.add_argument("--release", metavar="N", type=_number, default=1,
                     help="the tag is vVERSION-cvmN (default: 1)")
    sub.add_argument("--file", metavar="FILE", help="write there (default: out/cvm-io.bundle)")
    sub.add_argument("--check", action="store_true", help="also fetch it, and compare")
    sub = add("rebase", cmd_rebase)
    what = sub.add_mutually_exclusive_group()
    what.add_argument("--base-rev", dest="onto_rev", metavar="REV",
                      help="the new base (default: the project's base as it is now)")
    what.add_argument("--continue", dest="proceed", action="store_true",
                      help="go on after a conflict was mended")
    what.add_argument("--abort", action="store_true",
                      help="give the editing tree back as it was")
    sub.add_argument("--base-repo", dest="onto_repo", metavar="DIR",
                     help="take the new base from this repository")
    sub = add("files", cmd_files)
    sub.add_argument("--json", action="store_true", help="a JSON list of objects")
    sub = add("refresh", cmd_refresh)
    sub.add_argument("--check", action="store_true", help="only tell what would change")
    return parser


def _terminated(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    """Run one command; return the exit code."""
    args = _parser().parse_args(argv)
    signal.signal(signal.SIGTERM, _terminated)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:     # nohup
        signal.signal(signal.SIGHUP, _terminated)
    try:
        project = config.project(args.project or "linux", args.root, args.base_repo,
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
