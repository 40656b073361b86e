"""圏外の申出: somebody says 「ここは圏外」, and staff answer. Use cases of the page, the routes and the commands.

Who may: everybody with a name files (a municipality for its own codes only), planners and administrators answer, all
who may look see what was said and answered. Who filed and who answered is shown to those only who may take the whole
record (``Action.DOWNLOAD``: staff, a municipality for its own codes) and to the one who filed. Notes are public and
the ledger forgets nothing, so a note that holds a telephone number or a mail address is refused.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from shapely import Point

from coverage.domain.fiscal import tokyo_date
from coverage.domain.municipality_code import present_code
from coverage.errors import InputError, NotFoundError, PermissionDeniedError
from coverage.runs.geojson import collection, feature
from coverage.services.access import Action, Object, Principal, Resource, Role, allowed, authorise
from coverage.services.challenge_entry import ANSWER_LIMIT, NOTE_LIMIT, clean_text, parse_point
from coverage.services.context import AppContext
from coverage.services.ledger import today
from coverage.services.stores import open_context_store
from coverage.store.canonical import one_line
from coverage.store.events import Kind, join_key
from coverage.store.protocol import Store, Versioned
from coverage.store.records import Challenge, ChallengeState

if TYPE_CHECKING:
    from coverage.domain.ledger import District
    from coverage.domain.places import Municipality

__all__ = [
    "ANSWER_LIMIT",
    "BOUNDS",
    "MOST_FEATURES",
    "NOTE_LIMIT",
    "Bounds",
    "ChallengeState",
    "ListedChallenge",
    "OpenChallenge",
    "Places",
    "Store",
    "answer_challenge",
    "challenge",
    "clean_text",
    "districts_to_choose",
    "file_challenge",
    "list_challenges",
    "may_file",
    "municipality_at",
    "named",
    "open_challenges",
    "open_challenges_document",
    "operator_id",
    "operator_name",
    "parse_point",
    "places",
    "today",
]
"""Also the types of the store that pages need for their signatures: pages know services only."""

MOST_FEATURES: Final = 2000
"""Features of the GeoJSON for GIS programs."""


class Bounds(NamedTuple):
    """How many challenges one person may file on a day, and have open at a time."""

    per_day: int
    open: int


BOUNDS: Final[Mapping[Role, Bounds]] = {
    Role.VIEWER: Bounds(20, 50),
    Role.MUNICIPALITY: Bounds(100, 500),
    Role.PLANNER: Bounds(100, 500),
    Role.ADMIN: Bounds(100, 500),
}
"""Anyone in the office can file, so nobody can flood the list. Held inside the store's transaction."""


@dataclass(frozen=True, slots=True)
class OpenChallenge:
    """A challenge that waits for an answer, with what everybody may see of it."""

    challenge_id: str
    lat: float
    lon: float
    """Where; for a district its representative point. WGS 84 degrees."""
    municipality_code: str
    municipality_name: str
    operator: str | None
    """The operator's id in region.toml; None = not stated: all of them, or unknown."""
    observed_on: date
    note: str
    district_name: str | None = None
    """None for a challenge about a point."""
    district_id: str | None = None


@dataclass(frozen=True, slots=True)
class ListedChallenge:
    """A challenge as the one who asks may see it. ``filed_by`` and ``answered_by`` are None where they are hidden."""

    place: OpenChallenge
    state: ChallengeState
    filed_on: date
    answer: str
    answered_on: date | None
    filed_by: str | None
    answered_by: str | None
    version: int
    """Hand it back to :func:`answer_challenge`."""

    @property
    def challenge_id(self) -> str:
        return self.place.challenge_id


@dataclass(frozen=True)
class Places:
    """What the boundaries say: names of municipalities, the municipality of a position, a point inside each."""

    names: Mapping[str, str]
    locate: Callable[[float, float], str | None]
    points: Mapping[str, tuple[float, float]]
    """(lat, lon) by code."""


def places(context: AppContext) -> Places:
    """The region's municipalities, read once and kept until region.toml changes."""
    stamp = (context.region_folder / "region.toml").stat().st_mtime_ns
    return _places(context.region_folder.resolve(), context.layers_root, stamp)


