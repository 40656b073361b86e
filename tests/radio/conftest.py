"""Reference cases of ITU-R P.1812 for the tests: the synthetic set kept here, the ITU-R set read in place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coverage.radio.p1812 import P1812Result, basic_transmission_loss
from coverage.radio.path_geometry import Profile, path_centre_latitude_deg

SYNTHETIC = Path(__file__).resolve().parent.parent / "data" / "p1812_synthetic"
_POLARISATION = {1: "horizontal", 2: "vertical"}


@dataclass(frozen=True)
class Case:
    """One path, its parameters as ``basic_transmission_loss`` takes them, and what an independent program found."""

    name: str
    profile: Profile
    parameters: dict[str, Any]
    expected_db: float
    log: dict[str, float]
    expected_field_dbuvm: float | None = None

    def result(self) -> P1812Result:
        return basic_transmission_loss(self.profile, **self.parameters)


@pytest.fixture(scope="session")
def synthetic_cases() -> list[Case]:
    """The 300 synthetic paths."""
    cases = []
    with gzip.open(SYNTHETIC / "profiles.jsonl.gz", "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            d = np.arange(row["n"] + 1) * (row["D_km"] / row["n"])
            profile = Profile(
                d,
                row["h"],
                clutter_m=None if row["R"] == 0 else row["R"],
                zone=[int(digit) for digit in row["zone"]],
            )
            parameters = {
                "frequency_ghz": row["f"],
                "time_percent": row["p"],
                "tx_height_m": row["htg"],
                "rx_height_m": row["hrg"],
                "latitude_deg": path_centre_latitude_deg(
                    row["phi_t"], row["lam_t"], row["phi_r"], row["lam_r"], float(d[-1])
                ),
                "polarisation": _POLARISATION[row["pol"]],
                "delta_n": row["DN"],
                "n0": row["N0"],
                "d_ct_km": row["dct"],
                "d_cr_km": row["dcr"],
            }
            cases.append(Case(f"synthetic {number}", profile, parameters, row["Lb"], {}))
    return cases


@pytest.fixture(scope="session")
def itu_cases(shared_dir: Path) -> list[Case]:
    """The ITU-R Study Group 3 profiles, with every intermediate value of their logs; never copied here."""
    return list(_read_itu_cases(shared_dir / "validation" / "p1812_itu"))


def _read_itu_cases(folder: Path) -> Iterator[Case]:
    for path in sorted(p for p in folder.glob("*.csv") if not p.stem.endswith("_log")):
        header, points, rows = _sections(path)
        d, h, clutter, zone = (np.array([float(p[i]) for p in points]) for i in (0, 1, 3, 4))
        profile = Profile(d, h, clutter_m=clutter, zone=zone.astype(int))
        latitude = path_centre_latitude_deg(
            *(float(header[key]) for key in ("Tx LAT", "Tx LON", "Rx LAT", "Rx LON")), profile.length_km
        )
        (delta_n,) = (float(v) for k, v in header.items() if "values dN" in k)
        (n0,) = (float(v) for k, v in header.items() if "refractivity No" in k)
        for number, row in enumerate(rows):
            parameters = {
                "frequency_ghz": float(row[0]) / 1000.0,
                "time_percent": float(row[14]),
                "tx_height_m": float(row[1]),
                "rx_height_m": float(row[3]),
                "latitude_deg": latitude,
                "polarisation": _POLARISATION[int(row[4])],
                "delta_n": delta_n,
                "n0": n0,
                "d_ct_km": 500.0,
                "d_cr_km": 500.0,
            }
            log = _log(path.with_name(f"{path.stem}_{number}_log.csv"))
            yield Case(f"{path.stem} {number}", profile, parameters, float(row[17]), log, float(row[16]))


def _sections(path: Path) -> tuple[dict[str, str], list[list[str]], list[list[str]]]:
    header: dict[str, str] = {}
    points: list[list[str]] = []
    cases: list[list[str]] = []
    target: list[list[str]] | None = None
    for line in path.read_text(encoding="latin-1").splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if cells[0].startswith("{"):
            target = {"{Begin of Profile}": points, "{Begin of Measurements}": cases}.get(cells[0])
        elif target is None or cells[0].startswith("Number of Points"):
            if len(cells) > 1:
                header[cells[0].rstrip(":")] = cells[1]
        else:
            target.append(cells)
    return header, points, cases


def _log(path: Path) -> dict[str, float]:
    """Values by "name|equation"; a repeated name (h_st before and after limiting) keeps its equation apart."""
    values = {}
    for line in path.read_text(encoding="latin-1").splitlines()[1:]:
        cells = line.split(",")
        if len(cells) > 3 and cells[3]:
            values[f"{cells[0].strip()}|{cells[1].strip()}"] = float(cells[3])
    return values
