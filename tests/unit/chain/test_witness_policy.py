"""The C2SP policy file: what it may say, what is refused and on which line, and when its quorum is met."""

from __future__ import annotations

from itertools import combinations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chain.checkpoint import KeyKind, format_vkey
from chain.errors import FormatError
from chain.witness_policy import PolicyGroup, PolicyLog, PolicyWitness, parse_policy


def vkey(name: str, number: int, kind: KeyKind = KeyKind.COSIGNER) -> str:
    key = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
    return format_vkey(name, key.public_key(), kind)


LOG = vkey("log.example/a", 1, KeyKind.LOG)
X = {name: vkey(f"witness.example/{name}", 10 + n) for n, name in enumerate(("X1", "X2", "X3"))}
Y = {name: vkey(f"witness.example/{name}", 20 + n) for n, name in enumerate(("Y1", "Y2", "Y3"))}
W = f"witness X1 {X['X1']}\n"
TWO = f"{W}witness X2 {X['X2']}\n"

TWO_LEVELS = (
    f"log {LOG}\n\n"
    + "".join(f"witness {name} {key}\n" for name, key in X.items())
    + "group X-witnesses 2 X1 X2 X3\n\n"
    + "".join(f"witness {name} {key} https://{name}.example/w\n" for name, key in Y.items())
    + "group Y-witnesses any Y1 Y2 Y3\n  # both organizations\n\tgroup X-and-Y all X-witnesses Y-witnesses\n"
    + "quorum\tX-and-Y \n"
).encode()


