"""Public data sets of arguments and claims: rows, splits and labels, and reported problems."""

import io
import zipfile
from collections import Counter
from typing import Any

import pytest

from newsstand.data.readers.formats import reader
from newsstand.data.readers.sources import Source
from newsstand.io.records import Problem
from reading import inputs, put, read, refused

pytestmark = pytest.mark.usefixtures("in_tmp_path")

TRAIN = """\
author,post,new_topic,label,topic_str,seen?
Ada,"Ferries are slow, but kind.",boats,1,ferry,1
Ada,"Ferries are slow, but kind.",boats,2,harvest,1
Ben,Close the pier.,pier,0,piers,1
"""
DEV = "Tweet,Target 1,Stance 1,seen?\nKeep it,clock tower,FAVOR,0\nNo more,piers,AGAINST,1\n"
TEST = 'Tweet,Target 1,Stance 1,seen?\nHm,marsh,NONE,0\nA "good" pier,piers,FAVOR,1\n'
VAST = {"v/vast_train.csv": TRAIN, "v/vast_dev.csv": DEV, "v/vast_test.csv": TEST}
ARGUMENTS = "arg_id,argument,topic,stance\narg_0_0,it keeps us warm,We should heat halls,1\n"
IBM = """\
topicId,"split","topicText","claims.claimId","claims.stance","claims.claimCorrectedText",\
"claims.article.rawFile"
"""
CLAIMS = [
    '7,"train","This house would dredge the bay","1","PRO","Dredging, they say, pays","a/1.txt"',
    '7,"train","This house would dredge the bay","2","CON","Sand is ""gold""; leave it","a/1.txt"',
    '9,"test","This house would ring bells","3","CON","Bells wake \nchildren","a/2.txt"',
]


def stances(form: str, path: str, **settings: Any) -> list[Any]:
    """(split, place, target, label, body) of each record, and the message of each problem."""
    return [
        item.message
        if isinstance(item, Problem)
        else (split, item.place, *(item.values[x] for x in ("target", "label", "body")))
        for split, item in reader(form)(Source(task="stance", path=path, **settings))
    ]


def wrapped(text: str, width: int = 5) -> str:
    """As a spreadsheet with semicolons saves a file that it has not split at commas."""
    lines = []
    for line in text.splitlines():
        cells = ['"' + cell.replace('"', '""') + '"' for cell in line.split(";")]
        lines.append(";".join(cells) + ";" * (width - len(cells)))
    return "\r\n".join(lines) + "\r\n"


def test_vast_training_file_has_its_own_header() -> None:
    put({**VAST})
    assert stances("vast", "v") == [
        (
            "train",
            "v/vast_train.csv: row 1, line 2",
            "ferry",
            "favor",
            "Ferries are slow, but kind.",
        ),
        (
            "train",
            "v/vast_train.csv: row 2, line 3",
            "harvest",
            "neutral",
            "Ferries are slow, but kind.",
        ),
        ("train", "v/vast_train.csv: row 3, line 4", "piers", "against", "Close the pier."),
        ("validation", "v/vast_dev.csv: row 1, line 2", "clock tower", "favor", "Keep it"),
        ("validation", "v/vast_dev.csv: row 2, line 3", "piers", "against", "No more"),
        ("test", "v/vast_test.csv: row 1, line 2", "marsh", "neutral", "Hm"),
        ("test", "v/vast_test.csv: row 2, line 3", "piers", "favor", 'A "good" pier'),
    ]
    unseen = stances("vast", "v", unseen_only=True)
    assert Counter(split for split, *_ in unseen) == {
        "train": 3,
        "validation": 1,
        "test": 1,
        "unused": 2,
    }


def test_vast_training_file_may_be_zipped() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("vast_train.csv", TRAIN)
    files: dict[str, str | bytes] = {**VAST, "v/vast_train.zip": packed.getvalue()}
    del files["v/vast_train.csv"]
    put(files)
    found = stances("vast", "v")
    assert found[2][:3] == ("train", "v/vast_train.zip: row 3, line 4", "piers")
    assert len(found) == 7
    assert inputs("vast", "v") == ["v/vast_dev.csv", "v/vast_test.csv", "v/vast_train.zip"]


def test_argkp_and_iam_rows() -> None:
    put({f"a/arguments_{x}.csv": ARGUMENTS.replace("arg_0", x) for x in ("train", "dev", "test")})
    put({"a/arguments_dev.csv": ARGUMENTS.replace(",1\n", ",-1\n")})
    found = stances("argkp", "a")
    assert [(split, label) for split, _, _, label, _ in found] == [
        ("train", "favor"),
        ("validation", "against"),
        ("test", "favor"),
    ]
    assert found[0][2::2] == ("We should heat halls", "it keeps us warm")
    ids = [values["id"] for _, _, values in read("argkp", "a", task="stance")]
    assert ids == ["arguments_train/train_0", "arguments_dev/arg_0_0", "arguments_test/test_0"]

    line = 'C\tShould bells ring\tThey wake "all"\t9_1\t-1\n'
    put({"i/stance-train.txt": line * 2, "i/stance-dev.txt": line, "i/stance-test.txt": line})
    rows = read("iam", "i", task="stance")
    assert [split for split, _, _ in rows] == ["train", "train", "validation", "test"]
    assert rows[1][1:] == (
        "i/stance-train.txt:2",
        {
            "body": 'They wake "all"',
            "target": "Should bells ring",
            "group": "9_1",
            "label": "against",
        },
    )


