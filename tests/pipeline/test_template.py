"""Texts with facts in them: what they become, and what is wrong with them."""

from __future__ import annotations

from runnerlib.pipeline.template import Facts, filled, problems

FACTS = Facts({"branch": "main", "os": "linux"}, {"A": "1"}, "+".join)

FILLED = {
    "plain": "plain",
    "a-${branch}-${ os }": "a-main-linux",
    "${env.A}${env.B}": "1",
    "${checksum('a', \"b c\")}": "a+b c",
    "$branch {os} $$": "$branch {os} $$",
}
WRONG = {
    "": "a text of 1 to 512 printable characters is expected",
    "a\nb": "a text of 1 to 512 printable characters is expected",
    "${brnch}": "unknown fact 'brnch'; did you mean 'branch'?",
    "${checksm('a')}": "unknown function 'checksm'; did you mean 'checksum'?",
    "${checksum(a)}": "checksum takes globs of files in quotes, as checksum('*.lock')",
    "${env.a-b}": "'a-b' is no name of a variable",
    "${secret:a:b}": "it is shown and written down, so it holds no secret",
    "${branch": "a '${' has no '}'",
}


def test_facts_take_their_places() -> None:
    assert {text: filled(text, FACTS) for text in FILLED} == FILLED
    assert [told for text in FILLED for told in problems(text)] == []


def test_wrong_texts() -> None:
    assert {text: list(problems(text)) for text in WRONG} == {text: [told] for text, told in WRONG.items()}
    assert list(problems("${checksum('a')}", files=False)) == [
        "it is needed before there are files, so it has no checksums of them"
    ]
