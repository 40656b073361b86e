"""A small OpenID provider on loopback, written for the tests: discovery, authorisation, token and key set.

It says of a login whatever a test tells it to say, honest or not.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID = "coverage-gap"
CLIENT_SECRET = "the client's secret, of the tests only"


class Provider:
    """One provider; ``say`` are the claims that replace those of an honest ID token, None leaves a claim out."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one"})
        self.signing: Any = self.key
        self.algorithm = "RS256"
        self.say: dict[str, Any] = {}
        self.asked: list[str] = []
        self.ends_sessions = True
        self.user = "keikaku"
        """Whoever comes with a real browser is this user, and is not asked."""
        self._codes: dict[str, tuple[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                """Tests print nothing of it."""

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/authorise":
                    self.send_response(302)
                    back = provider.log_in(f"{provider.issuer}{self.path}", provider.user)
                    self.send_header("Location", back)
                    self.end_headers()
                    return
                provider._answer(self, path, "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode("utf-8")
                provider._answer(self, urlsplit(self.path).path, body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def metadata_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def log_in(self, authorise_url: str, user: str) -> str:
        """What a browser is sent back to after ``user`` logged in at the address that it was sent to."""
        parts = urlsplit(authorise_url)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorise"
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self._codes)}"
        self._codes[code] = (user, asked["nonce"])
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def _answer(self, handler: BaseHTTPRequestHandler, path: str, body: str) -> None:
        self.asked.append(path)
        found: dict[str, Any] | None = None
        if path == "/.well-known/openid-configuration":
            found = {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorise",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
            if self.ends_sessions:
                found["end_session_endpoint"] = f"{self.issuer}/logout"
        elif path == "/logout":
            found = {"logged": "out"}
        elif path == "/keys":
            found = {"keys": [self.key.as_dict(private=False)]}
        elif path == "/token":
            found = self._token({name: values[0] for name, values in parse_qs(body).items()})
        text = json.dumps(found or {"error": "invalid_grant"}).encode("utf-8")
        handler.send_response(200 if found else 400)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _token(self, asked: dict[str, str]) -> dict[str, Any] | None:
        if asked.get("code") not in self._codes or "code_verifier" not in asked:
            return None
        user, nonce = self._codes.pop(asked["code"])
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": user,
            "aud": CLIENT_ID,
            "exp": now + 300,
            "iat": now,
            "nonce": nonce,
            "preferred_username": f"{user}-san",
            "email": f"{user}@example.lg.jp",
            **self.say,
        }
        stated = {name: value for name, value in claims.items() if value is not None}
        token = self._signed({"alg": self.algorithm, "kid": "one"}, stated)
        return {
            "access_token": "of no use here",
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": token,
        }

    def _signed(self, header: dict[str, str], claims: dict[str, Any]) -> str:
        if header["alg"] == "RS256":
            return jwt.encode(header, claims, self.signing)
        # What no library would make: the confusion of algorithms, and no signature at all.
        text = ".".join(_base64(json.dumps(part).encode("utf-8")) for part in (header, claims))
        if header["alg"] == "none":
            return f"{text}."
        public = self.key.as_pem(private=False)
        return f"{text}.{_base64(hmac.new(public, text.encode('ascii'), hashlib.sha256).digest())}"

    def sign_with_another_key(self) -> None:
        self.signing = RSAKey.generate_key(2048, {"kid": "one"})


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


@contextmanager
def provider() -> Iterator[Provider]:
    running = Provider()
    try:
        yield running
    finally:
        running.close()
