"""Words on screen and paper, from one TOML file per language.

A file is nested tables of sentences; ``texts["map.legend.title"]`` names one by its path. Placeholders are those of
``str.format``. A missing name raises KeyError at once: a page with a hole in it is a defect, not a fallback.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

LANGUAGES: Final = ("ja", "en")
DEFAULT_LANGUAGE: Final = "ja"

_REPORT_TEXTS = Path(__file__).resolve().parent / "texts"


class Texts(Mapping[str, str]):
    """All sentences of one language, by dotted name."""

    def __init__(self, lang: str, sentences: Mapping[str, str]) -> None:
        self.lang = lang
        self._sentences = dict(sentences)

    def __getitem__(self, name: str) -> str:
        return self._sentences[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sentences)

    def __len__(self) -> int:
        return len(self._sentences)

    def __call__(self, name: str, /, **values: object) -> str:
        """The sentence with its placeholders filled."""
        return self._sentences[name].format(**values) if values else self._sentences[name]

    def below(self, prefix: str) -> dict[str, str]:
        """Sentences below ``prefix``, by the rest of their name; for handing to a page's script."""
        start = prefix + "."
        return {name[len(start) :]: text for name, text in self._sentences.items() if name.startswith(start)}


def layer_name(
    texts: Texts, layer: str, *, table: str = "layer_name", operators: Iterable[Mapping[str, Any]] = ()
) -> str:
    """A layer in words. ``layer``: its name in run.json, where "antennas:panel" is the layer "antennas" of "panel", and
    "published_coverage:m2:2019-03-31" an edition of the areas of "m2". ``operators``: those of run.json, for their names.
    """
    kind, *owner = layer.split(":")
    name = texts.get(f"{table}.{kind}", kind)
    names = {str(o["id"]): str(o[f"name_{texts.lang}"]) for o in operators}
    told = " ".join(names.get(part, part) for part in owner)
    return f"{name}（{told}）" if told else name


def layer_edition(texts: Texts, layer: Mapping[str, Any]) -> str:
    """The edition of a layer of run.json; the ledger's own is the number of its last audit row, and says so."""
    edition = str(layer["edition"])
    return texts("report.from_ledger", seq=edition) if layer.get("format") == "store" else edition


def language(wanted: str | None) -> str:
    """``wanted`` if the product speaks it, else Japanese."""
    return wanted if wanted in LANGUAGES else DEFAULT_LANGUAGE


@lru_cache
def load_texts(folder: Path, lang: str) -> Texts:
    """The sentences of ``folder/<lang>.toml`` and of ``folder/<lang>/*.toml``: what all pages say, and each its own.

    ValueError where two files give a sentence of the same name.
    """
    sentences: dict[str, str] = {}
    for path in (folder / f"{lang}.toml", *sorted((folder / lang).glob("*.toml"))):
        with path.open("rb") as file:
            more = dict(_flat(tomllib.load(file), ""))
        if twice := sentences.keys() & more.keys():
            raise ValueError(f"{path.name} says again: {', '.join(sorted(twice))}")
        sentences |= more
    return Texts(lang, sentences)


def report_texts(lang: str) -> Texts:
    """Words of the map page and the printed reports."""
    return load_texts(_REPORT_TEXTS, language(lang))


def _flat(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
