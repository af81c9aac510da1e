"""Mentions: which texts begin like JSON and name a field, whatever wrote them; prose and Handlebars do not."""

from __future__ import annotations

import time

import pytest

from source_iterable.records.mentions import Mentions

EMAIL = Mentions(["email", "ip"])


@pytest.mark.parametrize(
    "text",
    [
        "{email=anna@x.com, id=3}",
        "[{email=anna@x.com, id=3}]",
        "[[{email=anna@x.com}]]",
        "[Contact(email=anna@x.com)]",
        "[id=3, email=anna@x.com]",
        '{email: "anna@x.com"}',
        "{\n  email = anna@x.com\n}",
        '{:email "anna@x.com"}',
        '[{:email "anna@x.com"}]',
        '{"email"=>"anna@x.com"}',
        "['email' => 'anna@x.com']",
        "{'email': 'anna@x.com'}",
        "[('email', 'anna@x.com')]",
        '{user.email=anna@x.com, "id": 3}',
        "{email.work=anna@x.com}",
        '{"a":{"email":"anna@x.com"}',
        '{"email":"anna@x.com"} x',
        '{"a":1,"email',
        '{"\\u0065mail":"anna@x.com"} x',
        '{"\\\\u0065mail":"anna@x.com"} x',
        '{"\\u005cu0065mail": 3',
        '"\\u007bemail=anna@x.com}" x',
        "{\\x22email\\x22:\\x22anna@x.com\\x22}",
        "{\\x65mail: 'anna@x.com'}",
        "{\\n  email: anna@x.com",
        '"{email=anna@x.com}" x',
        " \t\r\n\ufeff\xa0\u200b\x00{email=anna@x.com}",
        "'{email=anna@x.com}'",
        "\\{email=anna@x.com}",
        "{email -> anna@x.com}",
        "{email → anna@x.com}",
        "{&quot;email&quot;:&quot;anna@x.com&quot;}",
        "{('email', 'anna@x.com')}",
        "{{email=anna@x.com}, id=3}",
        "{{id=3, email=anna@x.com}}",
        '{{"email": "anna@x.com"}}',
        "{{3}, {email=anna@x.com}}",
        "{{Contact(email=anna@x.com)}}",
        "{{ email: anna@x.com",
        "[[email=anna@x.com]]",
        "[[3], [email=anna@x.com]]",
        "[[Contact{email=anna@x.com}]]",
        "{Hi|Hello}, your email: anna@x.com",
    ],
)
def test_it_begins_like_json_and_names_a_field(text: str) -> None:
    assert EMAIL.in_what_looks_like_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "Your email: anna@x.com",
        " email: anna@x.com",
        '"Confirm" your email: anna@x.com',
        "[ACME] Confirm your email",
        "[ACME]\nConfirm your email, please",
        '{{#if email}}<a href="?email={{email}}">',
        '[[email]] <a href="?email=[[email]]">',
        "[{{firstName}}] email: anna@x.com",
        "<p>{email=anna@x.com}</p>",
        "{Hi|Hello}, check your email",
        "{Hi|Hello}, check your 'email' now",
        "{firstName}, email us",
        "[{firstName}, check your email]",
        '{{{firstName}}} <a href="?email={{email}}">',
        '{{~#if email}}<a href="?email={{email}}">',
        '{{> card email=email}}<a href="?email={{email}}">',
        '{{card email=email}}<a href="?email={{email}}">',
        '{{!-- {x} --}}<a href="?email={{email}}">',
        "[[firstName]], your email: [[email]]",
        "'Confirm' your email: anna@x.com",
        "{emails=3, my_email=4, tip=5, shipping=6}",
        "[emails=3, my_email=4]",
    ],
)
def test_it_does_not(text: str) -> None:
    assert not EMAIL.in_what_looks_like_json(text)


def test_the_names_in_a_text_and_those_of_fields() -> None:
    text = '{"emailListId":3,"ip":"::1","a":"\\"email\\""}'
    assert EMAIL.names_in(text) == ["email", "ip"]
    assert EMAIL.in_json(["ip"], text)
    assert not EMAIL.in_json(["email"], text)
    for name in ("email", "a.email", "email.work"):
        assert EMAIL.in_json(["email"], f'{{"{name}" : 1}}')
        assert EMAIL.in_json(["email"], f'"{{\\"{name}\\": 1}}"')


def test_a_name_is_no_pattern() -> None:
    odd = Mentions(["a.b", "$c", "d (e)"])
    assert odd.in_what_looks_like_json("{$c=1}")
    assert odd.in_what_looks_like_json("{d (e)=1}")
    assert not odd.in_what_looks_like_json("{axb=1, xc=2}")


@pytest.mark.parametrize("begin", ["{", "{email", "{{", "[["])
@pytest.mark.parametrize("part", ["\\u005cu005c", "\\", "ip.", "ip=", "[", "email ", '"', "\\x5c", "&ip;", "ip.a", " "])
def test_a_long_odd_text_is_searched_in_a_moment(begin: str, part: str) -> None:
    text = begin + part * 50_000
    begun = time.process_time()
    EMAIL.in_json(EMAIL.names_in(text), text)
    EMAIL.may_be_within(EMAIL.names_in(text), text)
    EMAIL.in_what_looks_like_json(text)
    assert time.process_time() - begun < 3