@lru_cache(maxsize=2)
def _places(folder: Path, layers_root: Path | None, _changed: int) -> Places:
    import shapely

    from coverage.readers.region import load_region

    found: tuple[Municipality, ...] = load_region(
        folder, layers_root=layers_root, only=["boundaries"]
    ).municipalities
    tree = shapely.STRtree([m.geometry for m in found])
    inside = {m.code: m.geometry.representative_point() for m in found}

    def locate(lat: float, lon: float) -> str | None:
        hits = tree.query(shapely.Point(lon, lat), predicate="intersects")
        return found[int(hits.min())].code if len(hits) else None

    return Places(
        {m.code: m.full_name for m in found},
        locate,
        {code: (float(point.y), float(point.x)) for code, point in inside.items()},
    )


def open_challenges(context: AppContext, principal: Principal) -> tuple[OpenChallenge, ...]:
    """Every challenge that waits for an answer, the newest first; () where there is no ledger yet.

    Holds nothing of who filed it. Raises PermissionDeniedError for those who may not look.
    """
    authorise(principal, Action.VIEW, Resource(Object.CHALLENGE))
    if context.store_url is None:
        return ()
    with open_context_store(context) as store:
        listed = list_challenges(context, store, principal=principal, state=ChallengeState.OPEN)
    return tuple(c.place for c in listed)


def open_challenges_document(context: AppContext, principal: Principal) -> dict[str, Any]:
    """Open challenges as a GeoJSON FeatureCollection (RFC 7946) of public fields: the newest :data:`MOST_FEATURES`.

    ``total`` says how many wait altogether. Raises PermissionDeniedError for those who may not look.
    """
    waiting = open_challenges(context, principal)
    features = [_feature(context, c) for c in waiting[:MOST_FEATURES]]
    said: dict[str, Any] = {"name": "open-challenges", "total": len(waiting), "returned": len(features)}
    if waiting and context.config.fictional:
        said["notice"] = context.config.notice_ja
    return collection(features, said)


def _feature(context: AppContext, shown: OpenChallenge) -> dict[str, Any]:
    properties = {
        "kind": "challenge",
        "challenge_id": shown.challenge_id,
        "municipality_code": shown.municipality_code,
        "municipality_name": shown.municipality_name,
        "district_id": shown.district_id,
        "district_name": shown.district_name,
        "operator": shown.operator,
        "operator_name": operator_name(context, shown.operator, "ja"),
        "observed_on": shown.observed_on.isoformat(),
        "note": shown.note,
        "page": f"/challenges?challenge={shown.challenge_id}",
    }
    return feature(Point(shown.lon, shown.lat), properties, f"challenge-{shown.challenge_id}")


def list_challenges(
    context: AppContext,
    store: Store,
    *,
    principal: Principal,
    state: ChallengeState | None = None,
    municipality: str | None = None,
) -> tuple[ListedChallenge, ...]:
    """Challenges, the newest first. ``state`` None: open and answered; ``municipality``: five-digit code."""
    authorise(principal, Action.VIEW, Resource(Object.CHALLENGE))
    mergers = context.config.municipality_mergers
    wanted = [
        held
        for held in store.versioned(Kind.CHALLENGE)
        if (state is None or held.record.state is state)
        and (municipality is None or present_code(held.record.municipality_code, mergers) == municipality)
    ]
    if not wanted:
        return ()
    districts = _latest_stays(store) if any(h.record.district_id for h in wanted) else {}
    known = places(context)
    shown = [_listed(held, districts, known, mergers, principal) for held in wanted]
    # Numbers grow past six digits: the longer one is the newer.
    return tuple(sorted(shown, key=lambda c: (len(c.challenge_id), c.challenge_id), reverse=True))


def challenge(
    context: AppContext, store: Store, challenge_id: str, *, principal: Principal
) -> ListedChallenge:
    """One challenge. Raises NotFoundError "challenge-not-found"."""
    authorise(principal, Action.VIEW, Resource(Object.CHALLENGE))
    held = _held(store, challenge_id)
    stays = _latest_stays(store) if held.record.district_id else {}
    return _listed(held, stays, places(context), context.config.municipality_mergers, principal)


def named(listed: Iterable[ListedChallenge], challenge_id: str) -> ListedChallenge:
    """The challenge of that number among those listed. Raises NotFoundError "challenge-not-found"."""
    plain = _plain_number(challenge_id)
    for shown in listed:
        if shown.challenge_id == plain:
            return shown
    raise _no_challenge(challenge_id)


