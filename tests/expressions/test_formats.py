"""Numbers, dates and time spans as .NET writes and reads them; XML as its document does."""

from __future__ import annotations

import base64
from datetime import datetime
from decimal import Decimal

import pytest

from flowner.expressions.context import Context
from flowner.expressions.date_formats import format_moment
from flowner.expressions.date_reading import read_exactly, read_moment
from flowner.expressions.moments import Kind, Moment
from flowner.expressions.number_formats import write_number
from flowner.expressions.number_texts import plain_number, read_double
from flowner.expressions.numbers import fit_decimal
from flowner.expressions.spans import read_span, span_text, write_span
from flowner.expressions.template import compile_value
from flowner.expressions.xml_effort import MAX_EFFORT, effort
from flowner.expressions.xml_tree import Unreadable, read_xml, read_xml_bytes
from flowner.expressions.xml_writing import write_xml


def evaluate(template):
    return compile_value(template).evaluate(Context({}))


@pytest.mark.parametrize(
    ("value", "pattern", "text"),
    [
        (1234567.891, "N", "1,234,567.89"),
        (1234567.891, "N0", "1,234,568"),
        (-1.5, "F1", "-1.5"),
        (0.1234, "P1", "12.3%"),
        (42, "D5", "00042"),
        (-42, "D5", "-00042"),
        (255, "x4", "00ff"),
        (-1, "X", "FFFFFFFF"),
        (5, "B8", "00000101"),
        (12345.678, "e", "1.234568e+004"),
        (12345.678, "E2", "1.23E+004"),
        (12345.678, "G4", "1.235E+04"),
        (0.00001234, "G2", "1.2E-05"),
        (1.5, "", "1.5"),
        (1e21, "R", "1E+21"),
        (Decimal("1.10"), "G", "1.10"),
        (1234.5, "C", "$1,234.50"),
        (-1234.5, "C0", "-$1,235"),
        (float("nan"), "N2", "NaN"),
        (5, "000", "005"),
        (0, "#", ""),
        (0.5, ".00", ".50"),
        (12.5, ".0", "12.5"),
        (1234567, "#,##0", "1,234,567"),
        (1234567, "#,##0,", "1,235"),
        (1234567890, "0,,.0M", "1234.6M"),
        (123456789, "000-00-0000", "123-45-6789"),
        (12, "000-00-0000", "000-00-0012"),
        (5551234567, "(###) ###-####", "(555) 123-4567"),
        (0.256, "0.0%", "25.6%"),
        (0.0256, "0.0‰", "25.6‰"),
        (1.2, "0.00##", "1.20"),
        (1.23456, "0.00##", "1.2346"),
        (-1, "0;(0);zero", "(1)"),
        (0, "0;(0);zero", "zero"),
        (0.001, "0.0;(0.0);zero", "zero"),
        (-1, "0.0;;zero", "-1.0"),
        (12345, "0.00E+00", "1.23E+04"),
        (0.00012, "0.0e-0", "1.2e-4"),
        (12345, "##0.0E0", "123.5E2"),
        (5, "'no. '0", "no. 5"),
        (5, "0\\#", "5#"),
        (5, "abc", "abc"),
    ],
)
def test_numbers_are_written(value, pattern, text):
    assert write_number(value, pattern, None) == text


@pytest.mark.parametrize(
    ("value", "pattern", "culture", "text"),
    [
        (1234.5, "N2", "de-DE", "1.234,50"),
        (1234.5, "C2", "de-DE", "1.234,50 €"),
        (1234.5, "C", "ja-JP", "￥1,235"),
        (1234.5, "C2", "en-GB", "£1,234.50"),
        (1234.5, "N2", "xx-none", "1,234.50"),
        (0.5, "0.0%", "fr-FR", "50,0%"),
        (0.256, "P1", "de-DE", "25,6 %"),
        (-0.256, "P1", None, "-25.6%"),
        (12345678, "N0", "hi-IN", "1,23,45,678"),
        (12345678, "#,##0", "en-IN", "1,23,45,678"),
        (1234, "N0", "es-ES", "1.234"),
        (-1234.5, "C2", "da-DK", "-1.234,50 kr."),
    ],
)
def test_numbers_are_written_as_a_culture_does(value, pattern, culture, text):
    assert write_number(value, pattern, culture) == text


@pytest.mark.parametrize(("value", "pattern"), [(1, "Q"), (1.5, "D"), (1.5, "X2"), (1, "N101")])
def test_what_is_no_number_format_is_refused(value, pattern):
    assert write_number(value, pattern, None) is None


