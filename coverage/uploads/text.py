"""Text of an upload: the three encodings of the contract, with control characters taken out and every guess named."""

from __future__ import annotations

import re
from typing import NamedTuple

from coverage.errors import FileFormatError
from coverage.readers.text import decode
from coverage.uploads.report import Remark

# Everything below space but TAB, LF, CR, and NUL, which is a sign of data that is no text. These bytes stand for
# themselves in UTF-8 and CP932, so they can be taken out before decoding.
_CONTROL_BYTES = bytes({*range(1, 32), 127} - {9, 10, 13})
_CONTROL_TEXT = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff\ufffe\uffff]"
)
"""Characters that no cell of an upload keeps: controls, direction marks, zero-width and half surrogates. Line breaks stay."""
_ISO_2022 = re.compile(rb"\x1b[$(][@BJI]")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


class UploadText(NamedTuple):
    text: str
    encoding: str
    guesses: list[Remark]


def decode_upload(data: bytes, label: str) -> UploadText:
    """UTF-8 (BOM or not), UTF-16 with BOM, CP932; nothing else is tried.

    Raises FileFormatError "encoding-unknown", "text-truncated" (a cut inside a character) or "text-binary" (NUL).
    """
    guesses: list[Remark] = []
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and not data.startswith(b"\xff\xfe\x00\x00"):
        try:
            raw = data.decode("utf-16")
        except UnicodeDecodeError:
            raise _unknown(label) from None
        text, encoding = _CONTROL_TEXT.sub("", raw), "utf-16"
        removed = len(raw) - len(text)
    else:
        if _ISO_2022.search(data):
            raise _unknown(label)
        kept = data.translate(None, _CONTROL_BYTES)
        removed = len(data) - len(kept)
        if b"\x00" in kept:
            raise _binary(label)
        text, encoding = decode(kept, name=label)
    if "\x00" in text:
        raise _binary(label)
    if encoding == "cp932":
        if _looks_western(text):
            raise _unknown(label)
        guesses.append(Remark("encoding-guessed", "文字コードは CP932（Shift_JIS）として読みました。", "Read as CP932 (Shift_JIS)."))
    if removed:
        guesses.append(control_removed(removed))
    return UploadText(text, encoding, guesses)


def control_removed(count: int) -> Remark:
    return Remark(
        "control-removed", f"見えない制御文字を {count} 個取り除きました。", f"{count} invisible control characters were taken out."
    )


def _looks_western(text: str) -> bool:
    """Latin-1 that CP932 also takes: every "kanji" is an accented letter (lead byte E0 and up) that has swallowed the
    ASCII letter behind it, and half-width kana stand alone."""
    runs = _NOT_ASCII.findall(text)
    if not runs:
        return False

    def western(run: str) -> bool:
        raw = [c.encode("cp932", "replace") for c in run]
        kana = sum(len(c) == 1 for c in raw)
        return kana <= 1 and all(len(c) == 1 or (c[0] >= 0xE0 and c[1] < 0x80) for c in raw)

    return all(western(run) for run in runs)


def _unknown(label: str) -> FileFormatError:
    return FileFormatError(
        "encoding-unknown",
        f"「{label}」の文字コードが分かりません。UTF-8、CP932（Excel の CSV）、BOM 付き UTF-16 のいずれかで保存し直してください。",
        f"The text encoding of '{label}' is unknown; save it as UTF-8, CP932 (Excel's CSV) or UTF-16 with a BOM.",
    )


def _binary(label: str) -> FileFormatError:
    return FileFormatError(
        "text-binary",
        f"「{label}」に文字でないデータ（NUL）が含まれています。元のデータから作り直してください。",
        f"'{label}' holds bytes that are no text (NUL); export it again.",
    )
