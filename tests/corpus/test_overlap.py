"""What two sets share, in any script; exactly is exactly, and nothing near is missed."""

import pandas as pd
import pytest

from blur_pipeline.corpus.containment import find_contained
from blur_pipeline.corpus.overlap import find_overlap
from blur_pipeline.corpus.words import words_of


def found(left, right, threshold=0.9) -> list[tuple[str, float]]:
    """(match, similarity) of each pair of one row with one, or of all in order."""
    frames = [pd.DataFrame({"row_id": [f"{side}{i}" for i in range(len(rows))],
                            "question": pd.Series([q for q, _ in rows], dtype=object),
                            "answer": [a for _, a in rows]})
              for side, rows in (("f", left), ("k", right))]  # fmt: skip
    pairs = find_overlap(*frames, threshold)
    return list(pairs[["match", "similarity"]].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("asked", "one", "other"),
    [
        ("What is f(2)?", "-5", "5"),
        ("Which language does he use?", "C++", "C#"),
        ("कौन?", "की", "का"),
        ("Mood?", "😀", "😡"),
        ("How much?", "$5", "€5"),
        ("谁写了红皮书？", "安娜。", "红玉。"),
    ],
)
def test_another_answer_is_no_match(asked, one, other):
    assert found([(asked, one)], [(asked, other)]) == []
    assert found([(asked, one)], [(asked, f" {one} ")]) == [("exact", 1.0)]


def test_case_and_white_space_make_no_difference_and_marks_around_words_make_it_near():
    assert found([("Who?", "Ann\n Berg")], [("who?", "ann berg")]) == [("exact", 1.0)]
    assert found([("Who?", "Ann Berg.")], [("Who", "“Ann” Berg")]) == [("near", 1.0)]
    assert found([("谁写了红皮书？", "安娜。")], [("谁写了红皮书", "安娜")]) == [("near", 1.0)]
    assert found([("?", "…")], [("?", "!")]) == []  # no word in either
    assert found([("?", "…")], [("?", "…")]) == [("exact", 1.0)]


@pytest.mark.parametrize(
    ("asked", "one", "other"),
    [
        ("谁写了红皮书？", "红皮书是安娜贝格在一九九零年于奥斯陆写成的，后来被翻译成了三十种语言，并且得到了许多奖项。",
         "红皮书是安娜贝格在一九九一年于奥斯陆写成的，后来被翻译成了三十种语言，并且得到了许多奖项。"),
        ("ใครเขียนหนังสือเล่มนี้", "สมชายเขียนหนังสือเล่มนี้เมื่อปีที่แล้วในกรุงเทพมหานครประเทศไทย",
         "สมชายเขียนหนังสือเล่มนี้เมื่อปีที่แล้วในกรุงเทพมหานครประเทศไทยครับ"),
    ],
)  # fmt: skip
def test_scripts_without_spaces_are_compared_by_runs_of_letters(asked, one, other):
    assert [match for match, _ in found([(asked, one)], [(asked, other)])] == ["near"]
    assert found([(asked, one)], [(asked, other[::-1])]) == []


def test_the_words_of_a_text():
    assert words_of("well-known f(2) = -5, “c++”…") == ["well-known", "f(2", "=", "-5", "c++"]
    assert words_of("abc红皮书。ok 书") == ["abc", "红皮", "皮书", "ok", "书"]


def test_no_pair_just_above_the_threshold_is_missed():
    """190 words of 200 in common: 0.905. An index at the threshold itself found six of seven."""
    words = [[f"w{i}_{j}" for j in range(199)] for i in range(100)]
    left = [("q", " ".join(w)) for w in words]
    right = [("q", " ".join([*w[:-10], *(f"z{i}_{j}" for j in range(10))])) for i, w in enumerate(words)]
    assert found(left, right) == [("near", pytest.approx(190 / 210))] * 100


TEXT = " ".join(f"secret{i}" for i in range(200))
REST = " ".join(f"other{i}" for i in range(800))


def test_a_document_that_holds_another_is_found():
    assert found([(None, TEXT)], [(None, f"{REST} {TEXT} {REST}")]) == [("near", 1.0)]
    assert found([(None, f"{TEXT} {REST}")], [(None, TEXT)]) == [("near", 1.0)]
    [(match, share)] = found([(None, TEXT)], [(None, f"{TEXT.rsplit(' ', 12)[0]} {REST}")])
    assert (match, share) == ("near", pytest.approx(184 / 196))
    assert found([(None, TEXT)], [(None, f"{TEXT.rsplit(' ', 60)[0]} {REST}")]) == []
    assert found([(None, TEXT)], [(None, " ".join(reversed(f"{TEXT} {REST}".split())))]) == []  # its words alone
    assert found([(None, "= A heading =")], [(None, f"= A heading = {REST}")]) == []
    assert found([("Q", TEXT)], [(None, f"{TEXT} {REST}")]) == []  # a question is no document


def test_of_many_documents_those_that_hold_one_are_found():
    texts = {f"f{i}": [f"a{i}_{j}" for j in range(300)] for i in range(30)}
    other = {f"k{i}": [*REST.split(), *texts[f"f{i}"][: 300 if i % 2 else 150]] for i in range(30)}
    assert find_contained(texts, other, 0.9) == {(f"f{i}", f"k{i}"): 1.0 for i in range(1, 30, 2)}
    assert find_contained({}, other, 0.9) == find_contained(texts, {}, 0.9) == {}