@pytest.mark.parametrize(
    ("text", "culture", "value"),
    [
        ("1", None, 1.0),
        (" 1,000.5 ", None, 1000.5),
        ("12,3,4,5678", None, 12345678.0),
        ("5-", None, -5.0),
        ("- 5", None, -5.0),
        (".5", None, 0.5),
        ("1e3", None, 1000.0),
        ("1.234,5", "de-DE", 1234.5),
        ("1 234,5", "fr-FR", 1234.5),
        ("nan", None, float("nan")),
        ("∞", None, float("inf")),
        ("Infinity", "", float("inf")),
        ("Infinity", None, None),
        ("", None, None),
        (",5", None, None),
        ("1.5.", None, None),
        ("-5-", None, None),
        ("(5)", None, None),
        ("0x1F", None, None),
        ("$5", None, None),
        ("10.000,00", None, None),
        ("٣", None, None),
    ],
)
def test_numbers_are_read(text, culture, value):
    assert str(read_double(text, culture)) == str(value)


def test_an_exponent_counts_only_where_it_is_asked_for():
    assert plain_number("1e3", exponent=True) == "1e3"
    assert plain_number("1e3", exponent=False) is None


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ("79228162514264337593543950335", "79228162514264337593543950335"),
        ("79228162514264337593543950336", None),
        ("1e28", "10000000000000000000000000000"),
        ("1e29", None),
        ("1e-40", "0E-28"),
        ("0.12345678901234567890123456789", "0.1234567890123456789012345679"),
        ("9.12345678901234567890123456789", "9.123456789012345678901234568"),
        ("Infinity", None),
    ],
)
def test_decimals_have_96_bits_and_a_scale_of_28(value, fits):
    found = fit_decimal(Decimal(value))
    assert (None if found is None else str(found)) == fits


MOMENT = Moment(datetime(2018, 3, 15, 13, 27, 36, 123456), Kind.UTC, below=7)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("o", "2018-03-15T13:27:36.1234567Z"),
        ("d", "3/15/2018"),
        ("D", "Thursday, March 15, 2018"),
        ("g", "3/15/2018 1:27 PM"),
        ("G", "3/15/2018 1:27:36 PM"),
        ("", "3/15/2018 1:27:36 PM"),
        ("F", "Thursday, March 15, 2018 1:27:36 PM"),
        ("M", "March 15"),
        ("y", "March 2018"),
        ("R", "Thu, 15 Mar 2018 13:27:36 GMT"),
        ("s", "2018-03-15T13:27:36"),
        ("u", "2018-03-15 13:27:36Z"),
        ("yyyy-MM-dd", "2018-03-15"),
        ("%y", "18"),
        ("yyyyy", "02018"),
        ("M/d/yy h:m:s t", "3/15/18 1:27:36 P"),
        ("ddd dddd MMM", "Thu Thursday Mar"),
        ("HH:mm:ss.fff", "13:27:36.123"),
        ("ss.FFFFFFF", "36.1234567"),
        ("%f", "1"),
        ("'at' HH\\h", "at 13h"),
        ('"in" yyyy', "in 2018"),
        ("zzz K", "+00:00 Z"),
        ("gg", "A.D."),
        ("100\\%%d", "100%15"),
        ("yyyy年", "2018年"),
    ],
)
def test_dates_are_written(pattern, text):
    assert format_moment(MOMENT, pattern) == text


@pytest.mark.parametrize(
    ("pattern", "culture", "text"),
    [
        ("D", "fr-FR", "jeudi 15 mars 2018"),
        ("d", "de-DE", "15.03.2018"),
        ("d", "ja-JP", "2018/03/15"),
        ("dddd", "ja-JP", "木曜日"),
        ("Y", "es-ES", "marzo de 2018"),
        ("d MMMM", "ru-RU", "15 марта"),
        ("MMMM", "ru-RU", "март"),
        ("R", "fr-FR", "Thu, 15 Mar 2018 13:27:36 GMT"),
        ("HH:mm", "xx-none", "13:27"),
    ],
)
def test_dates_are_written_as_a_culture_does(pattern, culture, text):
    assert format_moment(MOMENT, pattern, culture) == text


@pytest.mark.parametrize(
    "pattern", ["Q", "K", "z", "h", "%", "ffffffff", "a" * 501, "d\\", "yyyy'"]
)
def test_what_is_no_date_format_is_refused(pattern):
    assert format_moment(MOMENT, pattern) is None


def test_a_fraction_that_is_nothing_takes_its_point_along():
    moment = Moment(datetime(2018, 3, 15, 13, 27, 36), Kind.UNSPECIFIED)  # noqa: DTZ001
    assert format_moment(moment, "ss.FFF|ss.fff") == "36|36.000"
    assert format_moment(moment, "K|") == "|"


