"""The start document of the pages and the error pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from coverage.web.documents import PAGES, error_page, shell
from coverage.web.routes import MIDDLEWARE


@pytest.fixture
def client() -> Iterator[TestClient]:
    # Behind the middleware, instead of Streamlit: something that answers every address.
    app = Starlette(
        routes=[Route("/{path:path}", lambda request: PlainTextResponse("streamlit"))], middleware=MIDDLEWARE
    )
    with TestClient(app, base_url="http://127.0.0.1:8501") as test_client:
        yield test_client


def test_the_shell_speaks_the_readers_language_and_has_no_inline_script() -> None:
    japanese, english = shell("ja"), shell("en")
    assert '<html lang="ja">' in japanese
    assert "<title>携帯電話不感地域 整備ナビ</title>" in japanese
    assert "JavaScript を有効にしてください" in japanese
    assert '<html lang="en">' in english
    assert "<script>" not in japanese
    assert '<script type="module"' in japanese
    assert '<div id="root"></div>' in japanese
    assert "<title>Streamlit</title>" not in japanese
    assert "agent" not in japanese


@pytest.mark.parametrize("name", PAGES)
def test_every_page_gets_the_shell(client: TestClient, name: str) -> None:
    assert '<html lang="ja">' in client.get(f"/{name}").text
    assert '<html lang="en">' in client.get(f"/{name}?lang=en").text
    assert '<html lang="ja">' in client.get(f"/{name}?lang=fr").text


@pytest.mark.parametrize(
    "path", ["/_stcore/health", "/static/js/x.js", "/favicon.png", "/media/abc", "/component/x/y.js"]
)
def test_streamlits_own_files_are_left_to_streamlit(client: TestClient, path: str) -> None:
    assert client.get(path).text == "streamlit"


def test_an_unknown_address_is_an_honest_404_in_japanese_and_english(client: TestClient) -> None:
    answer = client.get("/nowhere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert "このアドレスの画面はありません" in answer.text
    assert "There is no page at this address" in answer.text
    assert client.get("/nowhere", headers={"accept": "application/json"}).content == b""


def test_pages_in_the_code_are_pages_of_the_navigation() -> None:
    main = Path(__file__).resolve().parents[2] / "coverage" / "web" / "main.py"
    source = main.read_text(encoding="utf-8")
    for name in PAGES[1:]:
        assert f'"{name}"' in source


def test_no_folder_is_called_pages_beside_the_main_script() -> None:
    assert not (Path(__file__).resolve().parents[2] / "coverage" / "web" / "pages").exists()


def test_error_pages_escape_what_they_are_told() -> None:
    page = error_page(404, "page-not-found", ja="<b>x</b>", en="${y}")
    body = bytes(page.body).decode()
    assert "<b>x</b>" not in body
    assert "${y}" not in body
