"""A planner's own places from a file: read by the same child process as uploads, and never stored."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coverage.errors import InputError
from coverage.services import imports
from coverage.services.access import Principal
from coverage.uploads.report import Remark

Places = tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class OwnPlaces:
    """``places``: (name, lat, lon) of the rows that can be used; ``left_out``: a sentence for every other one."""

    places: Places
    left_out: Sequence[Remark]


def places_of_file(content: bytes, *, name: str, principal: Principal) -> OwnPlaces:
    """Places of a list of sites in any format that uploads take (Excel, CSV, GeoJSON, GeoPackage, Shapefile, KML).

    Raises PermissionDeniedError, and InputError "plan-own-file" where no row can be used.
    """
    with tempfile.TemporaryDirectory(prefix="coverage-gap-plan-") as folder:
        path = Path(folder) / "places"
        path.write_bytes(content)
        report = imports.check_upload(path, kind="sites", principal=principal, client_name=name)
    places = tuple((str(r["name"] or r["site_id"]), float(r["lat"]), float(r["lon"])) for r in report.rows if r["lat"] is not None)
    if not places:
        first = report.errors[0] if report.errors else None
        ja, en = (first.ja, first.en) if first else ("位置のある行がありません。", "No row has a position.")
        raise InputError(
            "plan-own-file",
            f"候補地のファイル「{name}」に使える行がありません（{ja.rstrip('。')}）。局番・局名・緯度・経度の列を確かめてください。",
            f"No row of '{name}' can be used ({en.rstrip('.')}); check its columns for id, name, latitude and longitude.",
        )
    # The same mast on two bands is one place.
    return OwnPlaces(tuple(dict.fromkeys(places)), tuple(report.errors))