def test_two_levels_are_read_whole() -> None:
    policy = parse_policy(TWO_LEVELS)
    assert policy.logs == (PolicyLog(LOG, None),)
    assert policy.witnesses[0] == PolicyWitness("X1", X["X1"], None)
    assert policy.witnesses[5] == PolicyWitness("Y3", Y["Y3"], "https://Y3.example/w")
    assert policy.groups == (
        PolicyGroup("X-witnesses", 2, ("X1", "X2", "X3")),
        PolicyGroup("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        PolicyGroup("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert (policy.quorum, policy.least()) == ("X-and-Y", 3)
    assert policy.log_vkeys() == {"log.example/a": (LOG,)}


def test_the_quorum_is_met_by_exactly_the_sets_that_meet_it() -> None:
    policy, keys = parse_policy(TWO_LEVELS), {**X, **Y}
    for count in range(7):
        for names in combinations(keys, count):
            want = sum(name in X for name in names) >= 2 and any(name in Y for name in names)
            assert policy.is_met([keys[name] for name in names]) is want, names
    assert not policy.is_met([vkey("witness.example/other", 99)] * 9)


def test_no_quorum_is_always_met() -> None:
    policy = parse_policy(b"quorum none\n")
    assert (policy.witnesses, policy.is_met(()), policy.least()) == ((), True, 0)


def test_one_witness_may_be_the_quorum() -> None:
    policy = parse_policy(f"{TWO}quorum X2\n".encode())
    assert [policy.is_met([X["X1"]]), policy.is_met([X["X2"]]), policy.least()] == [False, True, 1]


def test_only_witnesses_the_quorum_rests_on_are_counted() -> None:
    policy = parse_policy(TWO_LEVELS)
    assert policy.counted() == policy.witnesses
    text = TWO_LEVELS.replace(b"quorum\tX-and-Y", b"quorum X-witnesses")
    assert [witness.name for witness in parse_policy(text).counted()] == ["X1", "X2", "X3"]
    assert [witness.name for witness in parse_policy(f"{TWO}quorum X2\n".encode()).counted()] == ["X2"]
    assert parse_policy(f"{TWO}quorum none\n".encode()).counted() == ()


def test_names_are_octets() -> None:
    kelvin, latin = "\u212a".encode(), b"\xe9"
    text = b"witness K %s\nwitness %s %s\nwitness %s %s\ngroup \xe8 all K %s %s\nquorum \xe8\n" % (
        X["X1"].encode(), kelvin, X["X2"].encode(), latin, X["X3"].encode(), kelvin, latin,
    )  # fmt: skip
    policy = parse_policy(text)
    assert policy.is_met(X.values()) and not policy.is_met([X["X1"], X["X2"]])


def test_who_runs_a_witness_stands_in_a_comment() -> None:
    text = f"{TWO}#operator X2 independent  上海市民政局 (regulator)\n# operator X1 own nobody\nquorum X2\n"
    one, two = parse_policy(text.encode()).witnesses
    assert (one.operator, one.independent) == ("", False)
    assert (two.operator, two.independent) == ("上海市民政局 (regulator)", True)


@pytest.mark.parametrize("count", [32, 340])
def test_many_of_each_are_taken(count: int) -> None:
    lines = [f"log {vkey(f'log.example/{n}', 1000 + n, KeyKind.LOG)}" for n in range(count)]
    for n in range(count):
        lines += [f"witness w{n} {vkey(f'w.example/{n}', 5000 + n)}", f"group g{n} any w{n}"]
    lines += ["group all all " + " ".join(f"g{n}" for n in range(count)), "quorum all", ""]
    policy = parse_policy("\n".join(lines).encode())
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (count, count, count + 1)
    keys = [witness.vkey for witness in policy.witnesses]
    assert policy.least() == count and policy.is_met(keys) and not policy.is_met(keys[1:])


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("quorum none", 1, "does not end in a newline"),
        ("# a\nquorum none\n#", 3, "does not end in a newline"),
        ("quorum none\r\n", 1, "holds a control character"),
        ("#\x7f\nquorum none\n", 1, "holds a control character"),
        ("#\nquorum\x0bnone\n", 2, "holds a control character"),
        ("quorum none\nwitnesses 3\n", 2, "is no log, witness, group or quorum line"),
        ("Quorum none\n", 1, "is no log, witness, group or quorum line"),
        ("log\n", 1, "is not: log <vkey> [<url>]"),
        (f"log {LOG} https://a b\n", 1, "is not: log <vkey> [<url>]"),
        (f"log {X['X1']}\n", 1, "the key is of type 0x04, wants 0x01"),
        ("log a+b\n", 1, "vkey: not name, id and key joined by +"),
        (f"log {LOG}\nlog {LOG}\n", 2, "the key stands on a line before"),
        (
            f"log {LOG}\nlog {vkey('log.example/b', 1, KeyKind.LOG)}\n",
            2,
            "the key stands on a line before",
        ),
        ("witness X1\n", 1, "is not: witness <name> <vkey> [<url>]"),
        (f"witness X1 {X['X1']} https://a #\n", 1, "is not: witness <name> <vkey> [<url>]"),
        (f"witness X1 {LOG}\n", 1, "the key is of type 0x01, wants 0x04"),
        (f"witness none {X['X1']}\n", 1, "the name none is predefined"),
        (f"{W}witness X1 {X['X2']}\n", 2, "the name is defined already"),
        (f"{W}witness X2 {X['X1']}\n", 2, "the key stands on a line before"),
        (f"{W}witness X2 {vkey('other.example', 10)}\n", 2, "the key stands on a line before"),
        (f"{W}witness X2 {X['X2'].replace('X2', 'X9')}\n", 2, "vkey: id does not match name and key"),
        (f"{W}group g all\n", 2, "is not: group <name> all|any|<k> <name>..."),
        (f"{W}group none all X1\n", 2, "the name none is predefined"),
        (f"{W}group X1 all X1\n", 2, "the name is defined already"),
        (f"{W}group g 0 X1\n", 2, "the threshold is not all, any or 1 to 1"),
        (f"{W}group g 2 X1\n", 2, "the threshold is not all, any or 1 to 1"),
        (f"{TWO}group g 01 X1 X2\n", 3, "the threshold is not all, any or 1 to 2"),
        (f"{TWO}group g +1 X1 X2\n", 3, "the threshold is not all, any or 1 to 2"),
        (f"{TWO}group g most X1 X2\n", 3, "the threshold is not all, any or 1 to 2"),
        (f"{W}group g all X1 X2\nwitness X2 {X['X2']}\n", 2, "a member is not defined on a line before"),
        (f"{W}group g all g\n", 2, "a member is not defined on a line before"),
        (f"{W}group g any none\n", 2, "a member is not defined on a line before"),
        (f"{W}group g any x1\n", 2, "a member is not defined on a line before"),
        (f"{TWO}group g all X1 X1\n", 3, "a member is in a group already"),
        (f"{TWO}group g all X1\ngroup h all X1 X2\n", 4, "a member is in a group already"),
        ("quorum\n", 1, "is not: quorum <name>|none"),
        (f"{TWO}quorum X1 X2\n", 3, "is not: quorum <name>|none"),
        (f"quorum X1\n{W}", 1, "the quorum's name is not defined on a line before"),
        (f"{W}quorum X1\nquorum X1\n", 3, "is a second quorum line"),
        (f"{W}quorum none\nquorum X1\n", 3, "is a second quorum line"),
        ("#operator X1 own us\n", 1, "the operator's witness is not defined on a line before"),
        (
            f"{W}#operator X1 maybe us\n",
            2,
            "is not: #operator <witness name> independent|own <who runs it>",
        ),
        (f"{W}#operator X1 own\n", 2, "is not: #operator <witness name> independent|own <who runs it>"),
        (f"{W}#operator X1 own us\n#operator X1 own me\n", 3, "the witness has an operator already"),
        (f"{W}#operator X1 own {'u' * 257}\n", 2, "the operator is longer than 256 characters or not UTF-8"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_policy(text.encode())
    assert (refused.value.where, refused.value.reason) == (f"policy line {line}", reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "has no quorum line"),
        (TWO.encode(), "has no quorum line"),
        (b"#" * (1 << 20) + b"\n", "longer than 1048576 bytes"),
    ],
)
def test_a_whole_file_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_policy(data)
    assert (refused.value.where, refused.value.reason) == ("policy", reason)


def test_more_names_than_the_limit_are_refused() -> None:
    lines = [f"witness w{n} {vkey(f'w.example/{n}', 5000 + n)}\n" for n in range(1025)]
    with pytest.raises(FormatError) as refused:
        parse_policy("".join(lines).encode())
    assert (refused.value.where, refused.value.reason) == (
        "policy line 1025",
        "more than 1024 witnesses and groups",
    )
