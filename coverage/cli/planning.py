"""``plan make``, ``plan list`` and ``plan show``: from the published run to the next sites."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from coverage.cli import options

REASONS = {
    "beyond-limit": "上限を超えた分", "excluded-area": "立地できない区域", "no-terrain-data": "標高データなし",
    "nobody-near": "近くに人なし", "outside-region": "区域外", "outside-terrain": "標高データの外", "sea": "海",
    "too-close": "近すぎ", "too-steep": "急斜面",
}  # fmt: skip


def make(
    budget: Annotated[int | None, typer.Option("--budget", help="予算（県の負担額、円） / Budget: the prefecture's yen")] = None,
    years: Annotated[
        str | None, typer.Option("--years", help="年度別の予算 2027=30000000,2028=30000000（1〜31は平成） / Budget by fiscal year")
    ] = None,
    sites: Annotated[int | None, typer.Option("--sites", min=0, help="箇所数の上限 / At most so many sites")] = None,
    objective: Annotated[str, typer.Option("--objective", help="people | households | shelters")] = "people",
    operator: Annotated[str, typer.Option("--operator", help="載せる事業者（既定は先頭） / Operator on the new masts")] = "",
    baseline: Annotated[
        str, typer.Option("--baseline", help="建つものとする局 in-service | decided | planned / Sites that are taken as standing")
    ] = "decided",
    cost: Annotated[
        int | None, typer.Option("--site-cost", min=0, help="新設一局の総事業費（円、既定は region.toml） / Total cost of a new site")
    ] = None,
    joint_cost: Annotated[
        int | None, typer.Option("--joint-cost", min=0, help="既設局への相乗りの総事業費（円） / Total cost of joining a mast")
    ] = None,
    joining: Annotated[
        int, typer.Option("--operators-joining", min=1, help="一緒に参画する事業者の数（単独は1） / Operators that join together")
    ] = 1,
    band: Annotated[str | None, typer.Option("--band", help="周波数帯（既定は事業者の先頭） / Band")] = None,
    height: Annotated[float | None, typer.Option("--height", min=1.0, help="アンテナの地上高（m） / Antenna above ground")] = None,
    own: Annotated[Path | None, typer.Option("--own", help="担当者の候補地（CSV: name,lat,lon、または局の一覧） / Your own candidates")] = None,
    force: Annotated[
        list[str] | None, typer.Option("--force", help="必ず入れる候補地（番号・名前・緯度,経度） / Candidate to force in")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="外す候補地（番号・名前・緯度,経度） / Candidate to leave out")
    ] = None,
    margin: Annotated[float, typer.Option("--margin", help="受信レベルの余裕（dB） / Margin above the signal edge")] = 0.0,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="候補地の数の上限 / At most so many candidates")] = 400,
    spacing: Annotated[float, typer.Option("--spacing", min=1.0, help="候補地の間隔（m） / Distance between candidates")] = 400.0,
    time_limit: Annotated[float, typer.Option("--time", min=0.1, help="最適化の上限時間（秒） / Time limit of the solver")] = 60.0,
    gap: Annotated[float, typer.Option("--gap", min=0.0, max=1.0, help="この差で打ち切る / Stop at this relative gap")] = 0.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="乱数の種 / Seed")] = 1,
    alternatives: Annotated[int, typer.Option("--alternatives", min=0, help="代替案の数 / Further near-optimal plans")] = 3,
    epsilon: Annotated[float, typer.Option("--epsilon", min=0.0, max=1.0, help="代替案が上界を下回ってよい割合 / Share below the bound")] = 0.02,
    distance: Annotated[int, typer.Option("--distance", min=1, help="代替案どうしで違う箇所数 / Sites that differ at least")] = 1,
    pareto: Annotated[
        str, typer.Option("--pareto", help="二つめの目的（households など、cost は予算ごと） / Second objective of a front, or cost")
    ] = "",
    draws: Annotated[int, typer.Option("--draws", min=0, help="不確かさの試行回数 / Draws of the radio model's error")] = 0,
    threshold_error: Annotated[float, typer.Option("--threshold-error", min=0.0, help="しきい値の標準偏差（dB） / Sigma of the threshold")] = 2.0,
    back_test: Annotated[bool, typer.Option("--back-test", help="過ぎた年度で試算する / Try years that are over")] = False,
    progress_file: Annotated[Path | None, typer.Option("--progress-file", help="途中経過を書くファイル / File to write progress to")] = None,
    run_id: Annotated[str | None, typer.Option("--run", help="計算結果の番号（既定は公開中） / Run id")] = None,
    region: options.Region = None,
    layers: options.Layers = None,
    runs: options.Runs = None,
    as_json: options.Json = False,
) -> None:
    """予算から次の整備箇所を決め、どれだけ良いかを示す / Plan the next sites for a budget, with a bound"""
    from coverage.cli.progress import FileProgress, terminal_progress
    from coverage.services import planning
    from coverage.services.context import AppContext
    request = planning.PlanRequest(
        budget_yen=budget, year_budgets=_years(years), sites=sites, objective=objective, operator=operator,
        baseline=baseline, site_cost_yen=cost, joint_cost_yen=joint_cost, operators_joining=joining, margin_db=margin,
        max_candidates=candidates, spacing_m=spacing, time_limit_s=time_limit, gap=gap, seed=seed,
        alternatives=alternatives, epsilon=epsilon, distance=distance, pareto=pareto, draws=draws,
        threshold_error_db=threshold_error, band=band, height_m=height, own=_own(own),
        forced=tuple(force or ()), excluded=tuple(exclude or ()), back_test=back_test,
    )  # fmt: skip
    context = AppContext.from_settings(region=region, layers=layers, runs=runs)
    with terminal_progress(quiet=as_json) as bar:
        told = FileProgress(progress_file, bar)
        plan = planning.make_plan(context, request, run_id=run_id, progress=told.progress, solving=told.solving)
    if as_json:
        options.print_json(plan)
        return
    for line in _lines(plan):
        typer.echo(line)


def _own(path: Path | None) -> tuple[tuple[str, float, float], ...]:
    """A CSV with name,lat,lon, or a list of sites in any format that uploads take."""
    from coverage.services.plan_options import is_plain_list, read_places

    if path is None:
        return ()
    if is_plain_list(path):
        return read_places(path)
    from coverage.services.plan_own_places import places_of_file
    from coverage.services.stores import command_line_principal

    read = places_of_file(path.read_bytes(), name=path.name, principal=command_line_principal(None))
    for remark in read.left_out:
        typer.echo(f"{path.name}: {remark.ja} / {remark.en}", err=True)
    return read.places


def export(
    plan_id: Annotated[str, typer.Argument(help="計画の番号 / Plan id")],
    kind: Annotated[str, typer.Option("--kind", help="xlsx | geojson | candidates | certificate | instance")] = "xlsx",
    to: Annotated[Path | None, typer.Option("--to", help="保存先（既定はこの場所） / Where to write", show_default=False)] = None,
    lang: Annotated[str, typer.Option("--lang", help="ja | en")] = "ja",
    runs: options.Runs = None,
) -> None:
    """計画を Excel・GeoJSON・証明書などのファイルにする / Write a plan as Excel, GeoJSON, certificate and others"""
    from coverage.errors import StorageError
    from coverage.services import plan_exports
    from coverage.services.context import AppContext
    from coverage.services.stores import command_line_principal

    file = plan_exports.plan_file(
        AppContext.from_settings(runs=runs), plan_id, kind, principal=command_line_principal(None), lang=lang
    )
    path = to or Path(file.name)
    try:
        path.write_bytes(file.content)
    except OSError as error:
        raise StorageError(
            "plan-file-not-written",
            f"{path} に書けません（{error.strerror or error}）。保存先を確かめてください。",
            f"{path} cannot be written ({error.strerror or error}); check the place.",
        ) from error
    typer.echo(str(path))


def list_plans(runs: options.Runs = None, as_json: options.Json = False) -> None:
    """計画の一覧 / List the plans"""
    from coverage.services import planning
    from coverage.services.context import AppContext

    plans = planning.list_plans(AppContext.from_settings(runs=runs))
    if as_json:
        options.print_json({"plans": [{k: p[k] for k in ("plan_id", "run_id", "value", "bound", "gap", "cost")} for p in plans]})
        return
    for plan in plans:
        typer.echo(f"{plan['plan_id']}  {plan['statement']['ja']}")


def show(
    plan_id: Annotated[str, typer.Argument(help="計画の番号 / Plan id")], runs: options.Runs = None, as_json: options.Json = False
) -> None:
    """計画を表示する / Show a plan"""
    from coverage.services import planning
    from coverage.services.context import AppContext

    plan = planning.open_plan(AppContext.from_settings(runs=runs), plan_id)
    if as_json:
        options.print_json(plan)
        return
    for line in _lines(plan):
        typer.echo(line)


def _lines(plan: dict[str, Any]) -> list[str]:
    estimate = "（推計）" if plan["estimated"] else ""
    fictional = "（見本・架空）" if plan["region"]["fictional"] else ""
    cost = plan["cost"]
    left = "、".join(f"{REASONS.get(reason, reason)} {n}" for reason, n in plan.get("left_out", {}).items())
    lines = [
        f"計画 {plan['plan_id']}  {plan['region']['name_ja']}{fictional}{estimate}  候補地 {plan['candidates']}"
        + (f"（除外: {left}）" if left else ""),
        plan["statement"]["ja"],
        f"費用: 国 {cost['state_yen']:,} 円、県 {cost['prefecture_yen']:,} 円、市町 {cost['municipality_yen']:,} 円、"
        f"事業者 {cost['operators_yen']:,} 円（計 {cost['total_yen']:,} 円）",
    ]
    for site in plan.get("baseline", {}).get("sites", ()):
        mark = "、推計" if site["estimated"] else ""
        reach = f"{site['people']:,.0f} 人" if site["reach_known"] else "到達は不明（標高データの外）"
        lines.append(f"  決まっている局 {site['name']}（{site['status']}{mark}）: {reach}")
    lines += [f"  {i}. {s['ja']}" for i, s in enumerate(plan["sites"], 1)]
    for row in plan["indicator"]:
        value = "開始値未登録" if row["forecast"] is None else f"{row['forecast']} 基"
        base = "" if row.get("base") is None else f"台帳の見込み {row['base']}、"
        lines.append(f"整備数の見込み {row['fiscal_year']}年度: {value}（{base}この計画 +{row['added']}、予測）")
    lines += _further(plan)
    lines.append(f"証明書 / certificate: {plan['folder']}/certificate.json")
    return lines


def _further(plan: dict[str, Any]) -> list[str]:
    """Other plans, the worth of each site, the front and the draws, where the plan has them."""
    lines = []
    for number, other in enumerate(plan.get("alternatives", {}).get("plans", ()), 1):
        lines.append(f"代替案 {number}: {other['ja']}（上界との差 {100 * other['below_bound']:.2f} %）")
    for row in plan.get("marginal", {}).get("chosen", ()):
        lines.append(f"  {row['name']} を外すと: 人 -{row['worth']['people']:,.0f}、世帯 -{row['worth']['households']:,.0f}")
    front = plan.get("pareto")
    if front:
        names = (front["first"], front["second"])
        for point in front["points"]:
            lines.append(f"{names[0]} {point['first']:,.0f} / {names[1]} {point['second']:,.0f}（{len(point['sites'])} 箇所）")
    doubt = plan.get("uncertainty")
    if doubt:
        own = doubt["plan"]
        mean = f"平均 {doubt['mean']:,.1f}、" if "mean" in doubt else ""
        lines.append(f"不確かさ（{doubt['draws']} 回）: {mean}P10 {own['p10']:,.0f}、P50 {own['p50']:,.0f}、P90 {own['p90']:,.0f}")
        lines += _on_average(doubt)
        lines.append("どの試行でもほぼ選ばれる箇所: " + ("、".join(s["name"] for s in doubt["robust"]) or "なし"))
    return lines


def _on_average(doubt: dict[str, Any]) -> list[str]:
    """The plan that serves most on average over the draws; plans of earlier versions have none."""
    other = doubt.get("on_average")
    if other is None:
        return []
    if other["same"]:
        return ["平均で最も多くに届く計画: この計画と同じ"]
    names, gained, given_up = ("、".join(s["name"] for s in other[part]) or "—" for part in ("sites", "gained", "given_up"))
    return [
        f"平均で最も多くに届く計画: {names}（{given_up} の代わりに {gained}）",
        f"  平均 {other['mean']:,.1f}（この計画 {doubt['mean']:,.1f}）、P10 {other['p10']:,.0f}、P50 {other['p50']:,.0f}、"
        f"P90 {other['p90']:,.0f}、県 {other['cost']['prefecture_yen']:,} 円（計 {other['cost']['total_yen']:,} 円）",
    ]


def _years(text: str | None) -> tuple[tuple[int, int], ...]:
    from coverage.domain import fiscal
    from coverage.errors import InputError

    if text is None:
        return ()
    parsed = []
    for part in text.split(","):
        year, _, amount = part.partition("=")
        if not amount.strip().isdigit():
            raise InputError(
                "plan-years-unreadable",
                f"年度別の予算「{part}」を読めません。2020=30000000,2021=30000000 の形で書いてください。",
                f"The budget by year '{part}' cannot be read; write 2020=30000000,2021=30000000.",
            )
        parsed.append((fiscal.parse_fiscal_year(year), int(amount)))
    return tuple(sorted(parsed))
