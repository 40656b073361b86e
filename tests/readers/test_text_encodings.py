"""Text as offices keep it: which encodings are read, and that nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from coverage.errors import FileFormatError, InputError
from coverage.readers.text import decode, parse_table, read_table, read_text

HEADER = "市町村名,局名,高さ\n"
ROW = "北牟婁郡紀北町,①㈱髙橋ビル,２０\n"


@pytest.mark.parametrize(
    ("encoding", "reported"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("cp932", "cp932"), ("utf-16", "utf-16")],
)
def test_each_encoding_of_an_office_gives_the_same_text(encoding: str, reported: str) -> None:
    decoded = decode((HEADER + ROW).encode(encoding), name="局.csv")
    assert decoded.text == HEADER + ROW
    assert decoded.encoding == reported


def test_extension_characters_of_cp932_survive() -> None:
    # strict shift_jis lacks them; a reader that tries it fails on ordinary office text
    with pytest.raises(UnicodeEncodeError):
        "①㈱髙".encode("shift_jis")
    assert decode("①㈱髙".encode("cp932"), name="x").text == "①㈱髙"


@pytest.mark.parametrize(
    "data",
    [
        "café".encode("latin-1"),  # would be mojibake under Latin-1 and is refused instead
        "三重県津市".encode("euc_jp"),  # rows of half-width katakana under CP932
        "津".encode("utf-32"),
        b"\x00\x01\x02binary",
        b"\xff\xfe\x00",  # UTF-16 cut inside a character
    ],
)
def test_other_encodings_and_binary_files_are_refused(data: bytes) -> None:
    with pytest.raises(FileFormatError) as caught:
        decode(data, name="局.csv")
    assert caught.value.code == "encoding-unknown"
    assert "局.csv" in caught.value.ja
    assert "局.csv" in caught.value.en


def test_utf8_cut_inside_a_character_is_not_taken_for_cp932() -> None:
    data = "津市".encode()[:-1]
    assert data.decode("cp932")  # it would decode, as mojibake
    with pytest.raises(FileFormatError) as caught:
        decode(data, name="局.csv")
    assert caught.value.code == "text-truncated"


def test_half_width_kana_alone_is_still_cp932() -> None:
    assert decode("ｷﾎｸﾁｮｳ 紀北町 ﾂｼ 津市".encode("cp932"), name="x").text == "ｷﾎｸﾁｮｳ 紀北町 ﾂｼ 津市"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_text(tmp_path / "sites.csv")
    assert caught.value.code == "file-missing"
    assert "sites.csv" in caught.value.ja


def test_line_breaks_inside_a_cell_do_not_move_the_row_number(tmp_path: Path) -> None:
    path = tmp_path / "shelters.csv"
    path.write_bytes('name,remarks\n会館,"洪水時は２階\n高潮時も"\n学校,\n'.encode())
    table = read_table(path)
    assert [(row.number, row.cells["name"]) for row in table.rows] == [(2, "会館"), (3, "学校")]
    assert table.rows[0].cells["remarks"] == "洪水時は２階\n高潮時も"


def test_full_width_headers_and_blanks_are_plain() -> None:
    table = parse_table("ｓｉｔｅ＿ｉｄ, lat \nS1, 34.5 \n".encode(), name="x.csv")
    assert table.columns == ("site_id", "lat")
    assert table.rows[0].cells == {"site_id": "S1", "lat": "34.5"}


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "table-empty", "x.csv"),
        ("\n\n", "table-empty", "x.csv"),
        ("a,b,a\n1,2,3\n", "column-twice", "a"),
        ("a,,c\n1,2,3\n", "column-unnamed", "2"),
        ("a,b\n1,2\n3\n", "row-length", "3"),
        ("a,b\n1,2,3\n", "row-length", "2"),
        ('a,b\n1,"2\n', "csv-broken", "2"),
    ],
)
def test_a_broken_table_says_where(text: str, code: str, says: str) -> None:
    with pytest.raises(FileFormatError) as caught:
        parse_table(text.encode(), name="x.csv")
    assert caught.value.code == code
    assert says in caught.value.ja
    assert says in caught.value.en


def test_a_missing_column_is_named_beside_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,latitude\n1,34\n")
    with pytest.raises(FileFormatError) as caught:
        read_table(path, require=("id", "lat"))
    assert caught.value.code == "column-missing"
    assert "lat" in caught.value.en
    assert "latitude" in caught.value.en


def test_a_folder_in_place_of_a_file_is_said_to_be_unreadable(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_text(tmp_path)
    assert caught.value.code == "file-unreadable"
    assert tmp_path.name in caught.value.ja
