"""The records of a CSV file; a faulty one refuses itself only."""

import io
import time

import pytest

from angarium.platform.csv_records import CsvRecord, read_records


def records(text: str) -> list[CsvRecord]:
    return list(read_records(io.StringIO(text, newline="")))


@pytest.mark.parametrize(
    ("faulty", "message"),
    [
        ('"B,b@x.example', "a quoted cell is not closed"),
        ('B,"b@x.example', "a quoted cell is not closed"),
        ('"B"x,b@x.example', "text follows a quoted cell"),
        ("B" * 140_000, "a cell is too long"),
        (f'"{"B" * 140_000}"', "a cell is too long"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_faulty_record_leaves_the_others(faulty: str, message: str, end: str) -> None:
    found = records(end.join(["A,a@x.example", faulty, "C,c@x.example", "D,d@x.example"]))
    assert found == [
        CsvRecord(1, ["A", "a@x.example"]),
        CsvRecord(2, [], message),
        CsvRecord(3, ["C", "c@x.example"]),
        CsvRecord(4, ["D", "d@x.example"]),
    ]


def test_a_record_may_have_several_lines() -> None:
    found = records('A,"a\nb"\n"x""y",\n\nC\n')
    assert found == [CsvRecord(1, ["A", "a\nb"]), CsvRecord(3, ['x"y', ""]), CsvRecord(4, []), CsvRecord(5, ["C"])]


def test_an_empty_file_has_no_records() -> None:
    assert records("") == []


@pytest.mark.parametrize("line", ['"a,\n', '""b\n', ',"""\n', '"\n""\n', 'a,"b""\n'])
def test_reading_is_linear_whatever_the_quotes(line: str) -> None:
    def seconds(count: int) -> float:
        started = time.thread_time()
        records('"' + "x\n" * count + line * count)
        return time.thread_time() - started

    assert min(seconds(40_000) for _ in range(3)) < 12 * min(seconds(10_000) for _ in range(3)) + 0.1
