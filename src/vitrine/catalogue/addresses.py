"""Which network addresses a picture may be fetched from: those of the public internet alone."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Tell whether an address is one that anybody may connect to.

    Not public are this machine's own, private, shared (CGNAT), link-local, multicast, reserved and
    documentation addresses (https://www.iana.org/assignments/iana-ipv4-special-registry), and IPv6
    addresses that wrap one of these, or wrap any by a tunnel (6to4, Teredo).

    Parameters
    ----------
    address : str
        As numbers, of either kind; ``fe80::1%eth0`` with its zone.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return _public_4(parsed) if isinstance(parsed, IPv4Address) else _public_6(parsed)


def _public_4(address: IPv4Address) -> bool:
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _public_6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return _public_4(address.ipv4_mapped)
    if address in _NAT64:
        return _public_4(IPv4Address(int(address) & 0xFFFFFFFF))
    tunnelled = address.sixtofour is not None or address.teredo is not None
    return (
        address in _GLOBAL_UNICAST
        and address.is_global
        and not (address.is_multicast or address.is_reserved or tunnelled)
    )
