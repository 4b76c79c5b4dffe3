"""A URL that leads to a server through others: hosts, options, and what is wrong with it in one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.bench.servers.credentials import with_password, without_password
from leasebench.leases.servers import NOT_THE_PRIMARY, HostList, ReplicaWait, access_of, pool_of, without_wait

PORTS = st.integers(min_value=1, max_value=65_535)
HOSTS = st.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True)


@given(st.lists(st.tuples(HOSTS, st.none() | PORTS), min_size=1, max_size=5))
def test_hosts_are_read_as_they_were_written(hosts):
    text = ",".join(host if port is None else f"{host}:{port}" for host, port in hosts)
    read = HostList.of(f"redis+sentinel://me:pa%40ss@{text}/name?db=3", 26379)
    assert read.hosts == tuple((host, port or 26379) for host, port in hosts)
    assert (read.options["username"], read.options["password"], read.options["db"]) == ("me", "pa@ss", 3)
    assert (read.path, read.secure) == ("name", False)


def test_an_address_of_six_is_one_host():
    assert HostList.of("rediss+cluster://[::1]:7000,[fe80::1]", 6379).hosts == (("::1", 7000), ("fe80::1", 6379))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis+sentinel://h1,h2", "the name that the sentinels know"),
        ("redis+sentinel://h1:port/name", "is no host"),
        ("redis+sentinel://h1,,h2/name", "is no host"),
        ("redis+cluster://h1?bogus=1", "option bogus is not known"),
        ("rediss+cluster://h1?ssl_ca_certs=/nowhere.pem", "ssl_ca_certs: there is no file /nowhere.pem"),
        ("redis://h1?wait_replicas=none", "wait_replicas is a whole number"),
        ("redis://h1?wait_ms=5", "wait_replicas, for how many, is missing"),
        ("redis://h1?wait_replicas=1&wait_ms=0", "wait_ms is a whole number above 0"),
    ],
)
def test_what_is_wrong_with_a_url_is_one_line(url, told):
    with pytest.raises(ValueError, match=told) as caught:
        pool_of(url)
    assert "\n" not in str(caught.value)


def test_the_url_of_a_cell_in_a_cluster_has_the_slot_of_its_keys_and_any_other_is_left_alone():
    url = "redis+cluster://me:secret@h1,h2:7000?wait_replicas=1"
    # The slot of `123456789` is the check value of the specification's CRC16, 0x31C3.
    at = access_of(url).at_key(url, "lb:{123456789}:endpoint:e0")
    assert at == f"{url}&slot={0x31C3}"
    assert access_of(url).at_key(at, "lb:{other}:x") != at
    for other in ("redis://h1", "unix:///run/socket", "redis+sentinel://h1/name"):
        assert access_of(other).at_key(other, "lb:{x}:y") == other


def test_replicas_to_wait_for_are_an_option_of_ours_and_not_the_clients():
    url = "unix:///run/socket?db=2&wait_replicas=2&wait_ms=50"
    assert ReplicaWait.of(url) == ReplicaWait(2, 50)
    assert ReplicaWait.of("redis://h1") is None
    assert without_wait(url) == "unix:///run/socket?db=2"
    assert pool_of(url).connection_kwargs["db"] == 2


@pytest.mark.parametrize(
    "said",
    [
        "MOVED 3999 127.0.0.1:6381",
        "READONLY You can't write against a read only replica.",
        "NOREPLICAS Not enough good replicas to write. script: f00, on @user_script:9.",
        "ERR Error running script (call to f_00): @user_script:3: -READONLY You can't write",
        "CLUSTERDOWN The cluster is down",
    ],
)
def test_what_a_server_says_that_is_not_the_primary_is_told_from_other_errors(said):
    assert NOT_THE_PRIMARY.search(said)


@pytest.mark.parametrize("said", ["WRONGTYPE Operation", "ERR unknown command 'MOVED'", "NOSCRIPT No matching script"])
def test_other_errors_are_not(said):
    assert not NOT_THE_PRIMARY.search(said)


def test_passwords_of_sentinels_and_of_keys_are_not_shown():
    text = without_password(
        "at redis+sentinel://me:s3cret@h1,h2/name?sentinel_password=s3cret&ssl_password=s3cret: gone"
    )
    assert "s3cret" not in text


def test_a_password_from_elsewhere_becomes_a_part_of_a_url_with_several_hosts(monkeypatch):
    monkeypatch.setenv("LEASEBENCH_SERVER_PASSWORD", "p@ss")
    given = with_password("redis+sentinel://me@h1:1,h2:2/name", None)
    assert HostList.of(given, 26379).options["password"] == "p@ss"
