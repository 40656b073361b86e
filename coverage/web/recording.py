"""What an editor on a page recorded: done, said with its number in the ledger, taken back by one button.

Streamlit draws a page anew after each click; what has to outlive that lies in the visitor's session, under the editor's
name.
"""

from __future__ import annotations

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, Protocol

import streamlit as st

from coverage.errors import CoverageGapError
from coverage.web import frame
from coverage.web.frame import View


class Numbered(Protocol):
    """The head of the ledger's chain."""

    @property
    def seq(self) -> int: ...


class Written(Protocol):
    """What a use case answers: the chain's head after it, and what it wrote (nothing: it held already)."""

    @property
    def head(self) -> Numbered: ...

    @property
    def events(self) -> Sized: ...


@dataclass(frozen=True)
class Recording:
    """The last thing that one editor recorded. ``editor`` begins the keys of its buttons and of its session."""

    editor: str

    @property
    def _said(self) -> str:
        return f"{self.editor}-said"

    @property
    def _wrong(self) -> str:
        return f"{self.editor}-wrong"

    @property
    def _back(self) -> str:
        return f"{self.editor}-undo"

    @property
    def _times(self) -> str:
        return f"{self.editor}-times"

    @property
    def times(self) -> int:
        """How often something was tried in this session; the editor stays open from the first time on."""
        return int(st.session_state.get(self._times, 0))

    def slot(self, name: str) -> str:
        """Key of a form that begins anew after each recording."""
        return f"{self.editor}-{name}-{self.times}"

    def outcome(self, view: View, undo: Callable[[Any], Written]) -> None:
        """The receipt of the last change with its undo, or why it was not made.

        ``undo`` gets what :meth:`record` was told to remember by its ``back``.
        """
        wrong = st.session_state.pop(self._wrong, None)
        if wrong:
            st.html(frame.notice(wrong, kind="grave"))
        said = st.session_state.get(self._said)
        if not said:
            return
        with st.container(horizontal=True, vertical_alignment="center", key=f"{self.editor}-receipt"):
            st.html(frame.notice(said, head=view.texts["books.receipt"], kind="plain"))
            back = st.session_state.get(self._back)
            if back and st.button(view.texts["books.undo"], key=f"{self.editor}-undo-button"):
                self.record(view, lambda: undo(back), "books.undone")

    def record(
        self,
        view: View,
        work: Callable[[], Written],
        words: str,
        *,
        back: Callable[[Any], Any] = lambda _: None,
        **values: object,
    ) -> None:
        """Do it and draw the page anew, which shows the receipt or why not.

        ``words`` is the sentence's name, filled with ``values`` and ``seq``; ``back`` says what an undo needs, None where
        there is none.
        """
        st.session_state.pop(self._said, None)
        st.session_state.pop(self._back, None)
        try:
            written = work()
            if len(written.events):
                st.session_state[self._said] = view.text(words, seq=written.head.seq, **values)
                st.session_state[self._back] = back(written)
            else:
                st.session_state[self._said] = view.texts["books.nothing_changed"]
        except CoverageGapError as error:
            st.session_state[self._wrong] = error.text(view.lang)
        st.session_state[self._times] = self.times + 1
        st.rerun()
