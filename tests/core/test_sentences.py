"""Sentence boundaries."""

from newsstand.text.sentences import sentence_spans


def test_sentences_end_at_marks_and_line_breaks() -> None:
    body = "He asked: 'Why?' Then he left...\nNo mark here\n\n“Yes.” 3.5 % more"
    texts = [body[start:end] for start, end in sentence_spans(body)]
    assert texts == ["He asked: 'Why?'", "Then he left...", "No mark here", "“Yes.”", "3.5 % more"]
    assert "".join("".join(texts).split()) == "".join(body.split())
    assert sentence_spans("") == []
