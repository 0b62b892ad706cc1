"""``dnc import``: no line of a do-not-call file is passed over in silence."""

from __future__ import annotations

import pytest

ADA, BOB = "+14155550100", "+14155550101"


@pytest.fixture
def load(cli, store, tmp_path):
    """Import a text; gives the exit status, what was said, and the numbers that are on the list."""

    def run(text, *options, encoding="utf-8"):
        file = tmp_path / "numbers.csv"
        file.write_bytes(text.encode(encoding))
        status, output, errors = cli("dnc", "import", str(file), *options)
        return status, output, errors, sorted(each.number for each in store.do_not_call.iterate())

    return run


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (f"{ADA}\n{BOB}\n", ()),
        (f"{ADA}\r\n\r\n{BOB}", ()),
        ("(415) 555-0100\n415-555-0101\n", ("--region", "US")),
        (f"\ufeffnumber,name\n{ADA},Ada\n\n{BOB},Bob\n", ()),
        (f"number,added_at,added_by,reason\n{ADA},2026-11-23,ada,asked\n{BOB},2026-11-23,ada,\n", ()),
        (f"{ADA},Ada\n{BOB},Bob\n", ()),
        (f"name,phone_1\nAda,{ADA}\nBob,{BOB}\n", ("--column", " Phone_1 ")),
        (f'name;phone\n"Ada; 1";{ADA}\nBob;{BOB}\n', ()),
        (f"name\tphone\nAda\t{ADA}\nBob\t{BOB}\n", ("--column", "phone")),
        (f'"phone","note"\n"{ADA}","says ""no"""\n"{BOB}",""\n', ()),
        (f"\nTelefon\n{ADA}\n{BOB}\n", ()),
    ],
)
def test_numbers_are_read_from_lines_and_from_columns(load, text, options):
    status, output, errors, numbers = load(text, *options)
    assert (status, errors, numbers) == (0, "", [ADA, BOB])
    assert "2 lines read: 2 numbers added to the do-not-call list, 0 on it already, 0 invalid" in output


def test_it_says_how_many_it_read_added_knew_and_could_not_read(load):
    load(f"{ADA}\n")
    status, output, errors, numbers = load(f"{ADA}\n{BOB}\n{BOB}\n+1415555\n030 1234\n{BOB} Bob\n\n")
    assert status == 1
    assert "6 lines read: 1 numbers added to the do-not-call list, 2 on it already, 3 invalid" in output
    assert numbers == [ADA, BOB]
    assert "line 4: number ••• is not a valid number: digits are missing." in errors
    assert "line 5: number ••• has no country code" in errors
    assert "line 6: number +1415•••0101 is not a phone number" in errors
    assert "Fix these lines and import the file again" in errors


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # Read leniently, the numbers after the quote are a part of it.
        (f'number,name\n{ADA},Ada\n{BOB},"Bob\n+14155550102,Eve\n', "line 3: quotes do not match"),
        (f'number,name\n{ADA},Ada\n"{BOB},Bob\n', "line 3: quotes do not match"),
        (f'{ADA},Ada\n{BOB},"Bob" Bobson\n', "line 2: quotes do not match"),
        (f'{ADA},Ada\n{BOB},"Bob\n+14155550102,Eve"\n', "line 2: a quote opened here is closed in line 3"),
        (f"{ADA},Ada\nBob,{BOB}\n", "line 2: number ••• is not a phone number"),
        (f"number,name\n{ADA},Ada\n1,{BOB},Bob\n", "line 3: it has 3 columns, not 2."),
        (f"name,number\nAda,{ADA}\nBob\n", "line 3: it has 1 columns, not 2."),
        (f"name,number\nAda,{ADA}\nBob,\n", "line 3: number is empty"),
        (f"{ADA}\n{BOB} x5\n", "line 2: number +1415•••1015 has an extension"),
        # No header: a number whose country is not known.
        (f"Bob 415 555 0101\n{ADA}\n", "line 1: number 415•••0101 is not a phone number"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line_and_the_rest_is_imported(load, text, says):
    status, output, errors, numbers = load(text)
    assert status == 1
    assert says in errors
    assert "1 invalid" in output
    assert numbers == [ADA]
    assert BOB not in errors


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (f"name,number\nAda,{ADA}\n", ("--column", "phone"), "has no column 'phone': name one of name, number"),
        (f"phone,mobile\n{ADA},{BOB}\n", (), "has 2 columns of numbers: name one of phone, mobile with --column"),
        (f"phone,phone\n{ADA},{BOB}\n", ("--column", "phone"), "has 2 columns"),
        ("", ("--column", "phone"), "has no column 'phone'"),
        (f"{ADA}\n", ("--region", "USA"), "default_region 'USA' is not a country code"),
    ],
)
def test_a_file_that_can_be_read_in_two_ways_is_not_imported(load, text, options, says):
    status, _, errors, numbers = load(text, *options)
    assert (status, numbers) == (1, [])
    assert says in errors


def test_a_file_that_is_no_text_is_not_imported(cli, load, tmp_path):
    status, _, errors, numbers = load(f"name,number\nAndré,{ADA}\n", encoding="latin-1")
    assert (status, numbers) == (1, [])
    assert "is not UTF-8: save it as UTF-8. Nothing was imported." in errors
    assert "cannot be read: No such file" in cli("dnc", "import", str(tmp_path / "nowhere"))[2]


def test_a_thousand_wrong_lines_are_counted_and_some_are_shown(load):
    _, output, errors, _ = load("x\n" * 3 + "".join(f"{each}\n" for each in range(1_000)))
    assert output.startswith("1002 lines read: 0 numbers added to the do-not-call list")
    assert "… and 982 more lines." in errors
    assert len(errors.splitlines()) == 22
