# SPDX-License-Identifier: GPL-2.0
"""The composer: patch files and overlay files <-> real git commits.

Vocabulary
  base      one commit in a bare repository: the pinned upstream source
  patch     one file of patches/: changelog, claimed overlay files, and a diff
            of files that the base or an earlier patch has
  overlay   a file that the series adds, kept at its in-tree path in its final
            form; exactly one patch claims it (an "Overlay:" line)
  growth    the diff that a later patch carries of an overlay file
  series    the ordered list patches/series, cut into sections
  compose   patches + overlays -> one commit each, on top of the base
  emit      a commit -> the text of its patch file

Invariants
  - compose and emit are inverse: emit(compose(P)) == P for a refreshed P.
  - The tip holds every overlay file as the checkout does, byte for byte. Its
    version before a patch is the version after it with that patch's diff taken
    out: versions are found from the last patch back to the one that adds it.
    A diff that cannot be taken out is an error.
  - A commit id depends on the base commit and on the content of the patches
    and overlay files alone: not on the clock, the user, or anybody's git
    configuration or environment.
  - Nothing is written into the checkout before everything was computed.
"""
