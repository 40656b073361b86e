"""The checker accepts every certificate that the solver writes and rejects every one that was tampered with."""

from __future__ import annotations

import ast
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from plan_cases import VARIANTS, best_by_trying, random_instance

from coverage.errors import InputError
from coverage.plan import verify as checker
from coverage.plan.certificate import certificate_schema, gap_ppm, read_certificate, write_certificate
from coverage.plan.feasibility import InfeasibleError
from coverage.plan.instance import Instance, make_instance
from coverage.plan.solve import solve
from coverage.plan.verify import certificate_digest, claims, proven_bound, verify


def solved(variant: str, salt: int, count: int) -> Iterator[tuple[Instance, dict[str, Any]]]:
    """``count`` feasible instances of a variant with their certificates."""
    found = 0
    for seed in range(1_000):
        instance = random_instance(np.random.default_rng([seed, salt, VARIANTS.index(variant)]), variant)
        try:
            result = solve(instance, time_limit=10)
        except InfeasibleError:
            continue
        yield instance, result.certificate
        found += 1
        if found == count:
            return


def mutations(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every leaf and container of a JSON value changed in every way that keeps it JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from mutations(inner, (*path, key))
            yield (*path, key), ...
        yield (*path, "extra"), 1
        return
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from mutations(inner, (*path, number))
        if value:
            yield path, value[:-1]
            yield path, value + value[-1:]
            yield path, value[::-1] if value[::-1] != value else [*value, value[0]]
        else:
            yield path, [0]
        yield path, None
        return
    if isinstance(value, bool) or value is None:
        yield path, 7
        return
    if isinstance(value, int):
        for other in (value + 1, value - 1, -value - 1, value * 2 + 3, float(value) + 0.5, str(value), None, 10**30):
            yield path, other
        return
    yield path, f"{value}x"
    yield path, "" if value else "x"
    yield path, None


def changed(certificate: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    out = copy.deepcopy(certificate)
    place: Any = out
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return out


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_certificate_is_accepted_and_fits_the_schema(variant: str) -> None:
    validator = Draft202012Validator(certificate_schema())
    for instance, certificate in solved(variant, 31, 15):
        verify(certificate, instance)
        validator.validate(certificate)
        verify(json.loads(json.dumps(certificate)), instance)


def test_the_schema_itself_is_valid() -> None:
    Draft202012Validator.check_schema(certificate_schema())


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_mutated_certificate_is_rejected(variant: str) -> None:
    tried = 0
    for instance, certificate in solved(variant, 32, 3):
        for path, value in mutations(certificate):
            broken = changed(certificate, path, value)
            if broken == certificate:
                continue
            tried += 1
            with pytest.raises(InputError) as caught:
                verify(broken, instance)
            assert caught.value.code == "plan-certificate-wrong", (path, value)
    assert tried >= 300


CLAIMS = {
    "instance_sha256", "goal", "objective", "weight_scale", "plan", "value", "cost", "served", "certified_bound",
    "gap_ppm", "format",
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_forger_who_renews_the_digest_still_cannot_claim_what_is_not_so(variant: str) -> None:
    tried = 0
    for instance, certificate in solved(variant, 33, 3):
        for path, value in mutations(certificate):
            # Building a site in another year can serve as much: that claim would be true.
            if path[0] not in CLAIMS or path[2:] == ("year",):
                continue
            broken = changed(certificate, path, value)
            if broken == certificate:
                continue
            broken["certificate_sha256"] = certificate_digest(broken)
            tried += 1
            with pytest.raises(InputError):
                verify(broken, instance)
    assert tried >= 60


def test_forged_multipliers_never_prove_a_bound_below_the_best_plan() -> None:
    rng = np.random.default_rng(34)
    proven = 0
    for variant in VARIANTS:
        for instance, certificate in solved(variant, 34, 6):
            want = best_by_trying(instance)
            assert want is not None
            paths = [(path, value) for path, value in mutations(certificate["multipliers"])]
            for number in rng.permutation(len(paths))[:150]:
                path, value = paths[number]
                broken = changed(certificate["multipliers"], path, value)
                try:
                    bound = proven_bound(instance, broken)
                except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, ArithmeticError):
                    continue
                proven += 1
                assert bound >= want if instance.target is None else bound <= want, (variant, path, value)
    assert proven > 500


def test_a_better_value_than_the_plan_serves_is_named() -> None:
    instance, certificate = next(solved("count", 35, 1))
    broken = certificate | {"value": certificate["value"] + 1}
    broken["certificate_sha256"] = certificate_digest(broken)
    with pytest.raises(InputError, match="served"):
        verify(broken, instance)


def test_a_certificate_of_another_instance_is_rejected() -> None:
    pairs = list(solved("budget", 36, 2))
    with pytest.raises(InputError):
        verify(pairs[0][1], pairs[1][0])


def test_numbers_beyond_exact_sums_are_refused_not_wrapped() -> None:
    instance = make_instance(weights=[1, 1], indptr=[0, 2], indices=[0, 1], p=1)
    certificate = solve(instance).certificate
    certificate["multipliers"]["demand"] = [[2**62, 2**62]]
    with pytest.raises(InputError, match="too large"):
        verify(certificate, instance)


def test_the_checker_is_short_and_imports_no_solver() -> None:
    source = Path(checker.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source)
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef) and ast.get_docstring(node):
            docstrings |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    lines = [line for number, line in enumerate(source.splitlines(), 1) if line.strip() and number not in docstrings]
    assert len(lines) < 100
    imported = {
        name
        for node in ast.walk(tree)
        for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "")])
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported == {
        "hashlib", "json", "math", "typing", "numpy", "coverage.errors", "coverage.plan.instance",
        "coverage.plan.instance_files",
    }  # fmt: skip
    assert "assert " not in source, "python -O would switch the checks off"


def test_every_claim_is_listed_by_name() -> None:
    instance, certificate = next(solved("groups", 37, 1))
    found = claims(certificate, instance)
    assert all(found.values())
    assert set(found) == {
        "digest", "format", "goal", "ids", "forced", "count", "budget", "groups", "requires", "target", "served",
        "bound", "gap",
    }  # fmt: skip


def test_a_certificate_file_is_read_back_as_written(tmp_path: Path) -> None:
    instance, certificate = next(solved("years", 38, 1))
    write_certificate(certificate, tmp_path / "plan.json")
    verify(read_certificate(tmp_path / "plan.json"), instance)


@pytest.mark.parametrize("content", ["{", "[1]", ""])
def test_an_unreadable_certificate_file_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_certificate(tmp_path / "c.json")
    assert caught.value.code == "plan-certificate-unreadable"
    with pytest.raises(InputError):
        read_certificate(tmp_path / "absent.json")


def test_gap_is_in_millionths_rounded_up() -> None:
    assert gap_ppm(999, 1000) == 1000
    assert gap_ppm(3, 3) == 0
    assert gap_ppm(0, 0) == 0
    assert gap_ppm(2_999_999, 3_000_000) == 1
