"""Converts dates of newspapers, feeds and spreadsheets to ISO 8601, without guessing.

Years without newspapers (1404 in another calendar, 9999 for "never") are refused, as are numbers
that could be the day numbers of a spreadsheet.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from numbers import Real
from typing import Any

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sep sept",
            "october oct",
            "november nov",
            "december dec",
        ),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# Time zones of RFC 822, which feeds still use, in hours from UTC.
_ZONES = {"z": 0, "ut": 0, "utc": 0, "gmt": 0}
_ZONES |= {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}

# Accepted years of publication; the first newspaper appeared in 1605.
YEARS = range(1600, 2101)
# Epoch seconds from March 1973 to the year 2100; integers with fewer digits could be years.
_SECONDS = range(10**8, 4_102_444_800)

_MOST: Any = 1e15  # greater than any accepted number of milliseconds

EXPECTED = "expected a date, such as 2019-05-03, 2019-05-03T10:00:00Z or 3 May 2019"

_DAY = re.compile(
    r"(?:(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?"
    r"(?:(?P<y>\d{4})(?P<s>[-/.])(?P<m>\d{1,2})(?P=s)(?P<d>\d{1,2})"
    r"|(?P<d1>\d{1,2})(?:st|nd|rd|th)?[\s.-]+(?P<m1>[a-z]{3,9})\.?,?[\s-]+(?P<y1>\d{4}|\d{2}\b)"
    r"|(?P<m2>[a-z]{3,9})\.?\s+(?P<d2>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y2>\d{4})"
    r"|(?P<n1>\d{1,2})(?P<n>[-/.])(?P<n2>\d{1,2})(?P=n)(?P<y3>\d{4}|\d{2}))",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(
    r"(?:(?:,?\s+(?:at\s+)?|t)(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?"
    r"(?:\s*(?P<sign>[+-])(?P<zh>\d\d):?(?P<zm>\d\d)|\s*(?P<zone>[a-z]{1,4}))?)?",
    re.ASCII | re.IGNORECASE,
)


def parse_date(value: object, order: str | None = None) -> str:
    """The ISO 8601 form of a date or a point in time.

    Args:
        value: Text, a whole number (epoch seconds or milliseconds, or 20190503), or a date.
        order: `day-first` or `month-first`, for dates such as 05/03/2019.

    Raises:
        ValueError: The value is not a date, is ambiguous, or has a year outside `YEARS`; the
            message says what was expected.

    >>> parse_date("Fri, 03 May 2019 10:00:00 GMT"), parse_date("25/03/2019")
    ('2019-05-03T10:00:00+00:00', '2019-03-25')
    >>> parse_date("05/03/2019", "month-first"), parse_date(1556877600)
    ('2019-05-03', '2019-05-03T10:00:00+00:00')
    """
    parsed = _read(value, order)
    if parsed.year not in YEARS:
        raise ValueError(f"not a year of publication, expected {YEARS[0]} to {YEARS[-1]}")
    return parsed.isoformat()


def _read(value: object, order: str | None) -> date | datetime:
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.removesuffix(".0").isdecimal():  # as pandas writes integers
            return _digits(text.removesuffix(".0"))
        try:  # fast path for most dates
            return date.fromisoformat(text)
        except ValueError:
            return _written(text, order)
    if isinstance(value, date) and value == value:  # includes datetime, but not pandas' NaT
        return value
    if isinstance(value, Real) and not isinstance(value, bool) and -_MOST < value < _MOST:
        seconds = float(value)
        return _digits(str(int(seconds)) if seconds.is_integer() else "")
    raise ValueError(EXPECTED)


def _digits(text: str) -> date | datetime:
    """20190503, 20190503100000, or the seconds or milliseconds since 1970."""
    if len(text) == 8 and int(text[:4]) in YEARS:
        return _real(int(text[:4]), int(text[4:6]), int(text[6:]))
    if len(text) == 14 and int(text[:4]) in YEARS:
        time = (int(text[at : at + 2]) for at in (8, 10, 12))
        return _at(_real(int(text[:4]), int(text[4:6]), int(text[6:8])), *time)
    if len(text) in (9, 10) and int(text) in _SECONDS:
        return datetime.fromtimestamp(int(text), UTC)
    if len(text) == 13 and int(text) // 1000 in _SECONDS:
        return datetime.fromtimestamp(int(text) // 1000, UTC)
    raise ValueError(f"{EXPECTED}, or plausible epoch seconds or milliseconds")


def _written(text: str, order: str | None) -> date | datetime:
    if text[8:9] == "T" or text[10:11] in ("T", " "):  # Python accepts any other character
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    match = _DAY.match(text)
    time = _TIME.fullmatch(text, match.end()) if match else None
    if match is None or time is None:
        raise ValueError(EXPECTED)
    part = match.groupdict()
    if part["y"]:
        day = _real(int(part["y"]), int(part["m"]), int(part["d"]))
    elif part["y3"]:
        day = _numeric(int(part["n1"]), int(part["n2"]), part["y3"], part["n"], order)
    else:
        if len(part["y1"] or part["y2"]) == 2:
            raise ValueError("two digits of a year, expected four")
        month = _MONTHS.get((part["m1"] or part["m2"]).lower())
        if month is None:
            raise ValueError(EXPECTED)
        day = _real(int(part["y1"] or part["y2"]), month, int(part["d1"] or part["d2"]))
    weekday = (part["weekday"] or "").lower()
    if weekday and _WEEKDAYS[day.weekday()] != weekday:
        raise ValueError(f"{day} is a {day:%A}")
    return _with_time(day, time)


def _numeric(first: int, second: int, year: str, separator: str, order: str | None) -> date:
    """A date whose day and month are distinguished by `order`, by their size, or by dots."""
    if order is None and len(year) == 2:
        raise ValueError("two digits of a year; set data.dates to day-first or month-first")
    if order is None and separator == ".":
        order = "day-first"  # the order in countries that write dots
    if order is None and first <= 12 and second <= 12 and first != second:
        raise ValueError("day or month first? Set data.dates to day-first or month-first")
    day_first = order == "day-first" if order else first > 12
    day, month = (first, second) if day_first else (second, first)
    full = int(year)
    if len(year) == 2:
        full += 2000 if full < 69 else 1900  # as in POSIX
    return _real(full, month, day, f" (read {order})" if order else "")


def _with_time(day: date, time: re.Match[str]) -> date | datetime:
    part = time.groupdict()
    if part["hour"] is None:
        return day
    hour = int(part["hour"])
    if part["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(EXPECTED)
        hour = hour % 12 + 12 * (part["half"].lower() == "p")
    when = _at(day, hour, int(part["minute"]), int(part["second"] or 0))
    if part["sign"]:
        offset = timedelta(hours=int(part["zh"]), minutes=int(part["zm"]))
        if offset >= timedelta(days=1):
            raise ValueError(EXPECTED)
        return when.replace(tzinfo=timezone(offset if part["sign"] == "+" else -offset))
    if part["zone"]:
        hours = _ZONES.get(part["zone"].lower())
        if hours is None:
            raise ValueError(f"unknown time zone {part['zone']}; expected one such as +02:00")
        return when.replace(tzinfo=timezone(timedelta(hours=hours)))
    return when


def _real(year: int, month: int, day: int, how: str = "") -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"no such day{how}") from None


def _at(day: date, hour: int, minute: int, second: int) -> datetime:
    try:
        return datetime(day.year, day.month, day.day, hour, minute, second)
    except ValueError:
        raise ValueError("no such time of day") from None
