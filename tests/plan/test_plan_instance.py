"""Instances: what is accepted, what is refused with one sentence, and that every file format means the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plan_cases import VARIANTS, random_instance

from coverage.errors import FileFormatError, InputError
from coverage.plan.instance import make_instance
from coverage.plan.instance_checks import scaled_weights
from coverage.plan.instance_files import instance_digest, read_instance, write_instance


def hamlet(**changes: Any) -> dict[str, Any]:
    """Three sites over four demand points, one site affordable."""
    fields: dict[str, Any] = {
        "weights": [3, 0, 7, 2],
        "indptr": [0, 2, 3, 5],
        "indices": [0, 2, 3, 1, 2],
        "costs": [5_000_000, 3_000_000, 8_000_000],
        "budget": 8_000_000,
    }
    return {key: value for key, value in (fields | changes).items() if value is not ...}


def test_coverage_lists_are_sorted_on_the_way_in() -> None:
    instance = make_instance(**hamlet(indices=[2, 0, 3, 2, 1]))
    assert instance.reach(0).tolist() == [0, 2]
    assert instance.reach(2).tolist() == [1, 2]


def test_the_callers_own_lists_are_never_changed() -> None:
    mine = np.array([2, 0, 3, 2, 1], dtype=np.int32)
    make_instance(**hamlet(indices=mine))
    assert mine.tolist() == [2, 0, 3, 2, 1]


def test_whole_people_keep_scale_one_and_parts_of_people_become_thousandths() -> None:
    assert scaled_weights([3.0, 4.0], None, "people")[1] == 1
    values, scale = scaled_weights([1.25, 2.0], None, "people")
    assert (values.tolist(), scale) == ([1250, 2000], 1000)
    # Half goes to even: 0.5 → 0, 1.5 → 2, 2.5 → 2.
    assert scaled_weights([0.125, 0.375, 0.625], 4, "people")[0].tolist() == [0, 2, 2]


def test_all_objectives_of_an_instance_share_one_scale() -> None:
    instance = make_instance(**hamlet(weights={"people": [1.5, 0, 2, 1], "shelters": [0, 1, 0, 0]}))
    assert instance.weight_scale == 1000
    assert instance.served_by_objective([2]) == {"people": 2000, "shelters": 1000}


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"budget": -1}, "plan-budget-negative", "-1"),
        ({"budget": 1.5}, "plan-not-whole", "1.5"),
        ({"p": True}, "plan-not-whole", "True"),
        ({"budget": ...}, "plan-no-limit", "budget"),
        ({"weights": [3, float("nan"), 7, 2]}, "plan-weight-nan", "row 1"),
        ({"weights": [3, float("inf"), 7, 2]}, "plan-weight-nan", "row 1"),
        ({"weights": [3, -1, 7, 2]}, "plan-weight-negative", "row 1"),
        ({"weights": [0, 0, 0, 0]}, "plan-no-demand", "0"),
        ({"weights": ["a", "b", "c", "d"]}, "plan-weights-not-numbers", "people"),
        ({"weights": [2**53, 1, 1, 1]}, "plan-weights-too-large", "2**53"),
        ({"weights": {"people": [1, 2, 3, 4], "km": [1]}}, "plan-weights-length", "length"),
        ({"objective": "shelters"}, "plan-unknown-objective", "shelters"),
        ({"weight_scale": 0}, "plan-weight-scale", "weight_scale"),
        ({"costs": [1, 2]}, "plan-costs-shape", "3"),
        ({"costs": [1, -2, 3]}, "plan-cost-bad", "candidate 1"),
        ({"costs": [1, 2, float("nan")]}, "plan-cost-bad", "candidate 2"),
        ({"costs": [1, 2, 2.5]}, "plan-cost-bad", "candidate 2"),
        ({"indptr": [0, 0, 0, 0], "indices": []}, "plan-reach-shape", ""),
        ({"indptr": [0, 0, 0, 0], "indices": np.zeros(0, np.int64)}, "plan-no-reach", "reaches"),
        ({"indptr": [0], "indices": np.zeros(0, np.int64)}, "plan-no-candidates", "no candidate"),
        ({"indptr": [0, 2, 1, 5]}, "plan-reach-pointers", "indptr"),
        ({"indptr": [0, 2, 3, 4]}, "plan-reach-pointers", "indptr"),
        ({"indices": [0, 2, 4, 1, 2]}, "plan-reach-unknown-demand", "Candidate 1"),
        ({"indices": [0, 2, 3, 2, 2]}, "plan-reach-repeated", "Candidate 2"),
        ({"indices": [0, 2.5, 3, 1, 2]}, "plan-reach-shape", "whole"),
        ({"site_ids": ["A", "B", "A"]}, "plan-duplicate-id", "'A'"),
        ({"site_ids": ["A", "B"]}, "plan-ids-shape", "2"),
        ({"demand_ids": ["x", "y", "x", "z"]}, "plan-duplicate-id", "'x'"),
        ({"forced": [7]}, "plan-unknown-site", "7"),
        ({"forced": ["Q"], "site_ids": ["A", "B", "C"]}, "plan-unknown-site", "Q"),
        ({"forced": [1, 1]}, "plan-duplicate-id", "forced"),
        ({"forced": [1], "excluded": [1]}, "plan-forced-and-excluded", "1"),
        ({"goal": "best"}, "plan-unknown-goal", "best"),
        ({"target": 5}, "plan-target-without-min-cost", "target"),
        ({"goal": "min-cost", "target": {"percent": 101}}, "plan-target-percent", "101"),
        ({"groups": ["a"]}, "plan-groups-shape", "1"),
        ({"group_minimum": {"a": 1}}, "plan-group-minimum-without-groups", "groups"),
        ({"fiscal_years": [2017]}, "plan-years-without-budgets", "year_budgets"),
        ({"year_budgets": [1, 2]}, "plan-years-and-budget", "budget"),
        ({"budget": ..., "year_budgets": [1, -2]}, "plan-year-budgets-negative", "-2"),
        ({"budget": ..., "year_budgets": [1, 2], "fiscal_years": [2018, 2017]}, "plan-years-shape", "ascend"),
        ({"budget": ..., "year_budgets": [1, 2], "year_weights": [0, 0]}, "plan-years-shape", "above 0"),
        ({"requires": [1, 2, 0]}, "plan-requires-cycle", "circle"),
        ({"requires": [1]}, "plan-requires-shape", "1"),
        ({"requires": [9, None, None]}, "plan-unknown-site", "9"),
    ],
)
def test_bad_input_is_refused_with_its_code_and_one_sentence(changes: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        make_instance(**hamlet(**changes))
    assert caught.value.code == code
    assert words in caught.value.en
    assert caught.value.ja.endswith("。") or "。" in caught.value.ja
    assert "\n" not in caught.value.en


def test_percent_target_is_rounded_up_to_the_next_person() -> None:
    instance = make_instance(**hamlet(goal="min-cost", target={"percent": 50.1}, budget=...))
    # 50.1 % of 12 people is 6.012: seven must be served.
    assert instance.target == 7


def test_reachable_target_leaves_out_what_only_excluded_sites_reach() -> None:
    instance = make_instance(**hamlet(goal="min-cost", target="reachable", excluded=[1], budget=...))
    assert instance.target == 10


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_files_give_back_the_same_instance(variant: str, suffix: str, tmp_path: Path) -> None:
    for seed in range(5):
        instance = random_instance(np.random.default_rng([seed, 77]), variant)
        file = tmp_path / f"instance-{seed}{suffix}"
        write_instance(instance, file)
        assert instance_digest(read_instance(file)) == instance_digest(instance)


def test_parts_of_people_survive_a_file(tmp_path: Path) -> None:
    instance = make_instance(**hamlet(weights=[1.5, 0.25, 2, 1], site_ids=["甲", "乙", "丙"]))
    for suffix in (".json", ".npz"):
        write_instance(instance, tmp_path / f"i{suffix}")
        again = read_instance(tmp_path / f"i{suffix}")
        assert again.w.tolist() == [1500, 250, 2000, 1000]
        assert again.site_ids == ("甲", "乙", "丙")
        assert instance_digest(again) == instance_digest(instance)


def test_the_digest_changes_with_everything_that_the_plan_depends_on() -> None:
    base = instance_digest(make_instance(**hamlet()))
    changes: list[dict[str, Any]] = [
        {"weights": [3, 0, 7, 3]}, {"costs": [5_000_000, 3_000_000, 8_000_001]}, {"budget": 8_000_001},
        {"p": 2}, {"forced": [1]}, {"excluded": [1]}, {"indices": [0, 2, 3, 0, 2]}, {"site_ids": ["a", "b", "c"]},
        {"groups": ["x", None, None]}, {"requires": [1, None, None]}, {"weights": {"households": [3, 0, 7, 2]}},
        {"budget": ..., "year_budgets": [8_000_000, 1]}, {"goal": "min-cost"}, {"indptr": [0, 1, 3, 5]},
    ]  # fmt: skip
    digests = [instance_digest(make_instance(**hamlet(**change))) for change in changes]
    assert len({base, *digests}) == len(changes) + 1


def test_published_sets_need_no_more_than_weights_lists_and_p(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", weights=np.array([3, 1]), indptr=np.array([0, 1, 2]), indices=np.array([0, 1]), p=1)
    instance = read_instance(tmp_path / "set.npz")
    assert (instance.p, instance.n_sites, instance.costs.tolist()) == (1, 2, [1, 1])


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.json", "{", "plan-instance-not-json"),
        ("a.json", "[]", "plan-instance-not-json"),
        ("a.json", '{"weights": [NaN], "reach": [[0]], "p": 1}', "plan-weight-nan"),
        ("a.json", '{"weights": [1], "p": 1}', "plan-instance-key-missing"),
        ("a.json", '{"weights": [1], "reach": [[0]], "p": 1, "bugdet": 3}', "plan-instance-unknown-key"),
        ("a.json", '{"weights": [1], "reach": [["x"]], "p": 1}', "plan-reach-shape"),
        ("a.json", '{"format": "other/1", "weights": [1], "reach": [[0]], "p": 1}', "plan-instance-format"),
        ("a.json", '{"objectives": ["a", "b"], "weights": [1], "reach": [[0]], "p": 1}', "plan-objectives-shape"),
        ("a.npz", "not a zip", "plan-instance-not-npz"),
    ],
)
def test_broken_files_are_named(name: str, content: str, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_instance(tmp_path / name)
    assert caught.value.code == code


def test_an_npz_that_ends_early_is_refused(tmp_path: Path) -> None:
    write_instance(make_instance(**hamlet()), tmp_path / "whole.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-200])
    with pytest.raises(FileFormatError):
        read_instance(tmp_path / "cut.npz")


@pytest.mark.parametrize("packed", [False, True])
def test_an_npz_with_damaged_bytes_is_read_or_refused_in_words(tmp_path: Path, packed: bool) -> None:
    write_instance(make_instance(**hamlet()), tmp_path / "whole.npz")
    if packed:
        with np.load(tmp_path / "whole.npz") as whole:
            np.savez_compressed(tmp_path / "whole.npz", **{name: whole[name] for name in whole.files})
    content = (tmp_path / "whole.npz").read_bytes()
    random = np.random.default_rng(20260401)
    refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), 2):
            damaged[place] ^= int(random.integers(1, 256))
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            read_instance(tmp_path / "damaged.npz")
        except InputError as error:
            assert error.ja
            assert error.en
            refused += 1
    assert refused > 100


def test_an_npz_with_pickled_objects_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickle.npz", weights=np.array([{"a": 1}], dtype=object))
    with pytest.raises(FileFormatError):
        read_instance(tmp_path / "pickle.npz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.npz"):
        read_instance(tmp_path / "absent.npz")


def test_group_minimum_in_npz_needs_its_names(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "g.npz", weights=np.array([1]), indptr=np.array([0, 1]), indices=np.array([0]), p=1,
        groups=np.array(["x"]), group_minimum=np.array([1]),
    )  # fmt: skip
    with pytest.raises(FileFormatError) as caught:
        read_instance(tmp_path / "g.npz")
    assert caught.value.code == "plan-group-minimum-shape"


def test_json_of_a_written_instance_is_plain_and_has_no_nan(tmp_path: Path) -> None:
    write_instance(make_instance(**hamlet(groups=["24201", "", "24202"])), tmp_path / "i.json")
    fields = json.loads((tmp_path / "i.json").read_text(encoding="utf-8"))
    assert fields["reach"] == [[0, 2], [3], [1, 2]]
    assert fields["groups"] == ["24201", "", "24202"]