def test_ibm_claims_may_be_quoted_twice() -> None:
    plain = IBM + "\n".join(CLAIMS) + "\n"
    put({"p/claim_stance_dataset_v1.csv": plain})
    put({"w/claim_stance_dataset_v1.csv": wrapped(plain)})
    motion = "This house would dredge the bay"
    found = stances("ibm-claims", "p")
    place = "p/claim_stance_dataset_v1.csv: row"
    assert found == [
        ("train", f"{place} 1, line 2", motion, "favor", "Dredging, they say, pays"),
        ("train", f"{place} 2, line 3", motion, "against", 'Sand is "gold"; leave it'),
        (
            "test",
            f"{place} 3, line 4",
            "This house would ring bells",
            "against",
            "Bells wake \nchildren",
        ),
    ]
    same = [
        (split, where.replace("w/", "p/"), *x) for split, where, *x in stances("ibm-claims", "w")
    ]
    assert same == found


FLAWS = [
    (
        "vast",
        {"d/vast_train.csv": TRAIN.replace("boats,2", "boats,3")},
        ["d/vast_train.csv: row 2, line 3: field 'label': '3'; expected 0, 1, 2"],
    ),
    (
        "vast",
        {"d/vast_dev.csv": DEV.replace("FAVOR,0", "FAVOR,yes").replace("AGAINST", "CON")},
        [
            "d/vast_dev.csv: row 1, line 2: field 'seen?': expected 0 or 1",
            "d/vast_dev.csv: row 2, line 3: field 'Stance 1': 'CON'; expected AGAINST, FAVOR, NONE",
        ],
    ),
    (
        "vast",
        {"d/vast_test.csv": TRAIN, "d/vast_dev.csv": b"", "d/vast_train.csv": "post\n\xe9\n"},
        [
            "d/vast_dev.csv: the file is empty",
            "d/vast_test.csv: no column 'Tweet' "
            "(columns here: author, post, new_topic, label, topic_str, seen?)",
            "d/vast_train.csv: no column 'topic_str' (columns here: post)",
        ],
    ),
    (
        "argkp",
        {"d/arguments_dev.csv": ARGUMENTS.replace(",1\n", ",2\nx,y,z\n")},
        [
            "d/arguments_dev.csv: row 1, line 2: field 'stance': '2'; expected 1, -1",
            "d/arguments_dev.csv: row 2, line 3: expected 4 cells as in the header, got 3",
        ],
    ),
    (
        "iam",
        {"d/stance-test.txt": "C\tt\tc\t1\t1\n\nC\tt\tc\t1\nO\tt\tc\t1\t1\nC\tt\tc\t1\tpro\n"},
        [
            "d/stance-test.txt:3: expected C, topic, claim, article and stance, with tabs",
            "d/stance-test.txt:4: expected C, topic, claim, article and stance, with tabs",
            "d/stance-test.txt:5: field 'stance': 'pro'; expected 1, -1",
        ],
    ),
    (
        "ibm-claims",
        {"d/claim_stance_dataset_v1.csv": IBM + CLAIMS[0].replace("train", "dev")},
        [
            "d/claim_stance_dataset_v1.csv: row 1, line 2: field 'split': 'dev'; "
            "expected train or test",
        ],
    ),
    (
        "ibm-claims",
        {"d/claim_stance_dataset_v1.csv": wrapped(IBM + CLAIMS[0]) + '"8,""x"" ";"y\r\n'},
        [
            "d/claim_stance_dataset_v1.csv:3: not in quotes as the first line is "
            "(unexpected end of data)",
        ],
    ),
    (
        "ibm-claims",
        {"d/claim_stance_dataset_v1.csv": wrapped(IBM + CLAIMS[0].replace("PRO", "MAYBE"))},
        [
            "d/claim_stance_dataset_v1.csv: row 1, line 2: field 'claims.stance': 'MAYBE'; "
            "expected PRO, CON",
        ],
    ),
]


@pytest.mark.parametrize(("form", "files", "expected"), FLAWS)
def test_problems_name_file_and_line(
    form: str, files: dict[str, str | bytes], expected: list[str]
) -> None:
    put(files)
    found = [item for item in stances(form, "d") if isinstance(item, str)]
    missing = [line for line in found if line.endswith("no such file")]
    assert sorted(x for x in found if x not in missing) == sorted(expected)


@pytest.mark.parametrize("form", ["vast", "argkp", "iam", "ibm-claims"])
def test_path_must_be_a_folder(form: str) -> None:
    assert refused(form, "nowhere") == ["nowhere: no such folder (data.path)"]
    put({"file.csv": "x"})
    assert refused(form, "file.csv") == ["file.csv: expected a folder, got a file (data.path)"]
