"""The errors of damaged archives, in one place for everyone who opens one: layers, uploads, bundles, plan instances."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import Final


def _errors_of_lzma() -> tuple[type[Exception], ...]:
    """A Python may have been built without it; zipfile raises RuntimeError then."""
    try:
        from lzma import LZMAError
    except ImportError:
        return ()
    return (LZMAError,)


ARCHIVE_DAMAGE: Final[tuple[type[Exception], ...]] = (
    zipfile.BadZipFile,
    zlib.error,
    *_errors_of_lzma(),
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What zipfile raises for a damaged or foreign archive, when it is opened or when a member is read.

zipfile documents BadZipFile only. Which of the others comes depends on the byte that is damaged: lengths (struct.error,
EOFError), the method (NotImplementedError, RuntimeError), the mark for encryption (RuntimeError), names and offsets
(ValueError, UnicodeDecodeError, OSError), packed bytes (zlib.error, LZMAError, OSError of bzip2). One list for all who
open zips, so that none falls over a byte that another has met.

ValueError is the base of this package's own InputError, too: where sentences for people are raised inside the same
``try``, they go first (``except FileFormatError: raise``). OSError may also be the disk's: who must tell the two apart
catches it before.
"""