@pytest.mark.parametrize(
    ("text", "culture", "written"),
    [
        ("2018-03-15", None, "2018-03-15T00:00:00.0000000"),
        ("2018-03", None, "2018-03-01T00:00:00.0000000"),
        ("2018-03-15T13:27:36Z", None, "2018-03-15T13:27:36.0000000Z"),
        ("2018-03-15 13:27", None, "2018-03-15T13:27:00.0000000"),
        ("2018-03-15T13:27:36.12345678Z", None, "2018-03-15T13:27:36.1234568Z"),
        ("2018-03-15T23:59:59.99999999Z", None, "2018-03-16T00:00:00.0000000Z"),
        ("2018-03-15T13:00:00+02:00", None, "2018-03-15T11:00:00.0000000+00:00"),
        ("2018-03-15T13:00:00-0230", None, "2018-03-15T15:30:00.0000000+00:00"),
        ("3/5/2018 1:02 PM", None, "2018-03-05T13:02:00.0000000"),
        ("12/31/49", None, "2049-12-31T00:00:00.0000000"),
        ("March 15, 2018", None, "2018-03-15T00:00:00.0000000"),
        ("15 Mar 2018 12:00 AM", None, "2018-03-15T00:00:00.0000000"),
        ("Thu, 15 Mar 2018 13:27:36 GMT", None, "2018-03-15T13:27:36.0000000Z"),
        ("15/3/2018", "en-GB", "2018-03-15T00:00:00.0000000"),
        ("15.03.2018", "de-DE", "2018-03-15T00:00:00.0000000"),
        ("15. März 2018", "de-DE", "2018-03-15T00:00:00.0000000"),
        ("20 de octubre de 2020", "es-ES", "2020-10-20T00:00:00.0000000"),
    ],
)
def test_dates_are_read(text, culture, written):
    found = read_moment(text, culture)
    assert found is not None
    assert format_moment(found, "o") == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1521118056",
        "20180315",
        "2018-02-30",
        "2018-03-15T24:00:00Z",
        "2018-03-15T13:60:00Z",
        "15/03/2018",
        "Friday, March 15, 2018",
        "13:27",
        "2018-W11-4T00:00:00Z",
        "9999-12-31T23:00:00-02:00",
        "2018-03-15T13:27:36Zx",
    ],
)
def test_what_is_no_date_is_refused(text):
    assert read_moment(text) is None


@pytest.mark.parametrize(
    ("text", "pattern", "written"),
    [
        ("21052019", "ddMMyyyy", "2019-05-21T00:00:00.0000000"),
        ("10/20/2014 15h", "MM/dd/yyyy HH\\h", "2014-10-20T15:00:00.0000000"),
        ("5 Mar 18, 1.07 pm", "d MMM yy, h.mm tt", "2018-03-05T13:07:00.0000000"),
        ("2018-03-15T13:27:36.5Z", "yyyy-MM-ddTHH:mm:ss.fK", "2018-03-15T13:27:36.5000000Z"),
        ("Thursday 2018-03-15 +02:00", "dddd yyyy-MM-dd zzz", "2018-03-14T22:00:00.0000000+00:00"),
        ("3/15/2018", "d", "2018-03-15T00:00:00.0000000"),
        ("3/15/2018", "dd/MM/yyyy", None),
        ("13:27", "HH:mm", None),
        ("1 1", "d d", None),
    ],
)
def test_dates_are_read_exactly(text, pattern, written):
    found = read_exactly(text, pattern, None)
    assert (None if found is None else format_moment(found, "o")) == written


@pytest.mark.parametrize(
    ("text", "ticks"),
    [
        ("1:02:03", 37_230_000_000),
        ("1:02", 37_200_000_000),
        ("2", 2 * 864_000_000_000),
        ("1.00:00:00.0000001", 864_000_000_001),
        ("1:02:03:04", 937_840_000_000),
        ("-00:00:01", -10_000_000),
        ("24:00:00", None),
        ("1:60", None),
        ("soon", None),
        ("99999999.00:00:00", None),
    ],
)
def test_time_spans_are_read(text, ticks):
    assert read_span(text) == ticks


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("c", "1.02:03:04.5000000"),
        ("g", "1:2:03:04.5"),
        ("G", "1:02:03:04.5000000"),
        ("hh\\:mm\\:ss", "02:03:04"),
        ("d' d 'h' h'", "1 d 2 h"),
        ("ss\\.ff", "04.50"),
        ("%d", "1"),
        ("hh:mm", None),
        ("Q", None),
    ],
)
def test_time_spans_are_written(pattern, text):
    assert write_span(937_845_000_000, pattern) == text


