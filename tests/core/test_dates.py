"""Dates: every usual style is read as what it says, and what may be two days is refused."""

import re
from datetime import date, datetime, timedelta, timezone

import pytest

from newsstand.io.dates import EXPECTED, parse_date

DAY, POINT = "2019-05-03", "2019-05-03T10:00:00"


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2019-05-03", DAY),
        (" 2019-05-03\n", DAY),
        ("20190503", DAY),
        (20190503, DAY),
        ("2019/05/03", DAY),
        ("2019.5.3", DAY),
        ("2019-5-3", DAY),
        ("3 May 2019", DAY),
        ("3rd May, 2019", DAY),
        ("03-MAY-2019", DAY),
        ("May 3, 2019", DAY),
        ("May 3rd 2019", DAY),
        ("Friday, May 3, 2019", DAY),
        ("Fri 3 May 2019", DAY),
        ("3.5.2019", DAY),
        ("03.05.2019", DAY),
        ("1 Sept. 2019", "2019-09-01"),
        ("December 31, 1899", "1899-12-31"),
        ("25/03/2019", "2019-03-25"),
        ("03/25/2019", "2019-03-25"),
        ("4/4/2019", "2019-04-04"),
        ("1605-11-30", "1605-11-30"),
        ("1556877600.0", f"{POINT}+00:00"),
        (1556877600.0, f"{POINT}+00:00"),
        (20190503.0, DAY),
        ("2019-05-03T10:00:00", POINT),
        ("2019-05-03 10:00", POINT),
        ("20190503100000", POINT),
        ("20190503T100000", POINT),
        ("2019/05/03 10:00:00", POINT),
        ("3.5.2019, 10:00", POINT),
        ("May 3, 2019 at 10:00 a.m.", POINT),
        ("2019-05-03T10:00:00Z", f"{POINT}+00:00"),
        ("2019-05-03T10:00:00.5Z", f"{POINT}.500000+00:00"),
        ("2019-05-03 10:00:00 UTC", f"{POINT}+00:00"),
        ("2019-05-03 10:00:00 +0200", f"{POINT}+02:00"),
        ("2019-05-03T10:00:00-03:30", f"{POINT}-03:30"),
        ("Fri, 03 May 2019 10:00:00 GMT", f"{POINT}+00:00"),
        ("Fri, 03 May 2019 10:00:00 -0330", f"{POINT}-03:30"),
        ("Fri, 3 May 2019 10:00 EDT", f"{POINT}-04:00"),
        ("May 3, 2019 12:05 am", "2019-05-03T00:05:00"),
        ("May 3, 2019 12:05PM", "2019-05-03T12:05:00"),
        ("1556877600", f"{POINT}+00:00"),
        (1556877600, f"{POINT}+00:00"),
        (1556877600000, f"{POINT}+00:00"),
        (date(2019, 5, 3), DAY),
        (datetime(2019, 5, 3, 10, tzinfo=timezone(timedelta(hours=2))), f"{POINT}+02:00"),
    ],
)
def test_usual_styles(value: object, iso: str) -> None:
    assert parse_date(value) == iso
    assert parse_date(iso) == iso


EITHER = "day or month first? Set data.dates to day-first or month-first"
SHORT = "two digits of a year; set data.dates to day-first or month-first"


@pytest.mark.parametrize(
    ("text", "alone", "day_first", "month_first"),
    [
        ("05/03/2019", EITHER, "2019-03-05", "2019-05-03"),
        ("5-3-2019", EITHER, "2019-03-05", "2019-05-03"),
        ("5.3.2019", "2019-03-05", "2019-03-05", "2019-05-03"),
        ("7/23/17", SHORT, "no such day (read day-first)", "2017-07-23"),
        ("7/6/98", SHORT, "1998-06-07", "1998-07-06"),
        ("25/03/2019", "2019-03-25", "2019-03-25", "no such day (read month-first)"),
        ("5.25.2019", "no such day (read day-first)", "no such day (read day-first)", "2019-05-25"),
    ],
)
def test_day_or_month_first(text: str, alone: str, day_first: str, month_first: str) -> None:
    found = []
    for order in (None, "day-first", "month-first"):
        try:
            found.append(parse_date(text, order))
        except ValueError as error:
            found.append(str(error))
    assert found == [alone, day_first, month_first]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        *(
            (value, EXPECTED)
            for value in (
                "yesterday",
                "May 2019",
                "2019",
                "3 Mai 2019",
                "2019-05-03x10:00",
                "2019-05-03 10:00 sharp",
                "2019-05-03, 13:00 pm",
                "NaN",
                "NA",
                "²",
                "٢٠١٩",
                1.5,
                float("nan"),
                True,
                ["2019-05-03"],
                "13 Mordad 1404",
                "43588",
                43588,
                43588.25,
                float("inf"),
            )
        ),
        *(
            (value, "not a year of publication, expected 1600 to 2100")
            for value in ("1404-05-13", "0001-11-30", "9999-12-31", "1.1.0001", date(1404, 5, 13))
        ),
        ("0000-00-00", "no such day"),
        ("27 Sep 13", "two digits of a year, expected four"),
        ("2019-05-03 10:00 IRDT", "unknown time zone IRDT; expected one such as +02:00"),
        ("2019-02-30", "no such day"),
        ("31.4.2019", "no such day (read day-first)"),
        ("20191345", "no such day"),
        ("2019-05-03T24:30", "no such time of day"),
        ("2019-05-03 10:61", "no such time of day"),
        ("3 May 2019 10:00 XYZ", "unknown time zone XYZ; expected one such as +02:00"),
        ("Thu, 03 May 2019 10:00:00 GMT", "2019-05-03 is a Friday"),
        *((number, EXPECTED) for number in (0, 2019, -5, 99_999_999, 10**11, 10**40)),
    ],
)
def test_what_is_no_date(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"^{re.escape(reason)}"):
        parse_date(value)
