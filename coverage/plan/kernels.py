"""Compiled loops over coverage lists. Imported late, and only where plain NumPy would be slow.

All lists are CSR: ``ptr`` int64 (k+1,), ``idx`` int32. Nothing here draws random numbers except from a generator state
that is passed in, so every result is a function of its arguments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from coverage._jit import njit


@njit(cache=True)
def refine_rows(ptr: Any, idx: Any, n_rows: int) -> Any:
    """Class number per row: two rows share one exactly when the same lists hold them. Partition refinement, O(entries).

    The numbers have gaps of meaning only; :func:`coverage.plan.sparse.classes_of_rows` renumbers them.
    """
    cls = np.zeros(n_rows, np.int32)
    size = np.zeros(n_rows + 1, np.int32)
    hits = np.zeros(n_rows + 1, np.int32)
    split = np.full(n_rows + 1, -1, np.int32)
    touched = np.empty(n_rows + 1, np.int32)
    size[0] = n_rows
    n_classes = 1
    for k in range(len(ptr) - 1):
        n_touched = 0
        for e in range(ptr[k], ptr[k + 1]):
            c = cls[idx[e]]
            if hits[c] == 0:
                touched[n_touched] = c
                n_touched += 1
            hits[c] += 1
        for t in range(n_touched):
            c = touched[t]
            if hits[c] < size[c]:
                split[c] = n_classes
                size[n_classes] = hits[c]
                size[c] -= hits[c]
                n_classes += 1
        for e in range(ptr[k], ptr[k + 1]):
            s = split[cls[idx[e]]]
            if s >= 0:
                cls[idx[e]] = s
        for t in range(n_touched):
            hits[touched[t]] = 0
            split[touched[t]] = -1
    return cls


@njit(cache=True)
def transpose_lists(ptr: Any, idx: Any, n_rows: int) -> Any:
    """Lists by row from lists by column: (ptr, idx) with ascending column numbers. Counting sort."""
    out_ptr = np.zeros(n_rows + 1, np.int64)
    for e in range(len(idx)):
        out_ptr[idx[e] + 1] += 1
    for row in range(n_rows):
        out_ptr[row + 1] += out_ptr[row]
    fill = out_ptr[:-1].copy()
    out = np.empty(len(idx), np.int32)
    for k in range(len(ptr) - 1):
        for e in range(ptr[k], ptr[k + 1]):
            row = idx[e]
            out[fill[row]] = k
            fill[row] += 1
    return out_ptr, out


@njit(cache=True)
def list_sums(ptr: Any, idx: Any, values: Any) -> Any:
    """Sum of ``values`` over each list, float64 (k,)."""
    out = np.empty(len(ptr) - 1, np.float64)
    for k in range(len(ptr) - 1):
        total = 0.0
        for e in range(ptr[k], ptr[k + 1]):
            total += values[idx[e]]
        out[k] = total
    return out


@njit(cache=True)
def dominators(
    ptr: Any, idx: Any, rptr: Any, rcols: Any, cost: Any, year: Any, may_go: Any, may_replace: Any
) -> Any:
    """For each column the column that dominates it, or -1.

    Column j is dominated by k when k's list holds all of j's and k costs no more; of equals the lower number stays.
    Only columns with ``may_go`` are dominated and only by columns of their year with ``may_replace``. The rows of j are met from the
    rarest on, so that the candidates run out early.
    """
    n = len(ptr) - 1
    result = np.full(n, -1, np.int32)
    mark = np.zeros(n, np.int32)
    alive = np.empty(n, np.int32)
    for j in range(n):
        length = ptr[j + 1] - ptr[j]
        if length == 0 or not may_go[j]:
            continue
        rarest = idx[ptr[j]]
        for e in range(ptr[j], ptr[j + 1]):
            row = idx[e]
            if rptr[row + 1] - rptr[row] < rptr[rarest + 1] - rptr[rarest]:
                rarest = row
        n_alive = 0
        for e in range(rptr[rarest], rptr[rarest + 1]):
            k = rcols[e]
            longer = ptr[k + 1] - ptr[k]
            if k == j or not may_replace[k] or longer < length or cost[k] > cost[j] or result[k] == j:
                continue
            if year[k] != year[j] or (longer == length and cost[k] == cost[j] and k > j):
                continue
            alive[n_alive] = k
            mark[k] = 1
            n_alive += 1
        stage = 1
        e = ptr[j]
        while n_alive > 0 and e < ptr[j + 1]:
            row = idx[e]
            e += 1
            if row == rarest:
                continue
            for f in range(rptr[row], rptr[row + 1]):
                if mark[rcols[f]] == stage:
                    mark[rcols[f]] = stage + 1
            kept = 0
            for a in range(n_alive):
                k = alive[a]
                if mark[k] == stage + 1:
                    alive[kept] = k
                    kept += 1
                else:
                    mark[k] = 0
            n_alive = kept
            stage += 1
        for a in range(n_alive):
            mark[alive[a]] = 0
        if n_alive > 0:
            result[j] = alive[0]
    return result


@njit(cache=True)
def _draw(state: Any, limit: int) -> Any:
    """A whole number below ``limit``; xorshift64* on a one-element uint64 array."""
    x = state[0]
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    state[0] = x
    return np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(33)) % limit


@njit(cache=True)
def add_column(col: int, ptr: Any, idx: Any, rptr: Any, rcols: Any, w: Any, count: Any, owner: Any, gain: Any) -> None:
    """Choose ``col``: ``count`` of choices per row, ``owner`` their XOR, ``gain`` what each column adds or would take."""
    for e in range(ptr[col], ptr[col + 1]):
        row = idx[e]
        if count[row] == 0:
            weight = w[row]
            for f in range(rptr[row], rptr[row + 1]):
                gain[rcols[f]] -= weight
            gain[col] += weight
        elif count[row] == 1:
            gain[owner[row]] -= w[row]
        count[row] += 1
        owner[row] ^= col


@njit(cache=True)
def drop_column(col: int, ptr: Any, idx: Any, rptr: Any, rcols: Any, w: Any, count: Any, owner: Any, gain: Any) -> None:
    """Undo :func:`add_column`."""
    for e in range(ptr[col], ptr[col + 1]):
        row = idx[e]
        count[row] -= 1
        owner[row] ^= col
        if count[row] == 0:
            weight = w[row]
            for f in range(rptr[row], rptr[row + 1]):
                gain[rcols[f]] += weight
            gain[col] -= weight
        elif count[row] == 1:
            gain[owner[row]] += w[row]


@njit(cache=True)
def _choose(pick: int, net: Any, books: Any) -> None:
    """Choose a column and keep the books of :func:`anneal_steps`."""
    ptr, idx, rptr, rcols, w, unit, year, cost, group, parent = net
    chosen, count, owner, gain, unit_col, used, in_group, children, listed, place, numbers = books
    u = unit[pick]
    numbers[0] += gain[pick]
    add_column(pick, ptr, idx, rptr, rcols, w, count, owner, gain)
    chosen[pick] = True
    unit_col[u] = pick
    used[year[pick]] += cost[pick]
    listed[numbers[3]] = pick
    place[pick] = numbers[3]
    numbers[3] += 1
    if parent[u] >= 0:
        children[parent[u]] += 1
    if group[u] >= 0:
        in_group[group[u]] += 1


@njit(cache=True)
def _release(pick: int, net: Any, books: Any) -> None:
    """Undo :func:`_choose`."""
    ptr, idx, rptr, rcols, w, unit, year, cost, group, parent = net
    chosen, count, owner, gain, unit_col, used, in_group, children, listed, place, numbers = books
    u = unit[pick]
    numbers[0] -= gain[pick]
    drop_column(pick, ptr, idx, rptr, rcols, w, count, owner, gain)
    chosen[pick] = False
    unit_col[u] = -1
    used[year[pick]] -= cost[pick]
    numbers[3] -= 1
    last = listed[numbers[3]]
    listed[place[pick]] = last
    place[last] = place[pick]
    if parent[u] >= 0:
        children[parent[u]] -= 1
    if group[u] >= 0:
        in_group[group[u]] -= 1


@njit(cache=True)
def anneal_steps(
    net: Any, allowed: Any, fixed: Any, capacity: Any, p: int, minimum: Any,
    books: Any, best: Any, state: Any, steps: int, heat: float, cycle: int, refill: int,
) -> None:  # fmt: skip
    """``steps`` proposals of simulated annealing, all state changed in place.

    Most proposals swap a chosen column for one that shares a row with it, which is judged without touching the state.
    One in ``refill`` drops one chosen column (now and then two or three) and fills the room with the columns that add
    most (or most per yen) anywhere. Either is refused where it loses more than the temperature allows; that falls from
    ``heat`` to 0 within each ``cycle`` of steps. ``capacity[t] < 0`` means no limit in year t, ``p < 0`` none on the count.
    ``net`` is the model (ptr, idx, rptr, rcols, w, unit, year, cost, group, parent). ``books`` is the state: chosen,
    count and owner per row, gain per column, column of each unit, money used per year, sites per group, children per
    unit, the list of chosen columns and the place of each in it, and ``numbers`` = [value, best value, step, chosen].
    """
    ptr, idx, rptr, rcols, w, unit, year, cost, group, parent = net
    chosen, count, _, gain, unit_col, used, in_group, children, listed, _, numbers = books
    n = len(chosen)
    money = capacity.max() >= 0
    moved = np.empty(64, np.int64)
    is_drop = np.empty(64, np.bool_)
    for _ in range(steps):
        phase = (numbers[2] % cycle) / cycle
        numbers[2] += 1
        if numbers[3] == 0 and p == 0:
            return
        temperature = heat * (1.0 - phase) * (1.0 - phase)
        if numbers[3] > 0 and _draw(state, refill) > 0:
            old = listed[_draw(state, numbers[3])]
            if ptr[old + 1] == ptr[old]:
                continue
            row = idx[ptr[old] + _draw(state, ptr[old + 1] - ptr[old])]
            new = rcols[rptr[row] + _draw(state, rptr[row + 1] - rptr[row])]
            u = unit[old]
            v = unit[new]
            if new == old or not allowed[new] or (v != u and (unit_col[v] >= 0 or fixed[u])) or children[u] > 0:
                continue
            loss = gain[old] - gain[new]
            limit = -temperature * np.log((1.0 + _draw(state, 1 << 20)) / (1 << 20))
            # Even if the newcomer took over every row that only the old one serves, it must not lose too much.
            if loss - gain[old] > limit:
                continue
            y = year[new]
            spent = used[y] + cost[new]
            if year[old] == y:
                spent -= cost[old]
            if capacity[y] >= 0 and spent > capacity[y]:
                continue
            g = group[u]
            if g >= 0 and group[v] != g and in_group[g] <= minimum[g]:
                continue
            if parent[v] >= 0:
                above = unit_col[parent[v]]
                if above < 0 or above == old or year[above] > y:
                    continue
            a = ptr[old]
            b = ptr[new]
            while a < ptr[old + 1] and b < ptr[new + 1]:
                if idx[a] == idx[b]:
                    if count[idx[a]] == 1:
                        loss -= w[idx[a]]
                    a += 1
                    b += 1
                elif idx[a] < idx[b]:
                    a += 1
                else:
                    b += 1
            if loss > limit:
                continue
            _release(old, net, books)
            _choose(new, net, books)
            if numbers[0] > numbers[1]:
                numbers[1] = numbers[0]
                best[:] = chosen
            continue
        value_before = numbers[0]
        n_moves = 0
        drops = 1
        dice = _draw(state, 100)
        if dice < 3:
            drops = 3
        elif dice < 10 or (money and dice < 25):
            drops = 2
        by_yen = money and _draw(state, 2) == 0
        only_group = -1
        for d in range(drops):
            pick = -1
            pick_key = 1e300
            # A small tournament of random chosen columns: mostly those that are missed least, but any can go.
            for _t in range(1 + _draw(state, 4)):
                if numbers[3] == 0:
                    break
                col = listed[_draw(state, numbers[3])]
                u = unit[col]
                if fixed[u] or children[u] > 0:
                    continue
                g = group[u]
                if g >= 0 and in_group[g] <= minimum[g] and (d > 0 or drops > 1):
                    continue
                key = float(gain[col])
                if by_yen and cost[col] > 0:
                    key /= cost[col]
                if key < pick_key:
                    pick_key = key
                    pick = col
            if pick < 0:
                break
            g = group[unit[pick]]
            if g >= 0 and in_group[g] <= minimum[g]:
                only_group = g
            _release(pick, net, books)
            moved[n_moves] = pick
            is_drop[n_moves] = True
            n_moves += 1
        dropped = n_moves
        while (p < 0 or numbers[3] < p) and n_moves < 63:
            pick = -1
            pick_key = 0.0
            density = money and _draw(state, 2) == 0
            for col in range(n):
                if gain[col] <= 0 and only_group < 0:
                    continue
                u = unit[col]
                if unit_col[u] >= 0 or not allowed[col] or col == moved[0]:
                    continue
                if only_group >= 0 and group[u] != only_group:
                    continue
                y = year[col]
                if capacity[y] >= 0 and used[y] + cost[col] > capacity[y]:
                    continue
                if parent[u] >= 0:
                    above = unit_col[parent[u]]
                    if above < 0 or year[above] > y:
                        continue
                key = float(gain[col]) + 1.0
                if density and cost[col] > 0:
                    key /= cost[col]
                if key > pick_key:
                    pick_key = key
                    pick = col
            if pick < 0:
                break
            _choose(pick, net, books)
            moved[n_moves] = pick
            is_drop[n_moves] = False
            n_moves += 1
            only_group = -1
        change = numbers[0] - value_before
        threshold = -temperature * -np.log((1.0 + _draw(state, 1 << 20)) / (1 << 20))
        refused = change < threshold or (n_moves == dropped and change < 0)
        if only_group >= 0 or refused:
            for k in range(n_moves - 1, -1, -1):
                if is_drop[k]:
                    _choose(moved[k], net, books)
                else:
                    _release(moved[k], net, books)
        if numbers[0] > numbers[1]:
            numbers[1] = numbers[0]
            best[:] = chosen
