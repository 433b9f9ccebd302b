import pytest

from vitrine.catalogue.texts import FiledTexts, Texts, Vocabulary

NAMES = ["hat-1", "", "café ☕", "hat-10", "a" * 400]


def test_texts_come_back_as_they_were():
    texts = Texts.of(NAMES)
    assert list(texts) == [texts[i] for i in range(len(texts))] == NAMES
    assert list(Texts.of([])) == []


@pytest.mark.parametrize("n_filed", [0, 3, 5])
def test_a_vocabulary_gives_each_word_its_code(n_filed):
    words = Vocabulary(FiledTexts.of(NAMES[:n_filed]))
    assert [words.code(name) for name in NAMES] == [0, 1, 2, 3, 4]
    assert [words.find(name) for name in (*NAMES, "sock")] == [0, 1, 2, 3, 4, -1]
    assert list(words) == NAMES
    assert words[1:4] == NAMES[1:4]
    assert words[-1 % 5] == NAMES[4]
    assert len(words) == 5
