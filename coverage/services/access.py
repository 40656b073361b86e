"""Who may do what to which object: the one authorisation function, asked by pages, routes and commands alike.

Deny by default: a cell that the table below does not name is refused. Four roles (docs/ledger.md, "Roles"):

viewer        looks at the map and the indicators, takes public downloads, files challenges
municipality  the same, and for its own JIS codes: downloads with planned sites, confirms a resolution
planner       uploads, edits planned sites and scenarios, computes, submits, withdraws and undoes own imports
admin         all of that, and accepts, publishes, keeps the journal of the count, users, settings, audit, backup

Planned sites of operators are confidential: a site is public only once it has been in service. A ledger that calls a
site 供用中 ahead of its first service date does not make it public (:mod:`coverage.services.ledger`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from coverage.errors import PermissionDeniedError
from coverage.store.canonical import one_line
from coverage.store.protocol import Actor
from coverage.store.records import ImportRecord, ReadToken, User


class Role(StrEnum):
    VIEWER = "viewer"
    MUNICIPALITY = "municipality"
    PLANNER = "planner"
    ADMIN = "admin"


class Action(StrEnum):
    VIEW = "view"
    DOWNLOAD = "download"
    UPLOAD = "upload"
    """Have a file parsed and compared; nothing is stored in the ledger."""
    SUBMIT = "submit"
    """Stage an upload for acceptance."""
    EDIT = "edit"
    """Change a record in the ledger directly."""
    COMPUTE = "compute"
    ACCEPT = "accept"
    RETURN = "return"
    WITHDRAW = "withdraw"
    UNDO = "undo"
    PUBLISH = "publish"
    FILE = "file"
    ANSWER = "answer"
    CONFIRM = "confirm"
    MANAGE = "manage"
    VERIFY = "verify"
    RESTORE = "restore"


class Object(StrEnum):
    MAP = "map"
    INDICATORS = "indicators"
    SUMMARY = "summary"
    """Figures per municipality, without planned sites."""
    SITE = "site"
    """A site that has been in service."""
    PLANNED_SITE = "planned-site"
    DISTRICT = "district"
    ACTUAL = "actual"
    MEASUREMENT = "measurement"
    CHALLENGE = "challenge"
    DISTINCT_QUESTION = "distinct-question"
    """Two sites near each other: one mast, or two?"""
    IMPORT = "import"
    RUN = "run"
    """A run that is not published."""
    PUBLISHED_RUN = "published-run"
    SCENARIO = "scenario"
    JOURNAL = "journal"
    """Opening balance, allocations, restatements, frozen years."""
    PUBLICATION = "publication"
    DATASET = "dataset"
    SETTING = "setting"
    USER = "user"
    TOKEN = "token"
    AUDIT = "audit"
    BACKUP = "backup"


class Reach(StrEnum):
    """How far a permission goes."""

    ALL = "all"
    OWN_CODES = "own-codes"
    """Objects of the municipalities that the principal is bound to."""
    OWN = "own"
    """Objects that the principal made."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. ``read_only``: anonymous visitors (``none-readonly``) and read tokens look and take, nothing else."""

    user_id: str
    role: Role
    municipality_codes: frozenset[str] = frozenset()
    read_only: bool = False

    @property
    def actor(self) -> Actor:
        """For the audit trail."""
        return Actor(self.user_id, self.role.value)


ANONYMOUS = Principal("anonymous", Role.VIEWER, read_only=True)


