"""What the count says about each site, and what it asks, warns of and notes: every sentence in Japanese and English.

Codes are stable; docs/counting.md lists them with the rule of product.md §2 that each belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final, Literal

from coverage.domain.fiscal import label_en, label_ja, tokyo_date
from coverage.domain.ledger import DatePrecision, Footnote, Funding, Purpose
from coverage.domain.region import CountingConfig

FUNDING_EN: Final = {
    Funding.NATIONAL_SUBSIDY: "national subsidy",
    Funding.PREFECTURE_ONLY: "prefecture only",
    Funding.OPERATOR: "operator's own",
    Funding.INFRA_SHARING: "infrastructure sharing",
}
PURPOSE_EN: Final = {
    Purpose.RESIDENTIAL: "residential",
    Purpose.ROAD: "road",
    Purpose.TRAIL_TOURISM: "trail and tourism",
    Purpose.SHELTER: "shelter",
    Purpose.TUNNEL: "tunnel",
}


class Verdict(StrEnum):
    """Why a site counts or does not."""

    COUNTED = "counted"
    COUNTED_LATE = "counted-late"
    IN_OPENING_BALANCE = "in-opening-balance"
    BEFORE_OPENING = "before-opening"
    NOT_IN_SERVICE = "not-in-service"
    NO_SERVICE_DATE = "no-service-date"
    AFTER_VALID_ON = "after-valid-on"
    YEAR_ONLY = "year-only"
    REPLACEMENT = "replacement"
    NO_DISTRICT = "no-district"
    NOT_ON_REGISTER = "not-on-register"
    UNCLASSIFIED = "unclassified"
    OUT_OF_SCOPE = "out-of-scope"
    SAME_MAST = "same-mast"
    NEAR_OTHER_SITE = "near-other-site"


_VERDICTS: Final[dict[Verdict, tuple[int, str, str]]] = {
    Verdict.COUNTED: (4, "{fy}に計上（供用開始 {day}）。", "Counted in {fy} (in service {day})."),
    Verdict.COUNTED_LATE: (
        9,
        "{fy}分（供用開始 {day}）ですが公表後に判明したため、{reported_fy}に追補として計上。",
        "Belongs to {fy} (in service {day}) but became known after publication: reported as a late entry in "
        "{reported_fy}.",
    ),
    Verdict.IN_OPENING_BALANCE: (
        1,
        "開始値に含まれる過去の基地局のため、累計は増えません。",
        "A historical site that is part of the opening balance; the total stays as it is.",
    ),
    Verdict.BEFORE_OPENING: (
        1,
        "供用開始 {day} は開始値の年度以前のため計上しません。開始値への割り当てを登録してください。",
        "In service {day}, not after the year of the opening balance: not counted; allocate it to the balance.",
    ),
    Verdict.NOT_IN_SERVICE: (
        2,
        "まだ供用中に至っていないため計上しません。",
        "Not counted: it has not reached the status in service.",
    ),
    Verdict.NO_SERVICE_DATE: (
        2,
        "供用開始日がないため計上しません。事業者の供用開始日を登録してください。",
        "Not counted: no operator's service date is known; enter it.",
    ),
    Verdict.AFTER_VALID_ON: (
        2,
        "供用開始 {day} は基準日より後のため計上しません。",
        "Not counted: in service {day}, after the day that the count looks from.",
    ),
    Verdict.YEAR_ONLY: (
        3,
        "供用開始が暦年（{year}年）しか分からず年度が決まらないため、確認まで計上しません。",
        "Left out until confirmed: only the calendar year {year} of its service start is known, which spans two "
        "fiscal years.",
    ),
    Verdict.REPLACEMENT: (
        8,
        "基地局 {other} の更新・建て替えのため計上しません。",
        "Not counted: it replaces site {other}.",
    ),
    Verdict.NO_DISTRICT: (
        4,
        "対象の不感地域が登録されていないため計上しません。",
        "Not counted: no no-signal district is named for it.",
    ),
    Verdict.NOT_ON_REGISTER: (
        4,
        "供用開始の前日に台帳に載っていた不感地域がないため計上しません。",
        "Not counted: none of its districts stood on the register on the day before service start.",
    ),
    Verdict.UNCLASSIFIED: (
        10,
        "区分未確認（{missing}が未登録）のため計上しません。",
        "Not counted: not classified ({missing} missing).",
    ),
    Verdict.OUT_OF_SCOPE: (
        10,
        "集計の対象外（{scope}）のため計上しません。",
        "Not counted: outside the scope of the headline ({scope}).",
    ),
    Verdict.SAME_MAST: (
        5,
        "基地局 {other} と同じ施設のため、合わせて1基とします。",
        "Stands on the same mast as site {other}: together they are one.",
    ),
    Verdict.NEAR_OTHER_SITE: (
        5,
        "基地局 {other} から {metres:.0f} m のため、同じ施設かどうかの回答まで計上しません。",
        "Waits for an answer: {metres:.0f} m from site {other}, possibly the same mast.",
    ),
}


@dataclass(frozen=True, slots=True)
class SiteVerdict:
    """What the count says about one site of the ledger.

    ``fiscal_year`` is that of the service start (western), ``reported_fy`` the one in which it enters the printed
    series: later for a late entry. ``district_ids`` are those that make it qualify.
    """

    site_id: str
    code: Verdict
    fiscal_year: int | None = None
    reported_fy: int | None = None
    service_day: date | None = None
    precision: DatePrecision = DatePrecision.DAY
    district_ids: tuple[str, ...] = ()
    other_site_id: str | None = None
    distance_m: float | None = None
    missing: tuple[str, ...] = ()
    """"funding", "purpose": tags that an unclassified site lacks, or that put it out of scope."""
    in_operation: bool = False
    forecast_fy: int | None = None
    """Fiscal year in which a site not yet in service is expected to count."""

    @property
    def counted(self) -> bool:
        """Whether it adds one to the count (a site of the opening balance does not)."""
        return self.code in (Verdict.COUNTED, Verdict.COUNTED_LATE)

    @property
    def rule(self) -> int:
        """Number of the rule in product.md §2 that decided."""
        return _VERDICTS[self.code][0]

    def text(self, lang: str) -> str:
        """The reason in one sentence."""
        en = lang == "en"
        name = label_en if en else label_ja
        tags = {"funding": ("整備主体の区分", "funding"), "purpose": ("目的の区分", "purpose")}
        words = (", " if en else "・").join(tags[tag][en] for tag in self.missing)
        _, ja_template, en_template = _VERDICTS[self.code]
        return (en_template if en else ja_template).format(
            fy=name(self.fiscal_year) if self.fiscal_year is not None else "",
            reported_fy=name(self.reported_fy) if self.reported_fy is not None else "",
            day=day_text(self.service_day, self.precision, lang),
            year=self.service_day.year if self.service_day is not None else "",
            other=self.other_site_id or "",
            metres=self.distance_m or 0.0,
            missing=words,
            scope=words,
        )

    @property
    def ja(self) -> str:
        return self.text("ja")

    @property
    def en(self) -> str:
        return self.text("en")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "site_id": self.site_id,
            "counted": self.counted,
            "code": self.code.value,
            "rule": self.rule,
            "fiscal_year": self.fiscal_year,
            "reported_fy": self.reported_fy,
            "service_day": self.service_day.isoformat() if self.service_day is not None else None,
            "precision": self.precision.value,
            "district_ids": list(self.district_ids),
            "other_site_id": self.other_site_id,
            "distance_m": None if self.distance_m is None else round(self.distance_m, 1),
            "in_operation": self.in_operation,
            "forecast_fy": self.forecast_fy,
            "ja": self.ja,
            "en": self.en,
        }


Severity = Literal["question", "warning", "footnote"]

_FINDINGS: Final[dict[str, tuple[int, Severity, str, str]]] = {
    "opening-unregistered": (
        1, "warning",
        "開始値未登録：累計は出せず、増加分だけを示します。開始値とその出典を登録してください。",
        "No opening balance is registered: only the increase is stated; enter the balance with its source.",
    ),
    "before-opening": (
        1, "question",
        "基地局 {sites} は開始値の年度（{fy}）以前に供用開始しています。開始値に含まれますか。",
        "Site {sites} went into service not after the year of the opening balance ({fy}); is it part of it?",
    ),
    "allocated-after-opening": (
        1, "warning",
        "基地局 {sites} は開始値に割り当てられていますが、供用開始は開始値の年度より後（{fy}）です。",
        "Site {sites} is allocated to the opening balance but went into service after its year (in {fy}).",
    ),
    "allocated-unknown-site": (
        1, "warning",
        "開始値に割り当てられた基地局 {sites} が台帳にありません。",
        "Site {sites}, allocated to the opening balance, is not in the ledger.",
    ),
    "no-service-date": (
        2, "question",
        "基地局 {sites} は供用中（または停止・廃止）ですが、今日までの供用開始日がありません。いつ供用を開始しましたか。始めないまま取りやめた局なら、このままでかまいません。",
        "Site {sites} is in service (or suspended or closed) without a service date up to today; when did it start? Leave it if it was given up before it began.",
    ),
    "date-before-status": (
        2, "question",
        "基地局 {sites} は供用開始日がありますが、今日の時点で供用中に至っていません。日付が先なら、その日が来るまでこのままでかまいません。過ぎた日付なら状態を確かめてください。",
        "Site {sites} has a service date but is not in service today; leave it if the date is still to come, else check the status.",
    ),
    "status-went-back": (
        2, "question",
        "基地局 {sites} は以前は供用中でしたが、今は供用前の状態です。状態を確かめてください。",
        "Site {sites} was in service and now has an earlier status; check the status.",
    ),
    "year-only": (
        3, "question",
        "基地局 {sites} の供用開始は暦年しか分かりません。月日か年度を確認してください。",
        "Only the calendar year of the service start of site {sites} is known; find out the month or fiscal year.",
    ),
    "date-too-coarse": (
        3, "question",
        "基地局 {sites} の供用開始日は月または年度までしか分からず、その間に不感地域 {districts} の"
        "台帳への登録か解消がありました。期間の末日で判定しています。日を確認してください。",
        "The service start of site {sites} is known to the month or fiscal year only, and district {districts} "
        "entered or left the register in that time; judged by its last day. Find out the day.",
    ),
    "serves-later": (
        4, "question",
        "基地局 {sites} と不感地域 {districts} の対応は供用開始より後に始まっています。対応を確かめてください。",
        "Site {sites} serves district {districts} from a day after its service start; check the link.",
    ),
    "link-to-unknown-site": (
        4, "warning",
        "不感地域 {districts} との対応がある基地局 {sites} が台帳にありません。",
        "Site {sites}, named for district {districts}, is not in the ledger.",
    ),
    "link-to-unknown-district": (
        4, "warning",
        "基地局 {sites} が対象とする不感地域 {districts} が台帳にありません。",
        "District {districts}, named for site {sites}, is not on the register.",
    ),
    "operator-of-unknown-site": (
        2, "warning",
        "事業者の行にある基地局 {sites} が台帳にありません。",
        "Site {sites}, named in an operator's row, is not in the ledger.",
    ),
    "predicted-zero": (
        4, "warning",
        "基地局 {sites} は計上していますが、予測では不感地域 {districts} で電波が届く人口が0人です。",
        "Site {sites} counts, but by prediction it serves nobody in district {districts}.",
    ),
    "near-other-site": (
        5, "question",
        "基地局 {sites} は {metres:.0f} m しか離れていません。同じ施設ですか。",
        "Sites {sites} are only {metres:.0f} m apart; are they one mast?",
    ),
    "answers-contradict": (
        5, "warning",
        "基地局 {sites} は別の施設という回答がありますが、他の回答をたどると同じ施設になります。",
        "Sites {sites} were called two masts, but other answers tie them together.",
    ),
    "district-redesignated": (
        8, "warning",
        "不感地域 {districts} は解消後に再び台帳に載りました（{day}）。",
        "District {districts} came back onto the register after it was resolved ({day}).",
    ),
    "district-without-service": (
        8, "warning",
        "不感地域 {districts} は解消済みですが、対象の基地局 {sites} はすべて停止または廃止です。再び不感になるおそれがあります。",
        "District {districts} is resolved, but every site that serves it ({sites}) is suspended or closed; "
        "it may have lost its signal.",
    ),
    "replaces-unknown": (
        8, "warning",
        "基地局 {sites} の更新元が台帳にありません。",
        "The site that {sites} replaces is not in the ledger.",
    ),
    "frozen-differs": (
        9, "warning",
        "{fy}の公表値 {printed} は、公表時点の台帳からの値 {computed} と一致しません。",
        "The printed value {printed} of {fy} differs from {computed}, the value of the ledger as known then.",
    ),
    "frozen-twice": (
        9, "warning",
        "{fy}は異なる値で2回公表されています。最初の公表値を用います。修正は訂正の仕訳で行ってください。",
        "{fy} was published twice with different values; the first stands. Correct it by a restatement.",
    ),
    "unclassified": (
        10, "question",
        "基地局 {sites} は区分未確認です。整備主体と目的の区分を登録してください。",
        "Site {sites} is not classified; enter its funding and purpose.",
    ),
    "forecast-overdue": (
        2, "question",
        "基地局 {sites} は{fy}に供用開始の予定でしたが、まだ供用されていません。予定を確かめてください。",
        "Site {sites} was planned for {fy} and is not in service yet; check the plan.",
    ),
    "frozen": (
        9, "footnote",
        "{fy}は{day}公表の値。現在の台帳による再集計値は {computed}。",
        "{fy} is the value published on {day}; recomputed from the present ledger: {computed}.",
    ),
    "late-entries": (
        9, "footnote",
        "{fy}に追補 {number}基を含む（{sites}）。",
        "{fy} includes {number} late entries ({sites}).",
    ),
    "restatement": (
        9, "footnote",
        "訂正 {amount:+d}（{fy}から、{author}、{day}記録）：{reason}",
        "Restatement {amount:+d} (from {fy}, {author}, recorded {day}): {reason}",
    ),
    "written": (
        9, "footnote",
        "{note_ja}",
        "{note_en}",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """A question for a person, a warning, or a footnote to a fiscal year."""

    code: str
    severity: Severity
    rule: int
    ja: str
    en: str
    site_ids: tuple[str, ...] = ()
    district_ids: tuple[str, ...] = ()
    fiscal_year: int | None = None

    def text(self, lang: str) -> str:
        return self.en if lang == "en" else self.ja

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "rule": self.rule,
            "ja": self.ja,
            "en": self.en,
            "site_ids": list(self.site_ids),
            "district_ids": list(self.district_ids),
            "fiscal_year": self.fiscal_year,
        }


def finding(
    code: str,
    *,
    site_ids: tuple[str, ...] = (),
    district_ids: tuple[str, ...] = (),
    fiscal_year: int | None = None,
    day: date | None = None,
    **values: object,
) -> Finding:
    """The finding ``code`` with its sentences filled in."""
    rule, severity, ja, en = _FINDINGS[code]

    def fill(template: str, lang: str) -> str:
        comma, name = (", ", label_en) if lang == "en" else ("、", label_ja)
        unknown = "date unknown" if lang == "en" else "日付不明"
        return template.format(
            sites=comma.join(site_ids),
            districts=comma.join(district_ids),
            fy=name(fiscal_year) if fiscal_year is not None else "",
            day=day_text(day, DatePrecision.DAY, lang) if day is not None else unknown,
            **values,
        )

    return Finding(code, severity, rule, fill(ja, "ja"), fill(en, "en"), site_ids, district_ids, fiscal_year)


def written(note: Footnote) -> Finding:
    """A footnote that a person wrote, with its day; in Japanese where nobody wrote it in English.

    Who wrote it is for the ledger and its trail: a login's name has no place in public files.
    """
    by_ja = by_en = ""
    if note.recorded_at is not None:
        day = tokyo_date(note.recorded_at)
        by_ja = f"{day_text(day, DatePrecision.DAY, 'ja')}記録"
        by_en = f"recorded {day_text(day, DatePrecision.DAY, 'en')}"
    return finding(
        "written",
        fiscal_year=note.fiscal_year,
        note_ja=note.ja + (f"（{by_ja}）" if by_ja else ""),
        note_en=(note.en or note.ja) + (f" ({by_en})" if by_en else ""),
    )


def finding_codes() -> dict[str, int]:
    """Every code with the number of its rule."""
    return {code: parts[0] for code, parts in _FINDINGS.items()}


def verdict_codes() -> dict[str, int]:
    """Every verdict with the number of its rule."""
    return {code.value: parts[0] for code, parts in _VERDICTS.items()}


def day_text(day: date | None, precision: DatePrecision, lang: str) -> str:
    """A date as exactly as it is known: 2017年3月31日, 2017年3月, 平成28年度, 2017年; "" for None."""
    if day is None:
        return ""
    if precision is DatePrecision.FISCAL_YEAR:
        fy = day.year if day.month >= 4 else day.year - 1
        return label_en(fy) if lang == "en" else label_ja(fy)
    parts = {DatePrecision.DAY: 3, DatePrecision.MONTH: 2, DatePrecision.YEAR: 1}[precision]
    if lang == "en":
        return "-".join(day.isoformat().split("-")[:parts])
    return "".join((f"{day.year}年", f"{day.month}月", f"{day.day}日")[:parts])


def scope_text(rule: CountingConfig, lang: str) -> str:
    """The scope that is printed beside the number: 「整備主体：国補助・県単独／目的：居住」."""
    if lang == "en":
        funding = ", ".join(FUNDING_EN[tag] for tag in rule.funding)
        return f"funding: {funding}; purpose: {', '.join(PURPOSE_EN[tag] for tag in rule.purpose)}"
    return f"整備主体：{'・'.join(rule.funding)}／目的：{'・'.join(rule.purpose)}"


def rule_text(rule: CountingConfig, lang: str) -> str:
    """The counting rule in a few sentences, printed beside the number."""
    if lang == "en":
        return (
            "Cumulative count = opening balance + sites whose first operator went into service, each in the fiscal "
            "year of that day (Japan time) + restatements. A site counts if it serves a district that stood on the "
            "register on the day before. One mast is one site whatever operators or bands it carries; sites within "
            f"{rule.distinct_within_m:g} m count once until somebody answers; replacements add nothing and closures "
            f"take nothing away. Scope: {scope_text(rule, 'en')}."
        )
    return (
        "累計＝開始値＋最初の事業者が供用を開始した基地局の数（開始日の属する年度、日本時間）＋訂正。"
        "供用開始の前日に台帳に載っていた不感地域を対象とする基地局を数える。"
        f"事業者や周波数の数によらず1施設を1基とし、{rule.distinct_within_m:g} m 以内の2局は回答があるまで1基とする。"
        f"更新・建て替えは加えず、停止・廃止でも減らさない。対象は{scope_text(rule, 'ja')}。"
    )
