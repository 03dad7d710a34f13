"""Where a webhook may go: every kind of address that is not the public internet is refused, by its kind."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from chain.errors import FormatError
from gateway.delivery.targets import Target, TargetRefused, parse_rules

RULES = parse_rules("443,8443", "")

BLOCKED = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.0.1
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1
198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1
2001::1 2001:db8::1 2002:7f00:1::1 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
fec0::1 ff02::1 2606:4700::1111%eth0
""".split()
PUBLIC = (
    "8.8.8.8 1.1.1.1 100.63.255.255 100.128.0.1 172.15.0.1 172.32.0.1 2606:4700::1111 2400:3200::1".split()
)


@pytest.mark.parametrize("address", BLOCKED)
def test_a_special_address_is_not_reached_by_name_or_as_itself(address: str) -> None:
    assert not RULES.reaches(ip_address(address))
    assert RULES.choose([address]) is None
    assert RULES.choose(["8.8.8.8", address]) is None
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(TargetRefused) as caught:
        RULES.parse(f"https://{shown}/")
    assert caught.value.reason in ("address", "form", "host")


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_one_is(address: str) -> None:
    assert RULES.choose([address]) == address


def test_no_address_and_no_text_that_is_none_are_refused() -> None:
    assert RULES.choose([]) is None
    assert RULES.choose(["8.8.8.8", "localhost"]) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://a.example/", "scheme"), ("ftp://a.example/", "form"), ("HTTPS://a.example/", "form"),
        ("https://user@a.example/", "form"), ("https://user:pass@a.example/", "form"),
        ("https://a.example/#part", "form"), ("https://a.example\\@b.example/", "form"),
        ("https://a.example:22/", "port"), ("https://a.example:0/", "port"),
        ("https://a.example:99999/", "form"),
        ("https:///path", "host"), ("https://", "form"), ("https://a..example/", "host"),
        ("https://-a.example/", "host"), ("https://a_b.example/", "host"),
        ("https://пример.example/", "form"),
        ("https://a.example/ b", "form"), ("https://a.example/\n", "form"),
        ("https://a.example/\r\nx: y", "form"),
        ("https://" + "a." * 130 + "example/", "host"), ("https://a.example/" + "x" * 1_024, "form"),
        ("//a.example/", "form"), ("javascript:alert(1)", "form"), ("https://[::1]/", "address"),
        ("https://127.0.0.1/", "address"), ("https://127.0.0.1:8443/", "address"),
    ],
)  # fmt: skip
def test_a_url_of_another_form_is_refused_by_what_is_wrong(url: str, reason: str) -> None:
    with pytest.raises(TargetRefused) as caught:
        RULES.parse(url)
    assert (caught.value.where, caught.value.reason) == ("url", reason)
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("https://A.example", Target("https", "a.example", 443, "/"), "a.example"),
        ("https://a.example./x?y=1&z", Target("https", "a.example", 443, "/x?y=1&z"), "a.example"),
        ("https://a.example:8443/", Target("https", "a.example", 8443, "/"), "a.example:8443"),
        ("https://[2606:4700::1]:8443/", Target("https", "2606:4700::1", 8443, "/"), "[2606:4700::1]:8443"),
    ],
)
def test_a_url_gives_its_parts(url: str, target: Target, authority: str) -> None:
    assert RULES.parse(url) == target
    assert target.authority == authority


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_an_address_are_names_and_judged_by_what_they_lead_to(host: str) -> None:
    assert RULES.parse(f"https://{host}/").host == host
    assert RULES.choose(["127.0.0.1"]) is None


def test_the_operators_networks_are_reached_and_no_more() -> None:
    rules = parse_rules("443", "10.20.0.0/16, fd12::/16")
    assert rules.choose(["10.20.3.4", "8.8.8.8"]) == "10.20.3.4"
    assert rules.choose(["fd12::9"]) == "fd12::9"
    assert rules.choose(["10.21.0.1"]) is None
    assert rules.choose(["::ffff:10.20.3.4"]) is None


def test_plain_http_is_for_the_ports_that_say_so() -> None:
    rules = parse_rules("443,http:8080", "127.0.0.0/8")
    assert rules.parse("http://127.0.0.1:8080/").scheme == "http"
    for url, reason in (("https://a.example:8080/", "port"), ("http://a.example/", "port")):
        with pytest.raises(TargetRefused) as caught:
            rules.parse(url)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("ports", "egress", "setting"),
    [("", "", "PORTS"), ("443,", "", "PORTS"), ("https:443", "", "PORTS"), ("0", "", "PORTS"),
     ("65536", "", "PORTS"), ("443", "10.0.0.1/8", "EGRESS"), ("443", "intranet", "EGRESS")],
)  # fmt: skip
def test_a_setting_that_is_none_is_named(ports: str, egress: str, setting: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse_rules(ports, egress)
    assert caught.value.where == f"TONGYI_WEBHOOK_{setting}"
