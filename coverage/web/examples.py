"""Examples of fetching the files, as the page データ・API shows them. A test runs exactly these texts.

Each is one complete snippet for one program. Addresses and tokens are quoted for the shell or language in question; a
token stands in the environment, never on a command line that others can read in a process list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

TOKEN_VARIABLE: Final = "GAP_READ_TOKEN"
"""Where the examples look for a read token."""
LANGUAGES: Final = {
    "curl": "shell",
    "sums": "shell",
    "python": "python",
    "geopandas": "python",
    "powershell": "powershell",
}
"""Language of each snippet, for colouring."""
PROGRAMS: Final = {
    "curl": "curl", "python": "Python", "geopandas": "geopandas", "powershell": "PowerShell", "qgis": "QGIS",
}  # fmt: skip
"""Names of the programs, the same in every language."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the examples fetch. ``server``: scheme and host, with a port where there is one, no slash at the end."""

    server: str
    path: str
    """An address below the server, such as ``/api/v1/municipalities/24201.geojson``."""
    fiscal_year: int | None = None
    plans: bool = False
    """With the sites not yet in service, which needs a token."""

    @property
    def name(self) -> str:
        """A plain name for the saved file."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def url(self) -> str:
        """The whole address. ValueError for a server that is none: it would end up inside a program text."""
        parts = urlsplit(self.server)
        host = parts.netloc.replace("[", "").replace("]", "")
        if parts.scheme not in {"http", "https"} or not host or not set(host) <= _HOST or parts.path:
            raise ValueError(self.server)
        asked = {
            **({"fy": str(self.fiscal_year)} if self.fiscal_year is not None else {}),
            **({"plans": "1"} if self.plans else {}),
        }
        return self.server + quote(self.path, safe="/.-") + (f"?{urlencode(asked)}" if asked else "")


_HOST: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-_")


def curl(wanted: Wanted) -> str:
    """Save the file; with a token, from a header file on standard input so that it is in no process list."""
    if not wanted.plans:
        return f"curl --fail --output '{wanted.name}' '{wanted.url}'\n"
    return (
        f"printf 'Authorization: Bearer %s\\n' \"${TOKEN_VARIABLE}\" |\n"
        f"  curl --fail --header @- --output '{wanted.name}' '{wanted.url}'\n"
    )


def sums(wanted: Wanted) -> str:
    """Fetch a file under its name in SHA256SUMS, and check it."""
    inside = wanted.path.removeprefix("/api/v1/")
    plain = Wanted(wanted.server, wanted.path, wanted.fiscal_year)
    listed = Wanted(wanted.server, "/api/v1/SHA256SUMS", wanted.fiscal_year)
    return (
        f"curl --fail --create-dirs --output '{inside}' '{plain.url}'\n"
        f"curl --fail --output SHA256SUMS '{listed.url}'\n"
        "sha256sum --check --ignore-missing SHA256SUMS\n"
    )


def python(wanted: Wanted) -> str:
    """Only what Python brings itself."""
    lines = ["import json", "import os", "import urllib.request", ""]
    if not wanted.plans:
        lines.remove("import os")
    lines.append(f'request = urllib.request.Request("{wanted.url}")')
    if wanted.plans:
        lines.append(f'request.add_header("Authorization", "Bearer " + os.environ["{TOKEN_VARIABLE}"])')
    lines += [
        "with urllib.request.urlopen(request, timeout=60) as answer:",
        "    document = json.load(answer)",
        "",
        'print(document["fiscal_year"], document["run_id"])',
        'for feature in document["features"]:',
        '    properties = feature["properties"]',
        '    print(properties["kind"], properties.get("name") or properties.get("area_id"))',
    ]
    return "\n".join(lines) + "\n"


def geopandas(wanted: Wanted) -> str:
    """With geopandas, through GDAL as QGIS does."""
    lines = ["import geopandas as gpd"]
    if wanted.plans:
        lines = ["import os", "", "import geopandas as gpd", "import pyogrio", ""]
        lines.append(
            'pyogrio.set_gdal_config_options({"GDAL_HTTP_HEADERS": "Authorization: Bearer " + '
            f'os.environ["{TOKEN_VARIABLE}"]}})'
        )
    else:
        lines.append("")
    lines += [
        f'places = gpd.read_file("/vsicurl/{wanted.url}", engine="pyogrio")',
        'print(places.groupby("kind").size())',
        'areas = places[places["kind"] == "no_signal_area"].to_crs("EPSG:6674")',
        "print(round(areas.area.sum() / 1_000_000, 2))",
    ]
    return "\n".join(lines) + "\n"


def powershell(wanted: Wanted) -> str:
    """Windows PowerShell 5.1 and later."""
    if not wanted.plans:
        return f"Invoke-WebRequest -UseBasicParsing -Uri '{wanted.url}' -OutFile '{wanted.name}'\n"
    return (
        f'$headers = @{{ Authorization = "Bearer $env:{TOKEN_VARIABLE}" }}\n'
        f"Invoke-WebRequest -UseBasicParsing -Uri '{wanted.url}' -Headers $headers -OutFile '{wanted.name}'\n"
    )


def qgis_source(wanted: Wanted) -> str:
    """What goes into QGIS's field for the address (source type: protocol HTTP(S))."""
    return wanted.url


def qgis_setting() -> tuple[str, str]:
    """The environment variable of QGIS (Settings → Options → System → Environment) that carries a token: name, value."""
    return "GDAL_HTTP_HEADERS", "Authorization: Bearer <token>"


SNIPPETS: Final = {
    "curl": curl,
    "sums": sums,
    "python": python,
    "geopandas": geopandas,
    "powershell": powershell,
}