def test_time_spans_below_zero_have_a_sign():
    assert span_text(-937_840_000_000) == "-1.02:03:04"
    assert write_span(-937_840_000_000, "g") == "-1:2:03:04"


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("<a />", "<a />"),
        ("<a></a>", "<a></a>"),
        ("<a> <b/> </a>", "<a><b /></a>"),
        ('<a xml:space="preserve"> <b/></a>', '<a xml:space="preserve"> <b /></a>'),
        ("<a>x<![CDATA[<]]><![CDATA[y]]></a>", "<a>x<![CDATA[<]]><![CDATA[y]]></a>"),
        ("<a>&lt;&amp;&gt;&quot;'</a>", "<a>&lt;&amp;&gt;\"'</a>"),
        ("<a b='\"&#10;'/>", '<a b="&quot;&#xA;" />'),
        (
            '<?xml version="1.0" encoding="made-up"?><a/>',
            '<?xml version="1.0" encoding="made-up"?><a />',
        ),
        ("<!--c--><?p i?><a/>", "<!--c--><?p i?><a />"),
        ('<!DOCTYPE a SYSTEM "x"><a/>', '<!DOCTYPE a SYSTEM "x"[]><a />'),
    ],
)
def test_xml_is_written_as_it_was_read(given, written):
    assert write_xml(read_xml(given)) == written


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "Root element is missing."),
        ("text", "Data at the root level is invalid. Line 1, position 1."),
        ("<a/><b/>", "There are multiple root elements. Line 1, position 6."),
        ("<p:a/>", "'p' is an undeclared prefix. Line 1, position 2."),
        ('<?xml version="1.1"?><a/>', "Version number '1.1' is invalid."),
        ("<a><b></a>", "Line 1"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><a/>', "entities"),
        ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "entities"),
    ],
)
def test_xml_that_is_not_read(given, why):
    with pytest.raises(Unreadable) as caught:
        read_xml(given)
    assert why in str(caught.value)


def test_bytes_are_read_in_the_encoding_that_they_declare():
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'
    assert "é" in write_xml(read_xml_bytes(latin.encode("iso-8859-1")))
    assert "é" in write_xml(read_xml_bytes("<a>é</a>".encode("utf-16")))
    with pytest.raises(Unreadable, match="does not support 'made-up' encoding"):
        read_xml_bytes(b'<?xml version="1.0" encoding="made-up"?><a/>')


DOCUMENT = (
    'xml(\'<r xmlns="u" xmlns:p="v"><a p:n="1">x &amp; y</a><b><c/><p:d>2</p:d></b>'
    "<!--note--></r>')"
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("count(//*)", 5.0, id="a number is a double"),
        pytest.param("string(//*[local-name()=''a''])", "x & y", id="a text"),
        pytest.param("count(//*) > 4", True, id="a truth"),
        pytest.param("//nope", [], id="nothing"),
        pytest.param("//*[local-name()=''a'']/text()", ["x & y"], id="texts"),
        pytest.param("//@*", ['p:n="1"'], id="attributes"),
        pytest.param("//comment()", ["<!--note-->"], id="comments"),
        pytest.param(
            "//*[local-name()=''a'']",
            ['<a p:n="1" xmlns="u" xmlns:p="v">x &amp; y</a>'],
            id="an element takes the namespaces that it uses along",
        ),
        pytest.param(
            "//*[local-name()=''b'']",
            ['<b xmlns="u">\n  <c />\n  <p:d xmlns:p="v">2</p:d>\n</b>'],
            id="an element with others in it has lines",
        ),
    ],
)
def test_paths_find(path, value):
    found = evaluate(f"@xpath({DOCUMENT}, '{path}')")
    if isinstance(found, list):
        found = [
            base64.b64decode(one["$content"]).decode() if isinstance(one, dict) else one
            for one in found
        ]
    assert found == value


@pytest.mark.parametrize(
    ("path", "nodes", "allowed"),
    [
        pytest.param("//item[@id='1']", 1_000_000, True, id="one search"),
        pytest.param("/a/b[last()]/text()", 1_000_000, True, id="no search"),
        pytest.param("//a[.='//b//c[//d]']", 1_000_000, True, id="what stands in quotes"),
        pytest.param("//a//b", 20_000, True, id="a search in a search"),
        pytest.param("//a//b", 100_000, False, id="a search in a search of much"),
        pytest.param("//a[.//b]", 20_000, True, id="a search in a condition"),
        pytest.param("//a[.//b[.//c]]", 3_000, False, id="a search in a condition of a condition"),
        pytest.param("//a/following-sibling::b", 5_000, True, id="siblings"),
        pytest.param("//a/following::b", 5_000, False, id="all that follows all"),
        pytest.param("//a[following::b]", 5_000, True, id="whether something follows"),
    ],
)
def test_paths_that_look_everywhere_for_everything_are_not_walked(path, nodes, allowed):
    assert (effort(path, nodes) <= MAX_EFFORT) == allowed
