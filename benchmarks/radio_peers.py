"""The Python peers, each as one process, in the environment of requirements/peers.txt (no import of this product).

pycraf: ITU-R P.452 over a square map with its fast method, which shares profiles between pixels. itmlogic: ITM
(Longley–Rice) point to point, one path after the other, with profiles at 30 m read by this script.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np


def pycraf_map(folder: str, size_deg: float, resolution_arcsec: float) -> int:
    """Pixels of a square P.452 map."""
    from astropy import units as u
    from pycraf import pathprof

    with pathprof.SrtmConf.set(srtm_dir=folder, download="never"):
        profiles = pathprof.height_map_data(
            136.5 * u.deg,
            34.5 * u.deg,
            size_deg * u.deg,
            size_deg * u.deg,
            map_resolution=resolution_arcsec * u.arcsec,
        )
        losses = pathprof.atten_map_fast(
            0.8 * u.GHz,
            288.0 * u.K,
            1013.0 * u.hPa,
            30.0 * u.m,
            1.5 * u.m,
            50.0 * u.percent,
            profiles,
            polarization=1,
        )
    return int(losses["L_b"].size)


def itmlogic_paths(folder: str, radius_km: float, count: int) -> int:
    """Median ITM loss of ``count`` random pixels of a disc; the number of paths computed."""
    from itmlogic.preparatory_subroutines.qlrpfl import qlrpfl
    from itmlogic.preparatory_subroutines.qlrps import qlrps
    from itmlogic.statistics.avar import avar

    heights = np.fromfile(f"{folder}/N34E136.hgt", dtype=">i2").reshape(3601, 3601)
    rng = np.random.default_rng(3)
    for _ in range(count):
        length_m = 1000.0 * radius_km * float(np.sqrt(rng.random()))
        azimuth = 2.0 * np.pi * rng.random()
        intervals = max(3, int(length_m / 30.0))
        along = np.linspace(0.0, 1.0, intervals + 1) * length_m / 111_195.0 * 3600.0
        row = np.rint(1800.0 - along * np.cos(azimuth)).astype(int)
        col = np.rint(1800.0 + along * np.sin(azimuth) / np.cos(np.radians(34.5))).astype(int)
        profile = heights[row, col].astype(float).tolist()
        mean = sum(profile[3:-3]) / max(1, len(profile[3:-3]))
        prop = {
            "eps": 15.0, "sgm": 0.005, "klim": 5, "ens0": 301.0, "lvar": 5, "gma": 157e-9, "ipol": 1, "fmhz": 800.0,
            "hg": [30.0, 1.5], "mdvar": 12, "mdvarx": 11, "klimx": 0, "kwx": 0, "d": length_m / 1000.0,
            "pfl": [intervals, length_m / intervals, *profile],
        }  # fmt: skip
        prop["wn"], prop["gme"], prop["ens"], prop["zgnd"] = qlrps(800.0, mean, 301.0, 1, 15.0, 0.005)
        prop = qlrpfl(prop)
        avar(0.0, 0.0, 0.0, prop)
    return count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["pycraf", "itmlogic"])
    parser.add_argument("folder")
    parser.add_argument("--radius-km", type=float, default=20.0)
    parser.add_argument("--resolution-arcsec", type=float, default=3.0)
    parser.add_argument("--paths", type=int, default=60)
    arguments = parser.parse_args()
    if arguments.peer == "pycraf":
        pixels = pycraf_map(
            arguments.folder, 2.0 * arguments.radius_km / 111.195, arguments.resolution_arcsec
        )
    else:
        pixels = itmlogic_paths(arguments.folder, arguments.radius_km, arguments.paths)
    sys.stdout.write("\n" + json.dumps({"pixels": pixels}) + "\n")


if __name__ == "__main__":
    main()
