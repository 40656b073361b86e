"""KSJ 将来推計人口メッシュ: one feature per cell and municipality, projected population by year.

The 2024 edition (R6) has MESH_ID, SHICODE and PTN_yyyy; the 2017 edition (H29) has MESH_ID, CITY_CODE and POPyyyy. The
same cell appears once per municipality that it lies in; the cell's population is the sum. Values are fractions of
persons and stay so: rounding cells before adding them would lose people.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from coverage.domain.municipality_code import is_valid, present_code
from coverage.domain.population import PopulationMesh
from coverage.errors import FileFormatError, RegionError
from coverage.readers.features import FeatureTable
from coverage.readers.mesh_codes import BadMeshCodeError, parse_mesh_codes
from coverage.readers.vector import read_features

_CODE_COLUMNS = ("SHICODE", "CITY_CODE")
_YEAR_COLUMN = re.compile(r"^(?:PTN_|POP)(\d{4})$")


def read_ksj_mesh(
    paths: Sequence[Path],
    *,
    year: int | None,
    prefecture_code: str | None = None,
    mergers: Mapping[str, str] | None = None,
    member: str | None = None,
    encoding: str | None = None,
) -> PopulationMesh:
    """Projected residents of ``year``, one row per cell and municipality, marked 推計; households unknown.

    ``mergers`` maps old municipality codes to present ones, ``prefecture_code`` keeps that prefecture. Raises
    RegionError "ksj-year" (no or an unknown year), FileFormatError "column-missing", "ksj-value", "ksj-cell-twice",
    mesh code errors, "ksj-empty", and what the vector formats raise.
    """
    people: dict[tuple[int, str], float] = {}
    seen: set[tuple[int, str]] = set()
    digits = 0
    for path in paths:
        table = read_features(path, member=member, encoding=encoding)
        code_column = next((c for c in _CODE_COLUMNS if c in table.columns), _CODE_COLUMNS[0])
        table.require("MESH_ID", code_column)
        value_column = _value_column(table, year)
        try:
            cells = parse_mesh_codes([f.text("MESH_ID") for f in table.features], one_level=digits)
        except BadMeshCodeError as bad:
            number = table.features[bad.position].number
            raise FileFormatError(
                bad.problem.code,
                f"「{table.name}」の {number} 番目の MESH_ID: {bad.problem.ja}",
                f"MESH_ID of feature {number} of '{table.name}': {bad.problem.en}",
            ) from None
        digits = len(str(int(cells[0])))
        for feature, cell in zip(table.features, cells.tolist(), strict=True):
            own = feature.text(code_column).zfill(5)
            value = _number(feature.text(value_column))
            if not is_valid(own) or value is None:
                raise FileFormatError(
                    "ksj-value",
                    f"「{table.name}」の {feature.number} 番目の地物（メッシュ {cell}）の {code_column} または "
                    f"{value_column} の値が読めません。入手元から取り直してください。",
                    f"Feature {feature.number} (cell {cell}) of '{table.name}' has an unreadable {code_column} or "
                    f"{value_column}; get the file again.",
                )
            if (cell, own) in seen:
                raise FileFormatError(
                    "ksj-cell-twice",
                    f"「{table.name}」のメッシュ {cell}・市区町村 {own} が二度出ています。同じファイルを二度指定していないかを"
                    "確かめてください。",
                    f"The cell {cell} of municipality {own} occurs twice ('{table.name}'); check that no file is "
                    "given twice.",
                )
            seen.add((cell, own))
            if prefecture_code is not None and not own.startswith(prefecture_code):
                continue
            key = (cell, present_code(own, mergers or {}))
            people[key] = people.get(key, 0.0) + value
    if not people:
        raise FileFormatError(
            "ksj-empty",
            f"「{'、'.join(p.name for p in paths)}」に都道府県コード {prefecture_code or ''} のメッシュがありません。",
            f"'{', '.join(p.name for p in paths)}' has no cell of prefecture {prefecture_code or ''}; "
            "check the file.",
        )
    order = sorted(people)
    return PopulationMesh(
        mesh_code=np.array([cell for cell, _ in order], dtype=np.int64),
        municipality_code=np.array([code for _, code in order], dtype="<U5"),
        population=np.array([people[key] for key in order]),
        households=np.full(len(order), np.nan),
        estimated=True,
        census_year=year,
    )


def _value_column(table: FeatureTable, year: int | None) -> str:
    years = {int(m[1]): c for c in table.columns if (m := _YEAR_COLUMN.match(c))}
    if year in years:
        return years[year]
    known = "、".join(str(y) for y in sorted(years)) or "なし"
    raise RegionError(
        "ksj-year",
        f"「{table.name}」にある年は {known} です。layers.population.options の year に、その中の一つを書いてください"
        f"（指定値 {year}）。",
        f"'{table.name}' has the years {', '.join(str(y) for y in sorted(years)) or 'none'}; set the option 'year' of "
        f"layers.population to one of them (given {year}).",
    )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) and value >= 0 else None
