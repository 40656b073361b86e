"""Checks on what a planning instance is made of: one clear sentence for each thing that cannot be meant."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from coverage.errors import InputError

IntArray = NDArray[np.int64]

WEIGHT_LIMIT = 2**53
"""Largest total of the scaled weights (and of the costs): every sum stays exact in float64 as well."""
DEFAULT_WEIGHT_SCALE = 1000
"""Used for weights that are not all whole numbers: thousandths of a person."""


def refuse(code: str, ja: str, en: str) -> InputError:
    return InputError(code, ja, en)


def scaled_weights(values: Any, weight_scale: int | None, name: str) -> tuple[IntArray, int]:
    """Whole numbers from weights of any number type: (int64 (m,), scale used).

    Without ``weight_scale`` whole numbers keep scale 1 and anything else takes :data:`DEFAULT_WEIGHT_SCALE`. Half is
    rounded to even. Raises InputError for NaN, infinity, negative weights and totals beyond 2**53.
    """
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuf":
        raise refuse(
            "plan-weights-not-numbers",
            f"重み「{name}」は需要点ごとに1つの数値でなければなりません。",
            f"The weights '{name}' must be one number per demand point.",
        )
    if array.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(array))
        if bad.size:
            raise refuse(
                "plan-weight-nan",
                f"重み「{name}」の{int(bad[0])}行目（0起点）が数値ではありません（NaN または無限大）。",
                f"Weight '{name}' of demand row {int(bad[0])} (from 0) is NaN or infinite; give a number there.",
            )
    negative = np.flatnonzero(array < 0)
    if negative.size:
        raise refuse(
            "plan-weight-negative",
            f"重み「{name}」の{int(negative[0])}行目（0起点）が負です。0以上にしてください。",
            f"Weight '{name}' of demand row {int(negative[0])} (from 0) is negative; weights are 0 or more.",
        )
    if weight_scale is None:
        whole = array.dtype.kind in "iu" or bool(np.all(array == np.rint(array)))
        weight_scale = 1 if whole else DEFAULT_WEIGHT_SCALE
    if weight_scale < 1:
        raise refuse(
            "plan-weight-scale",
            "weight_scale は1以上の整数にしてください。",
            "weight_scale must be a whole number of at least 1.",
        )
    if float(array.sum(dtype=np.float64)) * weight_scale >= WEIGHT_LIMIT:
        raise refuse(
            "plan-weights-too-large",
            f"重み「{name}」の合計が大きすぎます（2の53乗以上）。単位を大きくしてください。",
            f"The weights '{name}' add up to 2**53 or more; use a coarser unit.",
        )
    if array.dtype.kind == "f":
        return np.rint(array * weight_scale).astype(np.int64), weight_scale
    return array.astype(np.int64) * weight_scale, weight_scale


def whole(value: Any, name: str) -> int:
    """A whole number ≥ 0 from whatever a file or a caller gave."""
    number = value.item() if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int):
        raise refuse(
            "plan-not-whole",
            f"{name} は整数にしてください（値: {number}）。",
            f"{name} must be a whole number (got {number}).",
        )
    if number < 0:
        raise refuse(
            f"plan-{name.replace('_', '-')}-negative",
            f"{name} が負です（{number}）。0以上にしてください。",
            f"{name} is negative ({number}); it must be 0 or more.",
        )
    if number >= WEIGHT_LIMIT:
        raise refuse(
            "plan-number-too-large",
            f"{name} が大きすぎます（2の53乗以上）。",
            f"{name} is 2**53 or more; that is too large.",
        )
    return number


def checked_costs(costs: Any, n: int) -> IntArray:
    if costs is None:
        return np.ones(n, dtype=np.int64)
    array = np.asarray(costs)
    if array.ndim != 1 or len(array) != n or array.dtype.kind not in "iuf":
        raise refuse(
            "plan-costs-shape",
            f"費用は候補地ごとに1つの数値にしてください（候補地 {n} 件）。",
            f"Costs must be one number for each of the {n} candidate sites.",
        )
    bad = np.flatnonzero(~np.isfinite(array) | (array < 0) | (array != np.rint(array)) | (array >= WEIGHT_LIMIT))
    if bad.size:
        raise refuse(
            "plan-cost-bad",
            f"候補地 {int(bad[0])}（0起点）の費用が0以上の整数円ではありません。",
            f"The cost of candidate {int(bad[0])} (from 0) is not a whole number of yen of 0 or more.",
        )
    if float(array.sum(dtype=np.float64)) >= WEIGHT_LIMIT:
        raise refuse(
            "plan-costs-too-large",
            "費用の合計が大きすぎます（2の53乗円以上）。",
            "The costs add up to 2**53 yen or more.",
        )
    return array.astype(np.int64)


def checked_ids(ids: Any, count: int, what_ja: str, what_en: str) -> tuple[str, ...] | None:
    if ids is None:
        return None
    texts = tuple(str(value) for value in ids)
    if len(texts) != count:
        raise refuse(
            "plan-ids-shape",
            f"{what_ja}の識別子が {len(texts)} 件で、{what_ja} {count} 件と合いません。",
            f"There are {len(texts)} {what_en} ids for {count} {what_en}s.",
        )
    if len(set(texts)) != count:
        seen: set[str] = set()
        twice = next(text for text in texts if text in seen or seen.add(text))  # type: ignore[func-returns-value]
        raise refuse(
            "plan-duplicate-id",
            f"{what_ja}の識別子「{twice}」が重複しています。1つにしてください。",
            f"The {what_en} id '{twice}' occurs more than once; ids must be distinct.",
        )
    return texts


def checked_reach(indptr: Any, indices: Any, m: int) -> tuple[IntArray, NDArray[np.int32]]:
    """Checked and sorted coverage lists. Works site block by site block, so that 50 M entries need no copy of all."""
    pointers, rows = np.asarray(indptr), np.asarray(indices)
    if pointers.ndim != 1 or rows.ndim != 1 or pointers.dtype.kind not in "iu" or rows.dtype.kind not in "iu":
        raise refuse(
            "plan-reach-shape",
            "到達リスト（indptr, indices）は整数の1次元配列にしてください。",
            "The coverage lists (indptr, indices) must be one-dimensional arrays of whole numbers.",
        )
    pointers = pointers.astype(np.int64)
    if len(pointers) < 1 or pointers[0] != 0 or pointers[-1] != len(rows) or bool(np.any(np.diff(pointers) < 0)):
        raise refuse(
            "plan-reach-pointers",
            "indptr は0で始まり、減少せず、indices の長さで終わらなければなりません。",
            "indptr must start at 0, never decrease, and end at the length of indices.",
        )
    n = len(pointers) - 1
    sizes = np.diff(pointers)
    if n and not int(sizes.max(initial=0)):
        raise refuse(
            "plan-no-reach",
            "どの候補地も需要点に届いていません。到達の計算か候補地を見直してください。",
            "No candidate site reaches any demand point; check the reach or the candidates.",
        )
    if rows.size and (int(rows.min()) < 0 or int(rows.max()) >= m):
        site = int(np.searchsorted(pointers, int(np.argmax((rows < 0) | (rows >= m))), side="right")) - 1
        raise refuse(
            "plan-reach-unknown-demand",
            f"候補地 {site}（0起点）が、存在しない需要点（0〜{m - 1} の外）を指しています。",
            f"Candidate {site} (from 0) reaches a demand point that does not exist (valid: 0 to {m - 1}).",
        )
    rows = np.ascontiguousarray(rows, dtype=np.int32)
    result: NDArray[np.int32] | None = None
    for site in range(n):
        part = rows[pointers[site] : pointers[site + 1]]
        steps = np.diff(part)
        if steps.size and int(steps.min()) <= 0:
            ordered = np.sort(part)
            if bool(np.any(ordered[1:] == ordered[:-1])):
                raise refuse(
                    "plan-reach-repeated",
                    f"候補地 {site}（0起点）の到達リストに同じ需要点が2回あります。",
                    f"Candidate {site} (from 0) lists the same demand point twice.",
                )
            if result is None:
                result = rows.copy()
            result[pointers[site] : pointers[site + 1]] = ordered
    return pointers, rows if result is None else result


def site_numbers(values: Any, n: int, ids: tuple[str, ...] | None, name: str) -> IntArray:
    """Site numbers from numbers or ids; sorted, distinct."""
    if values is None:
        return np.zeros(0, dtype=np.int64)
    lookup = {text: number for number, text in enumerate(ids)} if ids is not None else {}
    numbers: list[int] = []
    for value in np.asarray(values).tolist():
        if isinstance(value, str) and value in lookup:
            number = lookup[value]
        elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value < n:
            number = value
        else:
            raise refuse(
                "plan-unknown-site",
                f"{name} にある候補地「{value}」は候補地の一覧にありません。",
                f"The site '{value}' in {name} is not among the candidates.",
            )
        numbers.append(number)
    if len(set(numbers)) != len(numbers):
        raise refuse(
            "plan-duplicate-id",
            f"{name} に同じ候補地が2回あります。",
            f"The same site occurs twice in {name}.",
        )
    return np.array(sorted(numbers), dtype=np.int64)
