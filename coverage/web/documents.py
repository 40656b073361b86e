"""HTML that is not Streamlit's to say: the shell of every page in the reader's language, and the error pages.

Streamlit serves one English shell for any address and shows "page not found" as a dialogue over the first page. Here
the known pages get a shell with the right ``lang`` and title, and an unknown address is an honest 404 in Japanese and
English.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, QueryParams
from starlette.responses import HTMLResponse, Response

from coverage.report.escape import esc
from coverage.report.wording import language
from coverage.web.wording import web_texts

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PAGES: Final = ("", "map", "progress", "indicators", "data", "challenges", "upload", "approvals", "planning", "manage", "tour")
"""Addresses of the pages below the root; the first is the root itself."""

_RESERVED: Final = ("/_stcore", "/static", "/media", "/component", "/api", "/map/", "/map-data/", "/healthz", "/app/")
_STYLE: Final = (
    'body{margin:0;background:#f4f6f8;color:#1d2a35;font:16px/1.8 "Noto Sans JP","Noto Sans CJK JP","Yu Gothic UI",'
    "Meiryo,sans-serif}main{max-width:640px;margin:12vh auto;padding:32px 40px;background:#fff;border-top:4px solid "
    "#0b5a83}h1{margin:0 0 8px;font-size:22px}p{margin:8px 0}.en{color:#5a6772;font-size:14px}a{color:#0b5a83}"
)


class Documents:
    """Middleware that answers page addresses with our shell and unknown addresses with a 404 page."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"} or path.startswith(_RESERVED):
            await self.app(scope, receive, send)
            return
        name = path.strip("/")
        if name in PAGES:
            lang = language(QueryParams(scope["query_string"]).get("lang"))
            response: Response = HTMLResponse(shell(lang), headers={"Cache-Control": "no-cache"})
        elif "." in name.rsplit("/", 1)[-1] and "/" not in name:
            # favicon.png, manifest.json and other files of Streamlit's own at the root.
            await self.app(scope, receive, send)
            return
        elif "text/html" in Headers(scope=scope).get("accept", ""):
            response = error_page(404, "page-not-found")
        else:
            response = Response(status_code=404)
        await response(scope, receive, send)


@lru_cache
def shell(lang: str) -> str:
    """Streamlit's own start document with our language, title, icon and notice, and without its inline script."""
    import streamlit

    texts = web_texts(lang)
    html = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    html = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    html = html.replace('<html lang="en">', f'<html lang="{lang}">', 1)
    html = re.sub(r"<title>.*?</title>", f"<title>{esc(texts['app.title'])}</title>", html, count=1)
    # Only a crawler would read the flag that this script sets, and without it the policy needs no inline script.
    html = re.sub(r"<script>\s*window\.prerenderReady = false\s*</script>", "", html, count=1)
    html = re.sub(r'<link rel="service-desc"[^>]*>', "", html, count=1)
    html = re.sub(
        r"<noscript>.*?</noscript>",
        f"<noscript><p>{esc(texts['app.needs_script'])}</p></noscript>",
        html,
        flags=re.DOTALL,
    )
    return re.sub(r"\n\s*\n+", "\n", html).lstrip()


def error_page(
    status: int, code: str, *, ja: str | None = None, en: str | None = None, title: str | None = None
) -> HTMLResponse:
    """A page that says what is wrong and leads back. ``ja``/``en`` default to the sentences of ``code``."""
    japanese, english = web_texts("ja"), web_texts("en")
    heading = esc(title or japanese["error.title"])
    return HTMLResponse(
        "<!DOCTYPE html>\n"
        f'<html lang="ja"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{heading}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{heading}</h1><p>{esc(ja or japanese['error.' + code])}</p>"
        f'<p class="en" lang="en">{esc(en or english["error." + code])}</p>'
        f'<p><a href="/">{esc(japanese["error.back"])}</a></p></main></body></html>\n',
        status_code=status,
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
        },
    )
