"""Words of the pages: ``i18n/ja.toml`` and ``en.toml``, read once. A page says nothing that is not in there."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from coverage.report.wording import Texts, language, load_texts

I18N: Final = Path(__file__).resolve().parent / "i18n"


def web_texts(lang: str | None) -> Texts:
    """The sentences of ``lang``, Japanese where the product does not speak it."""
    return load_texts(I18N, language(lang))
