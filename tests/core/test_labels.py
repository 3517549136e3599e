"""Label sets: what people and files call a label, and which label they mean."""

import pytest

from newsstand.labels import CUSTOM, IPTC_MEDIA_TOPICS, SCHEMES, LabelSet

TOPICS = LabelSet.of("iptc-media-topics")


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("15000000", "15000000"),
        ("sport", "15000000"),
        ("SPORT", "15000000"),
        (" Sport \t", "15000000"),
        ("sports", "15000000"),
        ("medtop:15000000", "15000000"),
        ("MEDTOP:15000000", "15000000"),
        ("http://cv.iptc.org/newscodes/mediatopic/15000000", "15000000"),
        ("https://cv.iptc.org/newscodes/mediatopic/15000000", "15000000"),
        ("Arts, culture and entertainment", "01000000"),
        ("arts, culture, entertainment and media", "01000000"),
        ("disaster and accident", "03000000"),
        ("environmental issue", "06000000"),
        ("labor", "09000000"),
        ("Social Issue", "14000000"),
        ("unrest, conflicts and war", "16000000"),
        ("conflict, war and peace", "16000000"),
        ("medtop:20000822", None),
        ("1500000", None),
        ("", None),
        ("   ", None),
        ("medtop:", None),
        ("favor", None),
    ],
)
def test_iptc_topics_resolve_by_id_name_old_name_and_address(value: str, label: str | None) -> None:
    assert TOPICS.resolve(value) == label


def test_every_iptc_name_and_id_resolves_to_itself() -> None:
    for label, name in IPTC_MEDIA_TOPICS.items():
        assert (
            TOPICS.resolve(label) == TOPICS.resolve(name) == TOPICS.resolve(name.upper()) == label
        )
    assert TOPICS.labels == tuple(sorted(IPTC_MEDIA_TOPICS))


def test_custom_labels_match_exactly_before_they_match_in_any_case() -> None:
    labels = LabelSet.of(["FAVOR", "favor", "Against"])
    assert (labels.scheme, len(labels)) == (CUSTOM, 3)
    assert labels.resolve("favor") == "favor"
    assert labels.resolve("FAVOR") == "FAVOR"
    assert labels.resolve("against ") == "Against"
    assert labels.resolve("neutral") is None


def test_older_names_count_only_where_their_label_is_known() -> None:
    assert LabelSet.of("favor-against-neutral").resolve("Favour") == "favor"
    assert LabelSet.of(["left", "right"]).resolve("favour") is None


@pytest.mark.parametrize(
    ("value", "near"),
    [("sprot", "sport"), ("Politic", "politics"), ("1500000", "15000000"), ("zzzzzz", None)],
)
def test_nearest(value: str, near: str | None) -> None:
    assert TOPICS.nearest(value) == near


def test_only_keeps_order_and_scheme() -> None:
    kept = TOPICS.only(["15000000", "04000000", "elsewhere"])
    assert kept.labels == ("04000000", "15000000")
    assert kept.scheme == "iptc-media-topics"
    assert kept.names["15000000"] == "sport"
    assert len(TOPICS) == len(IPTC_MEDIA_TOPICS)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_schemes_have_distinct_names(scheme: str) -> None:
    names = [name.casefold() for name in LabelSet.of(scheme).names.values()]
    assert len(set(names)) == len(names) >= 2
