"""The 47 prefectures as data: names, plane rectangular zone, official area and census total."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from coverage.errors import InputError, RegionError

PACKAGED = Path(__file__).with_name("prefectures.toml")


@dataclass(frozen=True, slots=True)
class Prefecture:
    """One row of ``prefectures.toml``. ``zone`` is I–XIX as 1–19; areas in km², people of the 2020 census."""

    code: str
    id: str
    name_ja: str
    name_en: str
    zone: int
    other_zones: tuple[int, ...] = ()
    area_km2: float | None = None
    census_2020: int | None = None
    fictional: bool = False
    designated_cities: tuple[str, ...] = ()
    """Five-digit codes of cities with wards: the boundaries have the wards' codes, some publishers the city's."""
    without_census: tuple[str, ...] = ()
    """Municipalities for which neither the census nor shelters nor all elevation tiles exist."""

    def city_code(self, code: str) -> str:
        """The city of a ward's code, any other code as it is (the wards of Tokyo are municipalities themselves).

        Wards follow their city's code: 14101–14118 belong to 14100, 14131–14137 to 14130 (JIS X 0402).
        """
        if code[2] != "1":
            return code
        return max((c for c in self.designated_cities if c <= code), default=code)

    @property
    def plane_epsg(self) -> int:
        """EPSG code of the zone in JGD2011: 6669 (I) to 6687 (XIX)."""
        return 6668 + self.zone


@cache
def prefectures(path: Path = PACKAGED) -> dict[str, Prefecture]:
    """All prefectures by two-digit code. Raises RegionError "prefectures-toml-broken"."""
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))["prefectures"]
        found = [Prefecture(**_hashable(row)) for row in rows]
        if any(not 1 <= p.zone <= 19 or not (p.code.isdigit() and len(p.code) == 2) for p in found):
            raise ValueError("zone or code")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as problem:
        raise RegionError(
            "prefectures-toml-broken",
            f"都道府県の表「{path.name}」を読めません（{problem}）。配布物を入れ直してください。",
            f"The table of prefectures '{path.name}' cannot be read ({problem}); install the product again.",
        ) from None
    return {p.code: p for p in found}


def _hashable(row: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}


def prefecture(code: str, path: Path = PACKAGED) -> Prefecture:
    """The prefecture of a two-digit code ("7" is taken as "07"). Raises InputError "prefecture-unknown"."""
    table = prefectures(path)
    found = table.get(code.strip().zfill(2)) if code.strip().isascii() else None
    if found is None:
        raise InputError(
            "prefecture-unknown",
            f"都道府県コード「{code[:20]}」はありません。01〜47 の2桁で指定してください（例 北海道 01）。",
            f"There is no prefecture '{code[:20]}'; give a code of two digits, 01 to 47.",
        )
    return found
