"""Persons: which columns name them, how an identifier may be written, and which hashes Iterable lists."""

from __future__ import annotations

from hashlib import sha256

from source_iterable.load.persons import ForgottenHashes, Persons, identifying, is_hash
from source_iterable.records.private_fields import PrivateFields
from source_iterable.streams.table import STREAMS

EMAIL = "Anna@Example.com"


def salted(text: str) -> str:
    return sha256(f"pepper{text}".encode()).hexdigest()


def persons() -> Persons:
    return Persons(PrivateFields(hashed=["email"], salt="pepper").hash)


def listed(text: str) -> str:
    """The hash in forgotten_users."""
    return sha256(text.encode()).hexdigest()


def test_the_columns_of_persons_are_those_of_the_schemas() -> None:
    people = {name for name in STREAMS if identifying(name)}
    assert people == {name for name, stream in STREAMS.items() if stream.of_people} | {"list_users"}
    assert [each.column for each in identifying("email_send")] == ["email", "user_id", "itbl_user_id"]
    assert [(each.column, each.kinds) for each in identifying("list_users")] == [
        ("email", ("email",)),
        ("user_id", ("userId",)),
        ("user_identifier", ("email", "userId")),
    ]


def test_an_identifier_is_looked_for_as_it_is_trimmed_in_lower_case_and_hashed() -> None:
    wanted = persons()
    wanted.add("email", f" {EMAIL}")
    clear = [f" {EMAIL}", EMAIL, EMAIL.lower()]
    assert set(wanted.take_new()) == {("email", text) for each in clear for text in (each, salted(each))}
    assert wanted.take_new() == []


def test_ids_of_iterable_are_exact_and_what_looks_like_a_hash_may_be_a_user_id() -> None:
    wanted = persons()
    wanted.add("itblUserId", "AbC")
    assert set(wanted.take_new()) == {("itblUserId", "AbC"), ("itblUserId", salted("AbC"))}
    wanted.add("userId", salted("x"))
    assert set(wanted.take_new()) == {("userId", salted("x")), ("userId", salted(salted("x")))}


def test_a_profile_adds_its_other_identifiers_once() -> None:
    wanted = persons()
    wanted.add("email", EMAIL.lower())
    wanted.take_new()
    wanted.add_profile([("email", EMAIL), ("userId", "u1"), ("itblUserId", None)])
    new = wanted.take_new()
    assert ("userId", "u1") in new
    assert ("email", EMAIL) in new
    assert ("email", EMAIL.lower()) not in new
    wanted.add_profile([("email", EMAIL), ("userId", " "), ("userId", "")])
    assert wanted.take_new() == []


def test_texts_that_name_a_person_are_compared_as_iterable_does() -> None:
    wanted = persons()
    wanted.add("email", "änna@x.com")
    wanted.add("itblUserId", "abc")
    texts = ["ÄNNA@x.com", "\tänna@x.com\n", "änna@x.com.", "ABC", "abc", " abc", salted("änna@x.com")]
    assert wanted.named(texts, ("email",)) == {*texts[:2], texts[-1]}
    assert wanted.named(texts, ("userId", "email")) == {*texts[:2], texts[-1]}
    assert wanted.named(iter(texts), ("itblUserId",)) == {"abc"}
    assert wanted.named(texts, ("userId",)) == set()


def test_profiles_are_counted_once() -> None:
    wanted = persons()
    for _ in range(2):
        wanted.add_profile([("email", EMAIL), ("userId", None)])
    wanted.add_profile([("email", "b@x.com"), ("userId", "u")])
    assert (wanted.given, wanted.profiles) == (0, 2)


def test_what_is_in_no_profile_is_counted() -> None:
    wanted = persons()
    for kind, text in (("email", "ANNA@example.com "), ("email", "bob@example.com"), ("userId", "u1")):
        wanted.add(kind, text)
    assert wanted.without_profile == 3
    # A profile with hashes.
    wanted.add_profile([("email", salted("anna@example.com")), ("userId", "u1")])
    assert wanted.without_profile == 1


def test_listed_hashes_are_of_trimmed_lower_case_and_of_their_own_kind() -> None:
    hashes = ForgottenHashes()
    hashes.add([("email", listed("anna@example.com").upper()), ("userId", listed("u1")), ("phone", listed("1"))])
    hashes.add([("email", "no hash"), ("email", None), (None, listed("u2"))])
    texts = [f" {EMAIL}\n", "u1", "bob@example.com", listed("anna@example.com"), salted("anna@example.com"), "1", "u2"]
    assert list(hashes.matches(texts, ("email",))) == [("email", texts[0]), ("email", texts[3])]
    assert list(hashes.matches(texts, ("userId",))) == [("userId", "u1")]
    assert [kind for kind, _ in hashes.matches(texts, ("email", "userId"))] == ["email", "userId", "email"]
    assert list(hashes.matches(texts, ("itblUserId",))) == []


def test_what_is_a_hash() -> None:
    assert is_hash(listed("x"))
    assert not any(map(is_hash, (listed("x").upper(), listed("x")[:-1], listed("x") + "\n", "")))