def guest(user_id: str) -> Principal:
    """One whom the office's login names and to whom the ledger gives no role: a viewer, who may file challenges.

    ("Anyone on the office network can file": nameless visitors cannot, because nobody could bound or ask them.)
    """
    return Principal(user_id, Role.VIEWER)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is asked for: its kind, and where that matters whose it is and in which municipality it lies."""

    kind: Object
    municipality_code: str | None = None
    owner: str | None = None


_READ = frozenset({Action.VIEW, Action.DOWNLOAD})
_PUBLIC = (
    Object.MAP,
    Object.INDICATORS,
    Object.SUMMARY,
    Object.SITE,
    Object.DISTRICT,
    Object.ACTUAL,
    Object.PUBLISHED_RUN,
    Object.PUBLICATION,
    Object.DATASET,
)
_STAFF_ONLY = (
    Object.PLANNED_SITE,
    Object.MEASUREMENT,
    Object.DISTINCT_QUESTION,
    Object.IMPORT,
    Object.RUN,
    Object.SCENARIO,
    Object.JOURNAL,
    Object.SETTING,
)
Rules = dict[tuple[Action, Object], Reach]

_VIEWER: Rules = {
    **{(action, kind): Reach.ALL for action in _READ for kind in _PUBLIC},
    (Action.VIEW, Object.CHALLENGE): Reach.ALL,
    (Action.FILE, Object.CHALLENGE): Reach.ALL,
}
_MUNICIPALITY: Rules = {
    **_VIEWER,
    (Action.VIEW, Object.PLANNED_SITE): Reach.OWN_CODES,
    (Action.DOWNLOAD, Object.PLANNED_SITE): Reach.OWN_CODES,
    (Action.DOWNLOAD, Object.CHALLENGE): Reach.OWN_CODES,
    (Action.FILE, Object.CHALLENGE): Reach.OWN_CODES,
    (Action.CONFIRM, Object.DISTRICT): Reach.OWN_CODES,
}
_PLANNER: Rules = {
    **_VIEWER,
    **{(action, kind): Reach.ALL for action in _READ for kind in _STAFF_ONLY},
    (Action.DOWNLOAD, Object.CHALLENGE): Reach.ALL,
    (Action.UPLOAD, Object.IMPORT): Reach.ALL,
    (Action.SUBMIT, Object.IMPORT): Reach.ALL,
    (Action.WITHDRAW, Object.IMPORT): Reach.OWN,
    (Action.UNDO, Object.IMPORT): Reach.OWN,
    (Action.EDIT, Object.PLANNED_SITE): Reach.ALL,
    (Action.EDIT, Object.SCENARIO): Reach.ALL,
    (Action.COMPUTE, Object.RUN): Reach.ALL,
    (Action.COMPUTE, Object.SCENARIO): Reach.ALL,
    (Action.ANSWER, Object.CHALLENGE): Reach.ALL,
    (Action.ANSWER, Object.DISTINCT_QUESTION): Reach.ALL,
}
_ADMIN: Rules = {
    **_PLANNER,
    **{(action, kind): Reach.ALL for action in _READ for kind in (Object.USER, Object.TOKEN, Object.AUDIT)},
    (Action.UNDO, Object.IMPORT): Reach.ALL,
    (Action.ACCEPT, Object.IMPORT): Reach.ALL,
    (Action.RETURN, Object.IMPORT): Reach.ALL,
    (Action.EDIT, Object.SITE): Reach.ALL,
    (Action.EDIT, Object.DISTRICT): Reach.ALL,
    (Action.EDIT, Object.ACTUAL): Reach.ALL,
    (Action.EDIT, Object.MEASUREMENT): Reach.ALL,
    (Action.EDIT, Object.JOURNAL): Reach.ALL,
    (Action.CONFIRM, Object.DISTRICT): Reach.ALL,
    (Action.PUBLISH, Object.RUN): Reach.ALL,
    (Action.PUBLISH, Object.PUBLICATION): Reach.ALL,
    (Action.MANAGE, Object.DATASET): Reach.ALL,
    (Action.MANAGE, Object.SETTING): Reach.ALL,
    (Action.MANAGE, Object.USER): Reach.ALL,
    (Action.MANAGE, Object.TOKEN): Reach.ALL,
    (Action.VERIFY, Object.AUDIT): Reach.ALL,
    (Action.VERIFY, Object.PUBLICATION): Reach.ALL,
    (Action.DOWNLOAD, Object.BACKUP): Reach.ALL,
    (Action.MANAGE, Object.BACKUP): Reach.ALL,
    (Action.RESTORE, Object.BACKUP): Reach.ALL,
}
RULES: Mapping[Role, Rules] = {
    Role.VIEWER: _VIEWER,
    Role.MUNICIPALITY: _MUNICIPALITY,
    Role.PLANNER: _PLANNER,
    Role.ADMIN: _ADMIN,
}
"""The table. What it does not name is denied."""


def allowed(principal: Principal, action: Action, resource: Resource) -> bool:
    """Whether ``principal`` may do ``action`` to ``resource``."""
    if principal.read_only and action not in _READ:
        return False
    match RULES[principal.role].get((action, resource.kind)):
        case Reach.ALL:
            return True
        case Reach.OWN_CODES:
            return resource.municipality_code in principal.municipality_codes
        case Reach.OWN:
            return resource.owner is not None and resource.owner == principal.user_id
        case None:
            return False


def authorise(principal: Principal, action: Action, resource: Resource) -> None:
    """Raise PermissionDeniedError unless ``principal`` may do ``action`` to ``resource``.

    Every use case asks this before it reads or writes, whoever called it.
    """
    if allowed(principal, action, resource):
        return
    place = f"（{one_line(resource.municipality_code, limit=10)}）" if resource.municipality_code else ""
    raise PermissionDeniedError(
        "permission-denied",
        f"役割「{_ROLE_JA[principal.role]}」では、{_OBJECT_JA[resource.kind]}{place}の{_ACTION_JA[action]}はできません。"
        "必要なら管理者に役割の変更を頼んでください。",
        f"The role {principal.role.value} may not {action.value} this {resource.kind.value}; ask an administrator if "
        "you need to.",
    )


def import_resource(record: ImportRecord) -> Resource:
    """An upload as an object of authorisation."""
    return Resource(Object.IMPORT, owner=record.submitted_by)


def plans_of(principal: Principal, codes: Iterable[str], *, action: Action = Action.VIEW) -> frozenset[str]:
    """Those of the municipalities ``codes`` whose planned sites ``principal`` may see (or, with ``action``, download)."""
    return frozenset(
        code
        for code in codes
        if allowed(principal, action, Resource(Object.PLANNED_SITE, municipality_code=code))
    )


def principal_of_user(user: User | None, *, user_id: str) -> Principal | None:
    """The principal behind an id that the proxy states; None where the store gives it no role."""
    if user is None or not user.active or user.user_id != user_id:
        return None
    return Principal(user.user_id, Role(user.role), frozenset(user.municipality_codes))


def principal_of_token(token: ReadToken) -> Principal:
    """The principal behind a read token: it reads, whatever its role could do otherwise."""
    return Principal(
        f"token:{token.token_id}", Role(token.role), frozenset(token.municipality_codes), read_only=True
    )


_ROLE_JA = {
    Role.VIEWER: "閲覧",
    Role.MUNICIPALITY: "市町",
    Role.PLANNER: "計画担当",
    Role.ADMIN: "管理者",
}
_ACTION_JA = {
    Action.VIEW: "閲覧",
    Action.DOWNLOAD: "ダウンロード",
    Action.UPLOAD: "アップロード",
    Action.SUBMIT: "提出",
    Action.EDIT: "変更",
    Action.COMPUTE: "算定",
    Action.ACCEPT: "承認",
    Action.RETURN: "差戻し",
    Action.WITHDRAW: "取下げ",
    Action.UNDO: "取消し",
    Action.PUBLISH: "公表",
    Action.FILE: "提出",
    Action.ANSWER: "回答",
    Action.CONFIRM: "解消の確認",
    Action.MANAGE: "管理",
    Action.VERIFY: "検証",
    Action.RESTORE: "復元",
}
_OBJECT_JA = {
    Object.MAP: "地図",
    Object.INDICATORS: "指標",
    Object.SUMMARY: "市町別の集計",
    Object.SITE: "基地局",
    Object.PLANNED_SITE: "計画中の基地局",
    Object.DISTRICT: "不感地域",
    Object.ACTUAL: "実績値",
    Object.MEASUREMENT: "測定値",
    Object.CHALLENGE: "圏外の申出",
    Object.DISTINCT_QUESTION: "同一局の確認",
    Object.IMPORT: "取込",
    Object.RUN: "未公表の算定結果",
    Object.PUBLISHED_RUN: "公表した算定結果",
    Object.SCENARIO: "計画案",
    Object.JOURNAL: "整備数の仕訳",
    Object.PUBLICATION: "公表物",
    Object.DATASET: "資料",
    Object.SETTING: "設定",
    Object.USER: "利用者",
    Object.TOKEN: "閲覧トークン",
    Object.AUDIT: "監査記録",
    Object.BACKUP: "バックアップ",
}