def file_challenge(
    context: AppContext,
    store: Store,
    *,
    principal: Principal,
    observed_on: date,
    note: str,
    lat: float | None = None,
    lon: float | None = None,
    district_id: str | None = None,
    operator: str | None = None,
) -> Challenge:
    """File a challenge about a point inside the region, or about a district of the ledger.

    ``operator``: id or name; None = all of them, or unknown. Raises PermissionDeniedError "filing-needs-a-name" for
    anonymous visitors and read tokens and "permission-denied" for a municipality elsewhere; InputError for a place, day,
    operator or note that cannot be; NotFoundError for a district that is not in the ledger; ConflictError beyond
    :data:`BOUNDS` and for the same place filed twice.
    """
    if principal.read_only:
        raise PermissionDeniedError(
            "filing-needs-a-name",
            "申出には利用者の名乗りが必要です。閲覧専用の画面と閲覧トークンからは出せないので、庁内のログインがある画面から出すか、担当課に伝えてください。",
            "A challenge needs a named user; it cannot be filed from a read-only page or with a read token. Log in, or "
            "tell the office in charge.",
        )
    if (district_id is None) == (lat is None or lon is None):
        raise InputError(
            "challenge-place",
            "場所は、地点（緯度と経度）か地区のどちらか一つで示してください。",
            "Name one place: a point by latitude and longitude, or a district.",
        )
    if district_id is not None:
        stay = _district(store, district_id)
        district_id = stay.district_id
        code = present_code(stay.municipality_code, context.config.municipality_mergers)
        lat = lon = None
    else:
        assert lat is not None
        assert lon is not None
        code = municipality_at(context, lat, lon)
        lat, lon = round(lat, 6), round(lon, 6)
    authorise(principal, Action.FILE, Resource(Object.CHALLENGE, municipality_code=code))
    if observed_on > today():
        raise InputError(
            "challenge-in-future",
            f"確認日 {observed_on} が未来です。実際に確かめた日を書いてください。",
            f"The day of observation {observed_on} lies in the future; give the day on which it was observed.",
        )
    return store.file_challenge(
        by=principal.actor,
        municipality_code=code,
        observed_on=observed_on,
        note=clean_text(note, limit=NOTE_LIMIT, ja="申出の内容", en="note"),
        district_id=district_id,
        lat=lat,
        lon=lon,
        operator=operator_id(context, operator),
        most_per_day=BOUNDS[principal.role].per_day,
        most_open=BOUNDS[principal.role].open,
    )


def answer_challenge(
    store: Store,
    challenge_id: str,
    *,
    answer: str,
    principal: Principal,
    seen_version: int | None = None,
) -> None:
    """Staff's answer. ``seen_version``: of the :class:`ListedChallenge` that was read; None = as it stands now.

    Raises EditConflictError where somebody else answered since, NotFoundError for an unknown number.
    """
    authorise(principal, Action.ANSWER, Resource(Object.CHALLENGE))
    held = _held(store, challenge_id)
    store.answer_challenge(
        held.record.challenge_id,
        answer=clean_text(answer, limit=ANSWER_LIMIT, ja="回答", en="answer"),
        by=principal.actor,
        expected_version=held.version if seen_version is None else seen_version,
    )


def may_file(principal: Principal) -> bool:
    """Whether the one who asks may file somewhere. A municipality without codes may nowhere."""
    anywhere = Resource(Object.CHALLENGE)
    own = (Resource(Object.CHALLENGE, municipality_code=code) for code in principal.municipality_codes)
    return any(allowed(principal, Action.FILE, resource) for resource in (anywhere, *own))


def municipality_at(context: AppContext, lat: float, lon: float) -> str:
    """The five-digit code of the municipality around a point. InputError where there is none."""
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise InputError(
            "point-unreadable",
            f"緯度 {lat}・経度 {lon} は地球上の位置ではありません。「34.0521, 136.2103」のように書いてください。",
            f"Latitude {lat} and longitude {lon} are no place on earth; write them as '34.0521, 136.2103'.",
        )
    code = places(context).locate(lat, lon)
    if code is None:
        raise InputError(
            "challenge-outside-region",
            f"地点（{lat:.5f}, {lon:.5f}）は{context.config.name_ja}の市町の外です。緯度と経度の順と、数値を確かめてください。",
            f"The point ({lat:.5f}, {lon:.5f}) lies outside the municipalities of {context.config.name_en}; check the "
            "numbers and that latitude comes first.",
        )
    return code


