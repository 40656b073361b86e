"""The register of no-signal districts and the sites built for them: the story that 40604 tells in 見本県.

Opening balance 68 at the end of FY2014 (平成26年度). Then, fiscal year by fiscal year (who counts and why is worked out
by hand in tests/sample/test_sample_story.py):

    FY2015 (H27)  70   two masts of one project, the second in service on 31 March
    FY2016 (H28)  71   one mast for two districts, two operators; target 71
    FY2017 (H29)  72   one mast known to the month, 2018年3月; target 72
    FY2018 (H30)  72   nothing: the site meant for this year was a day late
    FY2019 (H31)  73   that site, in service on 1 April 2019; target 73

Beside them stands every case that a ledger meets and that must not move the number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

OPENING_FY, OPENING_BALANCE = 2014, 68


@dataclass(frozen=True, slots=True)
class Role:
    """A site of the story. ``districts``: keys, the first is where it stands. ``air``: operator, service date (None:
    not yet on the air) and its precision. ``confirmed``: the day on which the municipality said it serves."""

    key: str
    districts: str
    status: str
    air: tuple[tuple[str, date | None, str], ...]
    funding: str | None = "国補助"
    purpose: str | None = "居住"
    project: str | None = None
    cost_yen: int | None = None
    confirmed: tuple[date | None, ...] = (None,)
    beside: str | None = None
    """Role of a site 35 m away."""
    far_from: str | None = None
    """Role of a site at the other end of the same district."""
    replaces: str | None = None
    closed_on: date | None = None
    planned_fy: int | None = None
    allocated: bool = False

    @property
    def on_air(self) -> bool:
        """Whether it has ever been in service."""
        return any(day is not None for _, day, _ in self.air)


ROLES = (
    Role(
        "valley-1", "A", "供用中", (("m1", date(2015, 12, 10), "day"),),
        project="H27-01", cost_yen=24_613_000, confirmed=(date(2016, 2, 1),),
    ),
    Role(
        "valley-2", "A", "供用中", (("m1", date(2016, 3, 31), "day"),),
        project="H27-01", cost_yen=21_870_000, far_from="valley-1",
    ),
    Role(
        "two-districts", "BC", "供用中", (("m1", date(2017, 3, 24), "day"), ("m2", date(2018, 6, 1), "day")),
        project="H28-01", cost_yen=61_450_000, confirmed=(date(2017, 6, 30), date(2017, 9, 29)),
    ),
    Role(
        "month-only", "D", "供用中", (("m2", date(2018, 3, 31), "month"),),
        funding="県単独", project="H29-01", cost_yen=18_260_000, confirmed=(date(2018, 7, 31),),
    ),
    Role(
        "a-day-late", "E", "供用中", (("m1", date(2019, 4, 1), "day"),),
        project="H30-01", cost_yen=33_120_000, confirmed=(date(2020, 1, 31),),
    ),
    Role(
        "beside-it", "E", "供用中", (("m3", date(2019, 10, 15), "day"),),
        project="R01-02", cost_yen=9_840_000, beside="a-day-late",
    ),
    Role(
        "before", "F", "廃止", (("m2", date(2009, 3, 20), "day"),),
        confirmed=(date(2009, 8, 1),), closed_on=date(2017, 10, 1), allocated=True,
    ),
    Role(
        "after", "F", "供用中", (("m2", date(2018, 12, 20), "day"),),
        project="H30-02", cost_yen=27_300_000, confirmed=(date(2019, 2, 15),), replaces="before",
    ),
    Role("untagged", "G", "供用中", (("m1", date(2018, 10, 5), "day"),), funding=None, purpose=None),
    Role(
        "own-money", "H", "供用中", (("m3", date(2017, 9, 15), "day"),),
        funding="事業者自主", confirmed=(date(2018, 3, 31),),
    ),
    Role(
        "too-late", "H", "供用中", (("m1", date(2018, 11, 30), "day"),), project="H30-03", cost_yen=22_140_000
    ),
    Role(
        "road", "I", "供用中", (("m1", date(2016, 12, 1), "day"),),
        purpose="道路", project="H28-02", cost_yen=29_700_000, confirmed=(date(2017, 3, 31),),
    ),
    Role("year-only", "J", "供用中", (("m2", date(2017, 12, 31), "year"),)),
    Role(
        "shared", "K", "供用中",
        (("m1", date(2019, 11, 20), "day"), ("m2", date(2019, 11, 20), "day"), ("m3", date(2019, 12, 18), "day")),
        funding="インフラシェア", cost_yen=71_200_000, confirmed=(date(2020, 2, 28),),
    ),
    Role(
        "building", "L", "工事中", (("m1", None, "day"),), project="R01-01", cost_yen=31_900_000, planned_fy=2020
    ),
    Role(
        "granted", "M", "交付決定", (("m2", None, "day"),), project="R02-01", cost_yen=28_450_000, planned_fy=2020
    ),
    Role(
        "planned", "N", "計画", (("m1", None, "day"),), project="R03-01", cost_yen=26_000_000, planned_fy=2021
    ),
    Role("idea-1", "O", "候補", (("m2", None, "day"),), funding=None),
    Role("idea-2", "P", "候補", (("m3", None, "day"),), funding=None),
)  # fmt: skip

DESIGNATED = {
    "A": date(2006, 4, 1), "B": date(2008, 4, 1), "C": date(2008, 4, 1), "D": date(2010, 4, 1), "E": date(2008, 4, 1),
    "F": date(2003, 4, 1), "G": date(2012, 4, 1), "H": date(2010, 4, 1), "I": date(2006, 4, 1), "J": date(2012, 4, 1),
    "K": date(2012, 4, 1), "L": date(2008, 4, 1), "M": date(2010, 4, 1), "N": date(2012, 4, 1), "O": date(2014, 4, 1),
    "P": date(2014, 4, 1), "Q": date(2006, 4, 1),
}  # fmt: skip
RESOLVED = {
    "A": date(2016, 2, 1), "B": date(2017, 6, 30), "C": date(2017, 9, 29), "D": date(2018, 7, 31),
    "E": date(2020, 1, 31), "H": date(2018, 3, 31), "I": date(2017, 3, 31), "K": date(2020, 2, 28),
}  # fmt: skip
WAITING = "RSTUVWX"
"""Districts that nobody has a plan for."""
POINTS = "GJQTW"
"""Districts that the register knows as a point only."""
EARLIER = 7
"""Districts that sites before the ledger resolved: those sites are entered, and allocated against the opening."""
