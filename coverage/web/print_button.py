"""A button that opens the browser's print dialogue: one click from the page to paper."""

from __future__ import annotations

from typing import Final

import streamlit as st

_SCRIPT: Final = """
export default function (component) {
  const button = component.parentElement.querySelector("button");
  button.textContent = component.data.label;
  button.onclick = () => window.print();
}
"""
_HTML: Final = '<button type="button"></button>'
_CSS: Final = """
button { min-height: 2.5rem; padding: 0.25rem 0.9rem; border: 1px solid #9fabb5; border-radius: 4px; background: #fff;
  color: #0b5a83; font: inherit; font-size: 0.95rem; cursor: pointer; }
button:hover { border-color: #0b5a83; background: #eef5f9; }
button:focus-visible { outline: 3px solid #0b5a83; outline-offset: 2px; }
@media print { button { display: none; } }
"""


def print_button(label: str, *, key: str) -> None:
    """``label``: the button's text."""
    component = st.components.v2.component("print_button", html=_HTML, css=_CSS, js=_SCRIPT)
    component(data={"label": label}, key=key)
