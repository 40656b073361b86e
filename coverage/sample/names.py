"""Invented place names. Two halves are joined as in old place names; none is a municipality, none a town of a real prefecture."""

from __future__ import annotations

import numpy as np

# First halves: plants, birds, weather and tools, rare ones on purpose.
_FIRST = (
    "榧", "椋", "槻", "櫟", "梓", "樒", "楮", "枳", "蕗", "荻", "葦", "萱草", "藜", "桔梗", "蕨", "薊",
    "鶫", "鶉", "鵯", "鴎", "鷺", "鳶", "鵜", "鶲", "貂", "狢", "獺", "狐", "蛍", "蜻", "鯔", "鯵",
    "霞", "朧", "狭霧", "靄", "凪", "汐", "渚", "澪", "渦", "雫", "虹", "時雨", "木枯", "夕凪", "朝霧", "薄雲",
    "帆", "櫂", "錨", "網干", "釜", "鋤", "杵", "臼", "鈴", "鼓", "笙", "硯", "藁", "苫", "筧", "炭",
)  # fmt: skip
_SECOND = {
    "coast": ("浦", "浜", "崎", "江", "津", "磯", "泊", "澳", "地"),
    "plain": ("田", "野", "島", "条", "新田", "塚", "橋", "畑", "里"),
    "valley": ("谷", "瀬", "沢", "平", "原", "峠", "垣内", "滝", "尾", "窪", "畝"),
    "urban": ("町", "本町", "新町", "通", "元町"),
}


def place_names(kinds: list[str], chance: np.random.Generator) -> list[str]:
    """One name for each settlement of a kind ("coast", "plain", "valley", "urban"); no two alike."""
    free: dict[str, list[str]] = {}
    for kind, seconds in _SECOND.items():
        every = [first + second for second in seconds for first in _FIRST]
        order = chance.permutation(len(every))
        free[kind] = [every[int(i)] for i in order]
    taken: set[str] = set()
    names = []
    for kind in kinds:
        name = next(n for n in free[kind] if n not in taken)
        taken.add(name)
        free[kind].remove(name)
        names.append(name)
    return names