def operator_id(context: AppContext, given: str | None) -> str | None:
    """The id of an operator given by id or name. InputError "challenge-operator-unknown" for another."""
    if given is None or not given.strip():
        return None
    wanted = unicodedata.normalize("NFKC", given).strip().casefold()
    for key, operator in context.config.operators.items():
        if wanted in {
            unicodedata.normalize("NFKC", name).casefold()
            for name in (key, operator.name_ja, operator.name_en)
        }:
            return key
    known = "・".join(f"{key}（{o.name_ja}）" for key, o in context.config.operators.items())
    raise InputError(
        "challenge-operator-unknown",
        f"事業者「{one_line(given, limit=40)}」はありません。{known} から選ぶか、空にしてください。",
        f"There is no operator '{one_line(given, limit=40)}'; choose one of {', '.join(context.config.operators)}, or none.",
    )


def operator_name(context: AppContext, operator: str | None, lang: str) -> str | None:
    """The operator's name in ``lang``; an id that region.toml no longer has stays as it is."""
    known = None if operator is None else context.config.operators.get(operator)
    return operator if known is None else known.name_en if lang == "en" else known.name_ja


def districts_to_choose(context: AppContext, store: Store, *, principal: Principal) -> tuple[District, ...]:
    """The latest stay of every district that the one who asks may file about, by municipality and name."""
    mergers = context.config.municipality_mergers
    may = [
        stay
        for stay in _latest_stays(store).values()
        if allowed(
            principal,
            Action.FILE,
            Resource(Object.CHALLENGE, municipality_code=present_code(stay.municipality_code, mergers)),
        )
    ]
    return tuple(sorted(may, key=lambda d: (d.municipality_code, d.name, d.district_id)))


def _held(store: Store, challenge_id: str) -> Versioned:
    plain = _plain_number(challenge_id)
    held = store.get(Kind.CHALLENGE, join_key([plain])) if plain else None
    if held is None:
        raise _no_challenge(challenge_id)
    return held


def _plain_number(challenge_id: str) -> str:
    return unicodedata.normalize("NFKC", challenge_id[:40]).strip().upper()


def _no_challenge(challenge_id: str) -> NotFoundError:
    return NotFoundError(
        "challenge-not-found",
        f"申出「{one_line(challenge_id, limit=40)}」はありません。番号を確かめてください。",
        f"There is no challenge '{one_line(challenge_id, limit=40)}'; check the number.",
    )


def _latest_stays(store: Store) -> dict[str, District]:
    """The latest stay of each district on the register, resolved ones included."""
    latest: dict[str, District] = {}
    for stay in store.records(Kind.DISTRICT):
        known = latest.get(stay.district_id)
        if known is None or (stay.designated_on or date.min) >= (known.designated_on or date.min):
            latest[stay.district_id] = stay
    return latest


def _district(store: Store, district_id: str) -> District:
    plain = " ".join(unicodedata.normalize("NFKC", district_id).split())
    found = _latest_stays(store).get(plain)
    if found is None:
        raise NotFoundError(
            "district-not-found",
            f"地区「{one_line(district_id, limit=40)}」は台帳にありません。地区番号を確かめてください。",
            f"There is no district '{one_line(district_id, limit=40)}' in the ledger; check its id.",
        )
    return found


def _listed(
    held: Versioned,
    districts: Mapping[str, District],
    known: Places,
    mergers: Mapping[str, str],
    principal: Principal,
) -> ListedChallenge:
    record: Challenge = held.record
    code = present_code(record.municipality_code, mergers)
    district = districts.get(record.district_id) if record.district_id else None
    if record.lat is not None and record.lon is not None:
        lat, lon = record.lat, record.lon
    elif district is not None:
        point = district.geometry.representative_point()
        lat, lon = round(float(point.y), 6), round(float(point.x), 6)
    else:
        # The district was taken out of the ledger since: its municipality is the place that is left.
        lat, lon = known.points.get(code) or next(iter(known.points.values()))
    whole = allowed(principal, Action.DOWNLOAD, Resource(Object.CHALLENGE, municipality_code=code))
    own = not principal.read_only and record.filed_by == principal.user_id
    return ListedChallenge(
        OpenChallenge(
            record.challenge_id,
            lat,
            lon,
            code,
            known.names.get(code, code),
            record.operator,
            record.observed_on,
            record.note,
            (district.name if district is not None else record.district_id) if record.district_id else None,
            record.district_id,
        ),
        record.state,
        tokyo_date(held.recorded_at),
        record.answer,
        record.answered_on,
        record.filed_by if whole or own else None,
        record.answered_by if whole else None,
        held.version,
    )
