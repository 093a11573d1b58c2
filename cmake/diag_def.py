"""Reads components/base/include/base/diag.def."""
import re

ROW = re.compile(r'IFL_DIAG\((\w+), (\d+), (\w+), (\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.S)


def text_of(literals):
    text = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', literals))
    return re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), text)


def rows(source):
    """The rows of diag.def, each as a dictionary."""
    found = [dict(name=m[1], number=int(m[2]), severity=m[3], action=m[4], cause=text_of(m[5]), remedy=text_of(m[6])) for m in ROW.finditer(source)]
    assert len(found) == len(re.findall(r"^IFL_DIAG\(", source, re.M)), "a row of diag.def isn't understood"
    return found


def words(source):
    """The rows of words.def."""
    found = [dict(name="WORDS_" + m[1], number=int(m[2]), cause=text_of(m[3]), remedy="") for m in re.finditer(r'^IFL_WORDS\((\w+), (\d+), ("(?:[^"\\]|\\.)*")\)$', source, re.M)]
    assert len(found) == len(re.findall(r"^IFL_WORDS\(", source, re.M)), "a row of words.def isn't understood"
    return found
