"""Instance files (.npz and .json) and the digest that a certificate is bound to. Format: docs/plan-instance-format.md."""

from __future__ import annotations

import hashlib
import json
import tokenize
from pathlib import Path
from typing import Any, Final

import numpy as np

from coverage.archive_damage import ARCHIVE_DAMAGE
from coverage.errors import FileFormatError, InputError
from coverage.plan.instance import Instance, make_instance

FORMAT = "coverage-gap-plan-instance/1"
_SCALARS = ("weight_scale", "budget", "p")
_KEYS = {
    "format", "objectives", "objective", "goal", "weights", "weight_scale", "costs", "indptr", "indices", "reach",
    "budget", "p", "target", "target_percent", "forced", "excluded", "groups", "group_minimum", "group_names",
    "fiscal_years", "year_budgets", "year_weights", "requires", "sites", "demand",
}  # fmt: skip


def instance_digest(instance: Instance) -> str:
    """SHA-256 (64 hexadecimal digits) over everything that the plan's value, cost and feasibility depend on.

    Arrays go in as little-endian integers with their name and length, the rest as canonical JSON, so that the same
    instance has one digest whichever file format or machine it came from.
    """
    digest = hashlib.sha256()

    def array(name: str, values: Any, dtype: str) -> None:
        data = np.ascontiguousarray(values, dtype=np.dtype(dtype))
        digest.update(f"{name}:{data.size}:".encode())
        digest.update(data.tobytes() if data.size < 1_000_000 else data.data)

    head = {
        "format": FORMAT,
        "goal": instance.goal,
        "objectives": list(instance.objectives),
        "objective": instance.objective,
        "weight_scale": instance.weight_scale,
        "budget": instance.budget,
        "p": instance.p,
        "target": instance.target,
        "group_names": list(instance.group_names),
        "group_minimum": list(instance.group_minimum),
        "fiscal_years": list(instance.fiscal_years),
        "year_budgets": list(instance.year_budgets),
        "year_weights": list(instance.year_weights),
        "sites": None if instance.site_ids is None else list(instance.site_ids),
    }
    digest.update(json.dumps(head, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode())
    array("weights", instance.weights, "<i8")
    array("costs", instance.costs, "<i8")
    if instance.year_costs is not None:
        array("year_costs", instance.year_costs, "<i8")
    array("indptr", instance.indptr, "<i8")
    array("indices", instance.indices, "<i4")
    array("forced", instance.forced, "<i8")
    array("excluded", instance.excluded, "<i8")
    array("group", [] if instance.group is None else instance.group, "<i4")
    array("requires", [] if instance.requires is None else instance.requires, "<i4")
    return digest.hexdigest()


def read_instance(path: Path | str) -> Instance:
    """Read ``.npz`` or ``.json``. Raises FileFormatError where the file is not one, InputError where it makes no sense."""
    file = Path(path)
    if not file.is_file():
        raise InputError(
            "plan-instance-missing",
            f"インスタンスファイル「{file.name}」が見つかりません。",
            f"There is no instance file '{file.name}'.",
        )
    fields = _read_npz(file) if file.suffix.lower() == ".npz" else _read_json(file)
    unknown = sorted(set(fields) - _KEYS)
    if unknown:
        raise FileFormatError(
            "plan-instance-unknown-key",
            f"インスタンスに知らない項目「{unknown[0]}」があります。綴りを確かめてください。",
            f"The instance has an unknown key '{unknown[0]}'; check its spelling.",
        )
    if fields.pop("format", FORMAT) != FORMAT:
        raise FileFormatError(
            "plan-instance-format",
            f"インスタンスの形式が {FORMAT} ではありません。",
            f"The instance's format is not {FORMAT}.",
        )
    return _from_fields(fields)


def _from_fields(fields: dict[str, Any]) -> Instance:
    if "reach" in fields:
        lists = [np.asarray(rows) for rows in fields.pop("reach")]
        if any(rows.size and rows.dtype.kind not in "iu" for rows in lists):
            raise FileFormatError(
                "plan-reach-shape",
                "reach は候補地ごとの需要点番号（整数）のリストにしてください。",
                "reach must be one list of demand row numbers (whole numbers) per site.",
            )
        fields["indptr"] = np.concatenate(([0], np.cumsum([len(rows) for rows in lists], dtype=np.int64)))
        fields["indices"] = np.concatenate([rows.astype(np.int64) for rows in lists]) if lists else np.zeros(0, np.int64)
    for key in ("weights", "indptr", "indices"):
        if key not in fields:
            raise FileFormatError(
                "plan-instance-key-missing",
                f"インスタンスに {key} がありません。",
                f"The instance lacks '{key}'.",
            )
    weights = fields["weights"]
    names = fields.pop("objectives", None)
    if not isinstance(weights, dict):
        matrix = np.atleast_2d(np.asarray(weights))
        labels = [str(name) for name in names] if names is not None else ["people"]
        if len(labels) != len(matrix):
            raise FileFormatError(
                "plan-objectives-shape",
                f"objectives が {len(labels)} 件で、weights の {len(matrix)} 行と合いません。",
                f"There are {len(labels)} objectives for {len(matrix)} rows of weights.",
            )
        fields["weights"] = dict(zip(labels, matrix, strict=True))
    if "target_percent" in fields:
        fields["target"] = {"percent": float(fields.pop("target_percent"))}
    fields["site_ids"] = fields.pop("sites", None)
    fields["demand_ids"] = fields.pop("demand", None)
    fields.pop("group_names", None)
    return make_instance(**fields)


def _read_json(file: Path) -> dict[str, Any]:
    def refuse_constant(text: str) -> float:
        raise InputError(
            "plan-weight-nan",
            f"インスタンスに数値でない値（{text}）があります。数値を入れてください。",
            f"The instance holds {text}, which is not a number; give a number there.",
        )

    try:
        fields = json.loads(file.read_text(encoding="utf-8-sig"), parse_constant=refuse_constant)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileFormatError(
            "plan-instance-not-json",
            f"インスタンス「{file.name}」を JSON として読めません。",
            f"The instance '{file.name}' cannot be read as JSON.",
        ) from error
    if not isinstance(fields, dict):
        raise FileFormatError(
            "plan-instance-not-json",
            f"インスタンス「{file.name}」の最上位は JSON オブジェクトにしてください。",
            f"The top level of the instance '{file.name}' must be a JSON object.",
        )
    return fields


_NPZ_DAMAGE: Final[tuple[type[Exception], ...]] = (
    *ARCHIVE_DAMAGE,
    tokenize.TokenError,
    SyntaxError,
    MemoryError,
)
"""Beside the archive's: a damaged header of NumPy, which is a Python literal and may claim any size."""


def _read_npz(file: Path) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            for key in archive.files:
                fields[key] = archive[key]
    except _NPZ_DAMAGE as error:
        raise FileFormatError(
            "plan-instance-not-npz",
            f"インスタンス「{file.name}」を NumPy の .npz として読めません（途中で切れているか、別の形式です）。",
            f"The instance '{file.name}' cannot be read as a NumPy .npz file; it ends early or is something else.",
        ) from error
    for key in ("objective", "goal", "format", *_SCALARS, "target", "target_percent"):
        if key in fields and fields[key].ndim == 0:
            fields[key] = fields[key].item()
    for key in ("fiscal_years", "year_budgets", "year_weights", "sites", "demand", "groups", "objectives"):
        if key in fields:
            fields[key] = fields[key].tolist()
    if "group_minimum" in fields:
        names, minimum = fields.get("group_names"), fields["group_minimum"]
        if names is None or len(names) != len(minimum):
            raise FileFormatError(
                "plan-group-minimum-shape",
                "group_minimum には同じ長さの group_names が必要です。",
                "group_minimum needs group_names of the same length.",
            )
        fields["group_minimum"] = dict(zip([str(name) for name in names], minimum.tolist(), strict=True))
    return fields


def write_instance(instance: Instance, path: Path | str) -> None:
    """Write ``.npz`` (uncompressed arrays, for large instances) or ``.json`` (for people), by the file's name."""
    file = Path(path)
    fields: dict[str, Any] = {
        "format": FORMAT,
        "goal": instance.goal,
        "objectives": list(instance.objectives),
        "objective": instance.objective,
        "weight_scale": instance.weight_scale,
        "budget": instance.budget,
        "p": instance.p,
        "target": instance.target,
        "sites": None if instance.site_ids is None else list(instance.site_ids),
        "demand": None if instance.demand_ids is None else list(instance.demand_ids),
        "forced": instance.forced.tolist() or None,
        "excluded": instance.excluded.tolist() or None,
        "fiscal_years": list(instance.fiscal_years) or None,
        "year_budgets": list(instance.year_budgets) or None,
        "year_weights": list(instance.year_weights) or None,
        "requires": None if instance.requires is None else instance.requires.tolist(),
    }
    fields = {key: value for key, value in fields.items() if value is not None}
    scale = instance.weight_scale
    weights = instance.weights // scale if bool(np.all(instance.weights % scale == 0)) else instance.weights / scale
    costs = instance.costs if instance.year_costs is None else instance.year_costs
    groups = None
    if instance.group is not None:
        groups = [instance.group_names[g] if g >= 0 else "" for g in instance.group]
    if file.suffix.lower() == ".npz":
        arrays = {key: np.asarray(value) for key, value in fields.items()}
        arrays |= {"weights": weights, "costs": costs, "indptr": instance.indptr, "indices": instance.indices}
        if groups is not None:
            arrays["groups"] = np.asarray(groups)
            arrays["group_names"] = np.asarray(instance.group_names)
            arrays["group_minimum"] = np.asarray(instance.group_minimum, dtype=np.int64)
        np.savez(file, **arrays)  # type: ignore[arg-type]
        return
    fields["weights"] = {name: row.tolist() for name, row in zip(instance.objectives, weights, strict=True)}
    fields.pop("objectives")
    fields["costs"] = costs.tolist()
    fields["reach"] = [instance.reach(site).tolist() for site in range(instance.n_sites)]
    if groups is not None:
        fields["groups"] = groups
        fields["group_minimum"] = dict(zip(instance.group_names, instance.group_minimum, strict=True))
    file.write_text(json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8", newline="\n")
